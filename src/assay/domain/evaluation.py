"""Eval suites: what exactly an exam consists of, and the fingerprint by which scores are comparable.

A suite is immutable. Its fingerprint covers everything that could change a score: harness, data,
items, prompts, few-shot examples, generation settings, scorer code, metrics and their direction.
Its name is a label and is not covered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from assay.domain.canonical import (
    JsonValue,
    as_object,
    canonical_text,
    check_value,
    parse_strict,
    sha256_hex,
)
from assay.domain.errors import InvalidArgument
from assay.domain.exact import exact, exact_text
from assay.domain.ids import parse_digest
from assay.domain.names import check_metric_key, check_text

SUITE_SCHEME: Final = "suite-v1"
MAX_ITEMS: Final = 100_000
MAX_TASKS: Final = 1_000
MAX_METRICS: Final = 100
MAX_SUITE_BYTES: Final = 64 << 20

_DIRECTIONS: Final = {"maximize": True, "minimize": False}


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """A per-item metric: whether more is better, and the bounds that every item's value must keep."""

    name: str
    maximize: bool
    low: Fraction | None = None
    high: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One question of an exam; `digest` is the SHA-256 of its input and reference."""

    item_id: str
    digest: str


@dataclass(frozen=True, slots=True)
class Task:
    """A part of a suite that is asked and scored in one way."""

    name: str
    dataset_digest: str
    split: str
    items: tuple[Item, ...]
    scorer_digest: str
    metrics: tuple[MetricSpec, ...]
    prompt_digest: str | None = None
    template_digest: str | None = None
    few_shot: Mapping[str, JsonValue] = field(default_factory=dict)
    generation: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Suite:
    """A frozen exam: its tasks by name, and the program that holds it."""

    harness: str
    harness_version: str
    tasks: tuple[Task, ...]
    harness_digest: str | None = None

    def item_count(self) -> int:
        """How many items the suite has in all its tasks."""
        return sum(len(task.items) for task in self.tasks)

    def metrics(self) -> dict[str, MetricSpec]:
        """Every metric of the suite by name; tasks that share a name agree on what it means."""
        return {metric.name: metric for task in self.tasks for metric in task.metrics}

    def metric(self, name: str) -> MetricSpec:
        """The metric of that name; InvalidArgument listing those that there are."""
        known = self.metrics()
        if name not in known:
            listed = ", ".join(sorted(known))
            raise InvalidArgument(
                f"The suite has no metric {name!r}; it has {listed}.", field="metric"
            )
        return known[name]

    def count_of(self, metric: str) -> int:
        """How many items are scored with `metric`."""
        scored = (task for task in self.tasks if any(m.name == metric for m in task.metrics))
        return sum(len(task.items) for task in scored)


def parse_suite(record: object) -> Suite:
    """A suite from its JSON form; InvalidArgument names the path of what is missing, unknown or wrong.

    Form: {harness: {name, version, digest?}, tasks: [{name, dataset_digest, split, scorer_digest,
    items: [{id, digest}], metrics: [{name, direction, low?, high?}], prompt_digest?,
    template_digest?, few_shot?, generation?}]}. A `limit` other than null is refused: a part of an
    exam is not the exam.
    """
    plain = _members(check_value(record, root="suite"), "suite", {"harness", "tasks"}, {"limit"})
    if plain.get("limit") is not None:
        raise InvalidArgument(
            "limit must be null: a suite is always held in full.", field="suite.limit"
        )
    harness = _members(plain["harness"], "suite.harness", {"name", "version"}, {"digest"})
    suite = Suite(
        harness=_word(harness["name"], "suite.harness.name"),
        harness_version=_word(harness["version"], "suite.harness.version"),
        harness_digest=_digest(harness.get("digest"), "suite.harness.digest"),
        tasks=tuple(
            _task(task, f"suite.tasks[{i}]")
            for i, task in enumerate(_list(plain["tasks"], "suite.tasks", MAX_TASKS))
        ),
    )
    _check_consistent(suite)
    return suite


def suite_record(suite: Suite) -> dict[str, JsonValue]:
    """The JSON form of a suite, tasks and items in the order of their names and ids."""
    return {
        "harness": {
            "name": suite.harness,
            "version": suite.harness_version,
            "digest": suite.harness_digest,
        },
        "tasks": [_task_record(task) for task in sorted(suite.tasks, key=lambda task: task.name)],
        "limit": None,
    }


def suite_text(suite: Suite) -> str:
    """The canonical text of a suite, which is stored and whose digest is the fingerprint."""
    return canonical_text({"scheme": SUITE_SCHEME, **suite_record(suite)}, max_bytes=None)


def suite_fingerprint(suite: Suite) -> str:
    """SHA-256 of `suite_text`: scores are comparable exactly when this is equal."""
    return sha256_hex(suite_text(suite))


def suite_from_text(text: str) -> Suite:
    """A suite from the canonical text that `suite_text` made."""
    record = as_object(parse_strict(text, root="suite", max_bytes=MAX_SUITE_BYTES), "suite")
    return parse_suite({name: value for name, value in record.items() if name != "scheme"})


def _task(value: JsonValue, path: str) -> Task:
    required = {"name", "dataset_digest", "split", "items", "scorer_digest", "metrics"}
    optional = {"prompt_digest", "template_digest", "few_shot", "generation"}
    task = _members(value, path, required, optional)
    return Task(
        name=_word(task["name"], f"{path}.name"),
        dataset_digest=parse_digest(task["dataset_digest"], f"{path}.dataset_digest"),
        split=_word(task["split"], f"{path}.split"),
        items=tuple(
            _item(item, f"{path}.items[{i}]")
            for i, item in enumerate(_list(task["items"], f"{path}.items", MAX_ITEMS))
        ),
        scorer_digest=parse_digest(task["scorer_digest"], f"{path}.scorer_digest"),
        metrics=tuple(
            _metric(metric, f"{path}.metrics[{i}]")
            for i, metric in enumerate(_list(task["metrics"], f"{path}.metrics", MAX_METRICS))
        ),
        prompt_digest=_digest(task.get("prompt_digest"), f"{path}.prompt_digest"),
        template_digest=_digest(task.get("template_digest"), f"{path}.template_digest"),
        few_shot=_settings(task.get("few_shot"), f"{path}.few_shot"),
        generation=_settings(task.get("generation"), f"{path}.generation"),
    )


def _item(value: JsonValue, path: str) -> Item:
    item = _members(value, path, {"id", "digest"}, set())
    return Item(_word(item["id"], f"{path}.id"), parse_digest(item["digest"], f"{path}.digest"))


def _metric(value: JsonValue, path: str) -> MetricSpec:
    metric = _members(value, path, {"name", "direction"}, {"low", "high"})
    low = _bound(metric.get("low"), f"{path}.low")
    high = _bound(metric.get("high"), f"{path}.high")
    if low is not None and high is not None and low > high:
        raise InvalidArgument(f"{path}.low is greater than its high.", field=f"{path}.low")
    return MetricSpec(
        name=check_metric_key(metric["name"], f"{path}.name"),
        maximize=parse_direction(metric["direction"], f"{path}.direction"),
        low=low,
        high=high,
    )


def parse_direction(value: object, path: str = "direction") -> bool:
    """True for `maximize`, False for `minimize`, InvalidArgument for anything else."""
    if not isinstance(value, str) or value not in _DIRECTIONS:
        raise InvalidArgument(f"{path} must be 'maximize' or 'minimize'.", field=path)
    return _DIRECTIONS[value]


def direction_text(*, maximize: bool) -> str:
    """`maximize` or `minimize`."""
    return "maximize" if maximize else "minimize"


def _task_record(task: Task) -> dict[str, JsonValue]:
    return {
        "name": task.name,
        "dataset_digest": task.dataset_digest,
        "split": task.split,
        "items": [
            {"id": item.item_id, "digest": item.digest}
            for item in sorted(task.items, key=lambda item: item.item_id)
        ],
        "scorer_digest": task.scorer_digest,
        "metrics": [
            _metric_record(metric) for metric in sorted(task.metrics, key=lambda m: m.name)
        ],
        "prompt_digest": task.prompt_digest,
        "template_digest": task.template_digest,
        "few_shot": dict(task.few_shot),
        "generation": dict(task.generation),
    }


def _metric_record(metric: MetricSpec) -> dict[str, JsonValue]:
    return {
        "name": metric.name,
        "direction": direction_text(maximize=metric.maximize),
        "low": None if metric.low is None else exact_text(metric.low),
        "high": None if metric.high is None else exact_text(metric.high),
    }


def _check_consistent(suite: Suite) -> None:
    seen: set[str] = set()
    meanings: dict[str, MetricSpec] = {}
    names: set[str] = set()
    for i, task in enumerate(suite.tasks):
        path = f"suite.tasks[{i}]"
        if task.name in names:
            raise InvalidArgument(f"The task {task.name!r} occurs twice.", field=f"{path}.name")
        names.add(task.name)
        for item in task.items:
            if item.item_id in seen:
                raise InvalidArgument(
                    f"The item {item.item_id!r} occurs twice.", field=f"{path}.items"
                )
            seen.add(item.item_id)
        if len({metric.name for metric in task.metrics}) != len(task.metrics):
            raise InvalidArgument(f"{path} names a metric twice.", field=f"{path}.metrics")
        for metric in task.metrics:
            if meanings.setdefault(metric.name, metric) != metric:
                raise InvalidArgument(
                    f"The metric {metric.name!r} differs between tasks.", field=f"{path}.metrics"
                )
    if len(seen) > MAX_ITEMS:
        raise InvalidArgument(f"A suite has at most {MAX_ITEMS} items.", field="suite.tasks")


def _members(
    value: JsonValue, path: str, required: set[str], optional: set[str]
) -> Mapping[str, JsonValue]:
    if not isinstance(value, dict):
        raise InvalidArgument(f"{path} must be an object.", field=path)
    absent = sorted(required - set(value))
    if absent:
        raise InvalidArgument(f"{path}.{absent[0]} is missing.", field=f"{path}.{absent[0]}")
    unknown = sorted(set(value) - required - optional)
    if unknown:
        raise InvalidArgument(f"{path} has no member {unknown[0]!r}.", field=f"{path}.{unknown[0]}")
    return value


def _list(value: JsonValue, path: str, limit: int) -> Sequence[JsonValue]:
    if not isinstance(value, list) or not 1 <= len(value) <= limit:
        raise InvalidArgument(f"{path} must be a list of 1 to {limit} entries.", field=path)
    return value


def _word(value: JsonValue, path: str) -> str:
    return check_text(value, path, max_length=250, allow_empty=False)


def _digest(value: JsonValue, path: str) -> str | None:
    return None if value is None else parse_digest(value, path)


def _bound(value: JsonValue, path: str) -> Fraction | None:
    return None if value is None else exact(value, path)


def _settings(value: JsonValue, path: str) -> Mapping[str, JsonValue]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidArgument(f"{path} must be an object.", field=path)
    return value
