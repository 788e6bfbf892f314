"""Reproduction as a check: does a run do again what a claim says that a version did?

A claim is fixed when it is made. The check compares lineage first, then the exam, then the numbers,
in exact arithmetic; whatever cannot be compared is never called reproduced.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import Final

from assay.domain.canonical import JsonValue, canonical_text
from assay.domain.errors import InvalidArgument
from assay.domain.exact import exact, exact_text
from assay.domain.names import check_metric_key

MAX_METRICS: Final = 1_000
MAX_SEEDS: Final = 1_000
_DEEPEST: Final = 64


class Outcome(StrEnum):
    """How a check ended. Its exit code is 0, 1 or 2; 3 is left for a check that could not be made."""

    REPRODUCED = "reproduced"
    DRIFT = "drift"
    NOT_COMPARABLE = "not_comparable"

    @property
    def exit_code(self) -> int:
        """0 reproduced, 1 drift, 2 not comparable."""
        return _CODES[self]


_CODES: Final = {Outcome.REPRODUCED: 0, Outcome.DRIFT: 1, Outcome.NOT_COMPARABLE: 2}


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a metric may be from its claimed value: within either bound is within."""

    absolute: Fraction = Fraction(0)
    relative: Fraction = Fraction(0)

    def allows(self, claimed: Fraction, found: Fraction) -> bool:
        """Whether `found` is close enough; a bound that is met exactly holds."""
        delta = abs(found - claimed)
        return delta <= self.absolute or delta <= self.relative * abs(claimed)


@dataclass(frozen=True, slots=True)
class ClaimedMetric:
    """A value, as exact text, and what may differ from it."""

    value: Fraction
    tolerance: Tolerance


