"""The rows of a gate run: per item for whoever may know the items, in sums for everybody else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from assay.domain.access import Action, is_allowed
from assay.domain.errors import InvalidArgument, NotFound
from assay.domain.gate_run import GivenVerdict
from assay.domain.paging import bind, decode, encode
from assay.services.checks import check_page_size
from assay.services.context import Context
from assay.services.paired_tests import read_rows
from assay.services.platform import Platform
from assay.storage import gate_runs, verdicts

MAX_PAGE = 10_000


@dataclass(frozen=True, slots=True)
class ItemRow:
    """One item: its id and what was measured on it. Never its question or its reference."""

    item_id: str
    metrics: Mapping[str, int | float]


@dataclass(frozen=True, slots=True)
class RowsPage:
    """`rows` is None for whoever may not know the items; the verdict carries the averages."""

    verdict: GivenVerdict
    rows: tuple[ItemRow, ...] | None
    next_token: str | None


class GateRunRows:
    """Reads what runners handed in."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def read(
        self,
        context: Context,
        gate_run_id: str,
        *,
        max_results: int = 1_000,
        page_token: str | None = None,
    ) -> RowsPage:
        """The verdict and, for maintainers, auditors and admins, a page of its rows by item id.

        Raises NotFound for a gate run that is not visible or has no verdict from rows.
        """
        check_page_size(max_results, MAX_PAGE)
        name = f"Gate run {gate_run_id[:100]!r}"
        with self._platform.database.read() as tx:
            run = gate_runs.find_gate_run(tx, gate_run_id)
            if run is None:
                raise NotFound(f"{name} does not exist.", field="gate_run_id")
            context.require_object(Action.GATE_READ, run.workspace, name)
            given = verdicts.find_verdict_of_run(tx, run.pk)
        if given is None or given.rows_sha256 is None:
            raise NotFound(f"{name} has no rows.", field="gate_run_id")
        if not is_allowed(context.actor, Action.ITEM_READ, run.workspace):
            return RowsPage(given, None, None)
        binding = bind(["gate_run_rows", gate_run_id])
        start = 0 if page_token is None else decode(page_token, binding, size=1)[0]
        if isinstance(start, bool) or not isinstance(start, int) or start < 0:
            raise InvalidArgument("page_token is not one of this server.", field="page_token")
        rows = read_rows(self._platform, given)
        end = start + max_results
        shown = tuple(ItemRow(item_id, metrics) for item_id, metrics in rows[start:end])
        return RowsPage(given, shown, encode([end], binding) if end < len(rows) else None)
