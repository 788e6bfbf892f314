"""A harness's report in our terms: the suite that was held, and what was scored on it.

The hashes that harnesses write are not enough for a fingerprint: they stay equal when the scoring
changes, or are missing. So a suite is made from the settings and the single samples, and a report
without samples, or of a part of the exam, is refused.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from assay.domain.canonical import canonical_text, check_value, sha256_hex
from assay.domain.errors import InvalidArgument
from assay.domain.evaluation import Item, Suite, suite_fingerprint

_LONGEST_ID: Final = 200
_TOLERANCE: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Score:
    """An aggregate of the report, under the name that it gets here, over so many items."""

    metric: str
    value: float
    items: int


@dataclass(frozen=True, slots=True)
class Report:
    """One evaluation of one model: `model` is what the harness calls it."""

    suite: Suite
    scores: tuple[Score, ...]
    model: str

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the suite."""
        return suite_fingerprint(self.suite)


def digest_of(value: object, what: str) -> str:
    """SHA-256 of the canonical text of a part of a report; InvalidArgument names `what`."""
    return sha256_hex(canonical_text(check_value(value, root=what), max_bytes=None))


def item_of(task: str, name: object, content: object) -> Item:
    """An item by the task and the harness's own id; a very long id is replaced by its digest."""
    text = f"{task}/{name}"
    if len(text) > _LONGEST_ID:
        text = f"{task[:100]}/{sha256_hex(text)}"
    return Item(text, digest_of(content, f"sample {text[:100]}"))


def data_digest(items: Sequence[Item]) -> str:
    """The digest of a data set: its items, in whatever order they were asked."""
    return digest_of(sorted([item.item_id, item.digest] for item in items), "items")


def member(record: Mapping[str, Any], name: str, kind: type, where: str) -> Any:
    """A member of a report that has to be there and of a type."""
    value = record.get(name)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise InvalidArgument(f"{where} has no {name}; is this a whole report?", field=name)
    return value


def number(value: object) -> float | None:
    """A finite number, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def check_mean(metric: str, told: float, values: Sequence[float]) -> None:
    """Refuse an aggregate that its own samples contradict."""
    mean = math.fsum(values) / len(values)
    if abs(mean - told) > _TOLERANCE * max(1.0, abs(told)):
        raise InvalidArgument(
            f"{metric} is reported as {told:.6g}, but its {len(values)} samples say {mean:.6g}: "
            "the report and the samples are not of the same evaluation.",
            field="samples",
        )


def refuse_limited(settings: Mapping[str, Any], *names: str) -> None:
    """Refuse a run whose settings say that only a part of the exam was held."""
    for name in names:
        if settings.get(name) is not None:
            raise InvalidArgument(
                f"This is a run with {name}={settings[name]!r}: a part of an exam is not comparable "
                "with the exam; run it without a limit.",
                field="limit",
            )


def refuse_part(task: str, held: int, whole: int) -> None:
    """Refuse a part of an exam."""
    if held != whole:
        raise InvalidArgument(
            f"{task}: {held} of {whole} items were held. A part of an exam is not comparable with the "
            "exam; run it without a limit.",
            field="limit",
        )