@dataclass(frozen=True, slots=True)
class Terms:
    """What a claim says: lineage as its five fields, the suite, its scores, the digest of the files.

    `seeds` are further seeds under which the claim is said to hold. `is_bitwise` asks for equal files.
    """

    lineage: Mapping[str, JsonValue]
    fingerprint: str
    suite: str | None
    metrics: Mapping[str, ClaimedMetric]
    artifact_digest: str | None
    is_bitwise: bool = False
    seeds: tuple[JsonValue, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a run brings. `lineage` lacks the fields that the run does not tell.

    `scores` are its results on the claimed suite, None for a NaN; `other_suites` those that it has
    beside it.
    """

    lineage: Mapping[str, JsonValue]
    missing: tuple[str, ...] = ()
    scores: Mapping[str, Fraction | None] = field(default_factory=dict)
    other_suites: tuple[str, ...] = ()
    artifact_digest: str | None = None


class Change(StrEnum):
    """How a place of the lineage differs; `type_only`: equal but for its type, such as 3 and 3.0."""

    CHANGED = "changed"
    TYPE_ONLY = "type_only"
    ADDED = "added"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Difference:
    """One place of the lineage, as canonical texts; None where there is nothing."""

    path: str
    change: Change
    claimed: str | None
    found: str | None
    hint: str = ""


@dataclass(frozen=True, slots=True)
class MetricCheck:
    """One metric: `found` is None where the candidate has none, or NaN."""

    metric: str
    claimed: Fraction
    found: Fraction | None
    is_within: bool


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome and all that it rests on. `is_bitwise` is None where files were not compared."""

    outcome: Outcome
    reasons: tuple[str, ...]
    differences: tuple[Difference, ...]
    metrics: tuple[MetricCheck, ...]
    is_bitwise: bool | None


def parse_metrics(values: Mapping[str, object], where: str = "tolerances") -> dict[str, Tolerance]:
    """Tolerances by metric from `{metric: {absolute?, relative?}}`; numbers, or texts of such."""
    if len(values) > MAX_METRICS:
        raise InvalidArgument(f"{where} names more than {MAX_METRICS} metrics.", field=where)
    found: dict[str, Tolerance] = {}
    for metric, given in values.items():
        place = f"{where}.{metric}"[:300]
        check_metric_key(metric, where)
        if not isinstance(given, Mapping) or set(given) - {"absolute", "relative"}:
            raise InvalidArgument(f"{place} must be {{absolute?, relative?}}.", field=place)
        bounds = {name: exact(value, f"{place}.{name}") for name, value in given.items()}
        for name, bound in bounds.items():
            if bound < 0:
                raise InvalidArgument(
                    f"{place}.{name} must not be negative.", field=f"{place}.{name}"
                )
        found[metric] = Tolerance(**bounds)
    return found


def check(terms: Terms, candidate: Candidate) -> Report:
    """Compare a candidate with a claim: lineage, exam, files, numbers, in this order."""
    differences = tuple(_differences("", dict(terms.lineage), dict(candidate.lineage)))
    is_bitwise = _bitwise(terms, candidate)
    metrics = tuple(
        MetricCheck(
            metric,
            claimed.value,
            found := candidate.scores.get(metric),
            found is not None and claimed.tolerance.allows(claimed.value, found),
        )
        for metric, claimed in sorted(terms.metrics.items())
    )
    apart = tuple(_why_not_comparable(terms, candidate, metrics))
    drift = tuple(_why_drift(terms, candidate, differences, metrics, is_bitwise))
    held = Outcome.DRIFT if drift else Outcome.REPRODUCED
    outcome = Outcome.NOT_COMPARABLE if apart else held
    return Report(outcome, (*apart, *drift), differences, metrics, is_bitwise)


def _bitwise(terms: Terms, candidate: Candidate) -> bool | None:
    if terms.artifact_digest is None or candidate.artifact_digest is None:
        return None
    return terms.artifact_digest == candidate.artifact_digest


def _why_not_comparable(
    terms: Terms, candidate: Candidate, metrics: Sequence[MetricCheck]
) -> Iterator[str]:
    if candidate.missing:
        yield f"The candidate's lineage is not closed: {', '.join(candidate.missing)} missing."
    if terms.is_bitwise and candidate.artifact_digest is None:
        yield "The claim is about equal files, and the candidate has none to compare."
    absent = [found.metric for found in metrics if found.found is None]
    if absent and len(absent) == len(metrics) and candidate.other_suites:
        held = ", ".join(candidate.other_suites[:5])
        yield f"The candidate was not scored on suite {terms.suite}, but on {held}."
    elif absent:
        yield f"The candidate has no number on suite {terms.suite} for {', '.join(absent)}."


def _why_drift(
    terms: Terms,
    candidate: Candidate,
    differences: Sequence[Difference],
    metrics: Sequence[MetricCheck],
    is_bitwise: bool | None,  # noqa: FBT001 -- None is one of its values
) -> Iterator[str]:
    told = [found for found in differences if not _is_claimed_seed(terms, candidate, found)]
    if told:
        places = ", ".join(found.path for found in told[:10])
        yield f"The lineage differs at {places}."
    outside = [found.metric for found in metrics if found.found is not None and not found.is_within]
    if outside:
        yield f"Outside of the tolerance: {', '.join(outside)}."
    if terms.is_bitwise and is_bitwise is False:
        yield "The files are not the same, bit for bit."


def _is_claimed_seed(terms: Terms, candidate: Candidate, found: Difference) -> bool:
    if found.path != "seed" or "seed" not in candidate.lineage:
        return False
    seed = canonical_text(candidate.lineage["seed"])
    return any(canonical_text(other) == seed for other in terms.seeds)


def _differences(
    path: str, claimed: JsonValue, found: JsonValue, depth: int = 0
) -> Iterator[Difference]:
    if isinstance(claimed, dict) and isinstance(found, dict) and depth < _DEEPEST:
        for name in sorted({*claimed, *found}):
            place = f"{path}.{name}" if path else name
            if name not in found:
                yield Difference(place, Change.REMOVED, canonical_text(claimed[name]), None)
            elif name not in claimed:
                yield Difference(place, Change.ADDED, None, canonical_text(found[name]))
            else:
                yield from _differences(place, claimed[name], found[name], depth + 1)
        return
    if isinstance(claimed, list) and isinstance(found, list) and len(claimed) == len(found):
        for position, (before, after) in enumerate(zip(claimed, found, strict=True)):
            yield from _differences(f"{path}[{position}]", before, after, depth + 1)
        return
    before, after = canonical_text(claimed), canonical_text(found)
    if before == after:
        return
    if _as_number(claimed) is not None and _as_number(claimed) == _as_number(found):
        hint = f"equal as numbers; write {before}, as the claim does"
        yield Difference(path, Change.TYPE_ONLY, before, after, hint)
    else:
        yield Difference(path, Change.CHANGED, before, after)


def _as_number(value: JsonValue) -> Fraction | None:
    if isinstance(value, bool):
        return Fraction(int(value))
    if isinstance(value, str):
        try:
            return exact(value)
        except InvalidArgument:
            return None
    return exact(value) if isinstance(value, int | float) else None


def terms_record(terms: Terms) -> dict[str, JsonValue]:
    """The JSON form of a claim, of which the canonical text is kept."""
    return {
        "lineage": dict(terms.lineage),
        "fingerprint": terms.fingerprint,
        "suite": terms.suite,
        "metrics": {
            metric: {
                "value": exact_text(claimed.value),
                "absolute": exact_text(claimed.tolerance.absolute),
                "relative": exact_text(claimed.tolerance.relative),
            }
            for metric, claimed in sorted(terms.metrics.items())
        },
        "artifact_digest": terms.artifact_digest,
        "bitwise": terms.is_bitwise,
        "seeds": list(terms.seeds),
    }


def terms_from(record: Mapping[str, JsonValue]) -> Terms:
    """A claim from the form that `terms_record` made."""
    lineage, metrics, seeds = record["lineage"], record["metrics"], record["seeds"]
    assert isinstance(lineage, dict)
    assert isinstance(metrics, dict)
    assert isinstance(seeds, list)
    claimed: dict[str, ClaimedMetric] = {}
    for metric, kept in metrics.items():
        assert isinstance(kept, dict)
        bounds = Tolerance(exact(kept["absolute"]), exact(kept["relative"]))
        claimed[metric] = ClaimedMetric(exact(kept["value"]), bounds)
    suite, digest = record["suite"], record["artifact_digest"]
    return Terms(
        lineage=lineage,
        fingerprint=str(record["fingerprint"]),
        suite=None if suite is None else str(suite),
        metrics=claimed,
        artifact_digest=None if digest is None else str(digest),
        is_bitwise=record["bitwise"] is True,
        seeds=tuple(seeds),
    )
