"""Runs of a project, filtered, ordered and counted."""

from __future__ import annotations

import json
from typing import Any, Final

from assay.domain.conditions import Condition, parse_conditions, place_of
from assay.domain.errors import InvalidArgument
from assay.faces.wandb.ask import Arguments, Ask, Resolvers
from assay.faces.wandb.projects import ProjectNode, connection, find_project, page_size, page_start
from assay.faces.wandb.run_nodes import LISTED_RUNS, TAGS_TAG, RunNode
from assay.faces.wandb.values import read_object
from assay.services.client_runs import Order

MAX_ORDERS: Final = 5
MAX_MODIFIED: Final = 1_000


def condition_of(filters: str | None) -> Condition:
    """The client's filter, a JSON text, as a condition. No text: every run."""
    return parse_conditions(read_object(filters, "filters"))


def orders_of(order: str | None) -> list[Order]:
    """`-created_at`, `+summary_metrics.acc` and so on, a list with commas between."""
    orders = []
    for part in [each.strip() for each in (order or "").split(",") if each.strip()][:MAX_ORDERS]:
        entity, key = place_of(part.lstrip("+-"))
        if entity == "label":
            raise InvalidArgument("Runs are not ordered by tags.", field="order")
        orders.append(Order(entity, key, not part.startswith("-")))
    return orders


def _runs(node: ProjectNode, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    start, size = page_start(arguments.get("after")), page_size(arguments.get("first"))
    ask.spend(size)
    found = ask.services.clients.runs.search(
        ask.context,
        node.experiment.experiment_id,
        condition_of(arguments.get("filters")),
        orders_of(arguments.get("order")),
        start=start,
        count=size + 1,
    )
    nodes = [RunNode(known, node.name) for known in found[:size]]
    ask.memory[LISTED_RUNS] = [each.run for each in nodes]
    return connection(nodes, start, has_next=len(found) > size)


def _count(node: ProjectNode, ask: Ask, arguments: Arguments) -> int:
    return ask.services.clients.runs.count(
        ask.context, node.experiment.experiment_id, condition_of(arguments.get("filters"))
    )


def _modify(_: Any, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    """Add and remove labels of the runs that a filter finds."""
    given = arguments["input"]
    node = find_project(ask, given["entityName"], given["projectName"])
    found = ask.services.clients.runs.search(
        ask.context,
        node.experiment.experiment_id,
        condition_of(given["filters"]),
        [],
        start=0,
        count=MAX_MODIFIED,
    )
    removed = set(given.get("removeTags") or ())
    for known in found:
        labels = [
            *json.loads(known.whole.tags.get(TAGS_TAG, "[]")),
            *(given.get("addTags") or ()),
        ]
        kept = [label for label in dict.fromkeys(labels) if label not in removed]
        ask.services.runs.set_tags(
            ask.context, known.whole.run.run_id, {TAGS_TAG: json.dumps(kept)}
        )
    return {"modifiedCount": len(found)}


RESOLVERS: Final[Resolvers] = {
    "Project": {"runs": _runs, "runCount": _count},
    "Mutation": {"modifyRuns": _modify},
}
