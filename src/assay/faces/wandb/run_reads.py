"""What a run logged, read back: histories, samples, pages, Parquet, console lines."""

from __future__ import annotations

import json
from importlib.util import find_spec
from typing import Any, Final

from assay.domain.access import Action
from assay.domain.errors import InvalidArgument
from assay.faces.wandb.addresses import signed_url
from assay.faces.wandb.ask import Arguments, Ask, Resolvers
from assay.faces.wandb.projects import page_start
from assay.faces.wandb.run_nodes import CONSOLE_FILE, LISTED_RUNS, RunNode, history_keys
from assay.faces.wandb.values import json_text, read_object, strict
from assay.services.client_history import RESERVED_KEYS, RUNTIME_KEY, Window

PARQUET: Final = "run-history"
_RECORD_KEYS: Final = "record keys"
DEFAULT_SAMPLES: Final = 500
MAX_SAMPLES: Final = 100_000
MAX_SPECS: Final = 100
MAX_CONSOLE_PAGE: Final = 10_000


def _keys(node: RunNode, ask: Ask, _: Arguments) -> dict[str, Any]:
    listed = ask.memory.pop(LISTED_RUNS, None)
    if listed:
        # One look at the database for all runs of a page, when the first of them is asked.
        ask.memory[_RECORD_KEYS] = ask.services.records.keys_of_runs(ask.context, listed)
    known = ask.memory.get(_RECORD_KEYS, {}).get(node.run.run_id)
    if known is None:
        known = ask.services.records.keys(ask.context, node.run.run_id)
    return history_keys(node, known)


def _samples(given: Any) -> int:
    if given is None:
        return DEFAULT_SAMPLES
    if isinstance(given, bool) or not isinstance(given, int) or given < 0:
        raise InvalidArgument("samples must be a whole number from 0.", field="samples")
    return min(given, MAX_SAMPLES)


def _history(node: RunNode, ask: Ask, arguments: Arguments) -> list[str]:
    """Rows as JSON texts. A page ends before `maxStep`."""
    window = _window(arguments.get("minStep"), arguments.get("maxStep"), is_last_inside=False)
    ask.spend(20)
    rows = ask.services.clients.history.rows(
        ask.context, node.run.run_id, window=window, samples=_samples(arguments.get("samples"))
    )
    return [json_text(row) for row in rows]


def _events(node: RunNode, ask: Ask, arguments: Arguments) -> list[str]:
    ask.spend(20)
    rows = ask.services.clients.history.events(
        ask.context, node.run.run_id, _samples(arguments.get("samples"))
    )
    return [json_text(row) for row in rows]


def _sampled(node: RunNode, ask: Ask, arguments: Arguments) -> list[Any]:
    specs = arguments["specs"]
    if len(specs) > MAX_SPECS:
        raise InvalidArgument(f"At most {MAX_SPECS} specs.", field="specs")
    return [_sample(node, ask, read_object(spec, "specs")) for spec in specs]


def _sample(node: RunNode, ask: Ask, spec: dict[str, Any]) -> list[Any]:
    if not spec:
        # The client asks so for sweeps whose rows it does not want.
        return []
    keys = spec.get("keys")
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise InvalidArgument("A spec names its keys.", field="specs")
    ask.spend(20)
    rows = ask.services.clients.history.rows(
        ask.context,
        node.run.run_id,
        window=_window(spec.get("minStep"), spec.get("maxStep"), is_last_inside=True),
        keys=keys,
        samples=_samples(spec.get("samples")),
    )
    wanted = set(keys)
    return [strict({k: v for k, v in row.items() if k in wanted}) for row in rows]


def _window(first: Any, last: Any, *, is_last_inside: bool) -> Window:
    whole = Window()
    for step in (first, last):
        if step is not None and (isinstance(step, bool) or not isinstance(step, int)):
            raise InvalidArgument("A step is a whole number.", field="minStep")
    end = whole.last if last is None else min(last, whole.last)
    if last is not None and not is_last_inside:
        end = max(end - 1, whole.first)
    return Window(whole.first if first is None else max(first, whole.first), end)


def _parquet(node: RunNode, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    """Parquet addresses for an ended run of plain numbers; else a row to begin pages with."""
    del arguments
    if _is_plain(node, ask):
        marks = ask.services.clients.runs.export_marks(ask.context, node.run.run_id, node.last_step)
        if marks:
            firsts = [Window().first, *(mark + 1 for mark in marks)]
            urls = [_part(node, ask, *ends) for ends in zip(firsts, marks, strict=False)]
            return {"parquetUrls": urls, "liveData": []}
    rows = ask.services.clients.history.rows(ask.context, node.run.run_id, samples=1)
    return {"parquetUrls": [], "liveData": [strict(row) for row in rows]}


def _is_plain(node: RunNode, ask: Ask) -> bool:
    """Whether the run has ended and each of its rows has a number under each key.

    Clients read a column's gaps as values, and rows that lack a key they asked for as rows.
    """
    if node.run.ended_at_ms is None or find_spec("pyarrow") is None:
        return False
    said = node.known.said
    if said is None or json.loads(said.shape).get("nested"):
        return False
    alone = frozenset(node.summary_keys)
    counts = {metric.key: metric.count for metric in node.series if metric.key not in alone}
    if RUNTIME_KEY not in counts or len(set(counts.values())) != 1:
        return False
    keys = set(ask.services.records.keys(ask.context, node.run.run_id))
    return not keys - set(RESERVED_KEYS)


def _part(node: RunNode, ask: Ask, first: int, last: int) -> str:
    # Points that came since make other bytes, which must not be taken for ranges of the old ones.
    stamp = str(sum(metric.count for metric in node.series))
    place = (node.run.workspace, node.run.run_id, str(first), str(last), stamp)
    return signed_url(
        ask.call, PARQUET, Action.TRACKING_READ, *place, name=f"history-{last}.parquet"
    )


def _lines(node: RunNode, ask: Ask, arguments: Arguments) -> dict[str, Any]:
    """Console lines, from the start or the last ones."""
    count, last = node.lines(CONSOLE_FILE), arguments.get("last")
    start = page_start(arguments.get("after"))
    size = min(arguments.get("first") or 1_000, MAX_CONSOLE_PAGE)
    if last is not None:
        size = min(max(last, 0), MAX_CONSOLE_PAGE)
        start = max(count - size, 0)
    ask.spend(max(size, 1))
    lines = _console(node, ask, start, size)
    edges = [
        {"node": {"number": number, **line}, "cursor": str(number + 1)}
        for number, line in enumerate(lines, start=start)
    ]
    end = start + len(lines)
    has_next = last is None and len(lines) == size and bool(_console(node, ask, end, 1))
    return {"edges": edges, "pageInfo": {"endCursor": str(end), "hasNextPage": has_next}}


def _console(node: RunNode, ask: Ask, start: int, size: int) -> list[dict[str, Any]]:
    found = ask.services.clients.history.console(ask.context, node.run.run_id, start, size)
    return [
        {
            "timestamp": told.get("at") or None,
            "level": told.get("level") or "info",
            "label": told.get("label") or "",
            "line": told.get("line") or "",
        }
        for told in map(json.loads, found)
    ]


RESOLVERS: Final[Resolvers] = {
    "Run": {
        "historyKeys": _keys,
        "history": _history,
        "events": _events,
        "sampledHistory": _sampled,
        "parquetHistory": _parquet,
        "logLines": _lines,
    },
}
