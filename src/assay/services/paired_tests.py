"""The paired test of two verdicts, from their kept rows; the same answer every time it is asked."""

from __future__ import annotations

import random
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Final

from assay.domain.canonical import parse_strict
from assay.domain.errors import AppError, DataCorrupted
from assay.domain.exact import exact
from assay.domain.gate_run import Gate, GivenVerdict
from assay.domain.paired import PairedResult, compare_items, pair_seed
from assay.services.platform import Platform

MAX_ROWS_BYTES: Final = 256 << 20
_KEPT: Final = 256


class PairedTests:
    """Compares verdicts item by item and remembers the last results: their input never changes."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, str], PairedResult] = OrderedDict()

    def compare(
        self, gate: Gate, challenger: GivenVerdict, champion: GivenVerdict, attempts: int
    ) -> PairedResult | None:
        """The test on the gated metric; None where the rows of one side are not there to be read."""
        pair = (champion.gate_run_id, challenger.gate_run_id)
        with self._lock:
            known = self._known.get(pair)
        if known is None:
            try:
                known = compare_items(
                    self._values(gate.spec.metric, challenger),
                    self._values(gate.spec.metric, champion),
                    maximize=gate.spec.maximize,
                    seed=pair_seed(*pair),
                    draws=_draws,
                )
            except AppError:
                return None
            with self._lock:
                self._known[pair] = known
                while len(self._known) > _KEPT:
                    self._known.popitem(last=False)
        return replace(known, attempts=max(1, attempts))

    def _values(self, metric: str, given: GivenVerdict) -> dict[str, Fraction]:
        return {
            item_id: exact(metrics[metric])
            for item_id, metrics in read_rows(self._platform, given)
            if metric in metrics
        }


def read_rows(
    platform: Platform, given: GivenVerdict
) -> list[tuple[str, Mapping[str, int | float]]]:
    """(item id, its metrics) as posted, by item id. Raises NotFound or DataCorrupted."""
    if given.rows_sha256 is None:
        return []
    pieces = platform.blobs.open(given.rows_sha256)
    try:
        content = b"".join(pieces)
    finally:
        pieces.close()
    rows = parse_strict(content, root="rows", max_bytes=MAX_ROWS_BYTES)
    found: list[tuple[str, Mapping[str, int | float]]] = []
    for row in rows if isinstance(rows, list) else [None]:
        metrics = row.get("metrics") if isinstance(row, dict) else None
        item_id = row.get("item_id") if isinstance(row, dict) else None
        if not isinstance(item_id, str) or not isinstance(metrics, dict):
            raise DataCorrupted("Kept rows are not rows.", sha256=given.rows_sha256)
        found.append((item_id, metrics))  # type: ignore[arg-type] # numbers, when they were kept
    return found


def _draws(seed: int) -> Callable[[], float]:
    # No secret: anybody must be able to draw the same numbers again.
    return random.Random(seed).random  # noqa: S311
