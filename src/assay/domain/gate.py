"""Gates: the frozen rules of promotion, the score that the server recomputes, and verdicts.

The runner reports one row per item; everything that is derived from rows is derived here, exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import Final

from assay.domain.canonical import JsonValue, canonical_text, check_value, sha256_hex
from assay.domain.errors import InvalidArgument
from assay.domain.evaluation import MetricSpec, Suite, direction_text, parse_direction
from assay.domain.exact import exact, exact_sum, exact_text, short
from assay.domain.ids import parse_digest
from assay.domain.names import check_metric_key

GATE_SCHEME: Final = "gate-v1"
MAX_GUARDS: Final = 50
MAX_TIMEOUT_S: Final = 7 * 24 * 3600
NAMES_SHOWN: Final = 10
DEFAULT_ALPHA: Final = "0.05"


class Comparison(StrEnum):
    """How challenger and champion are compared. `paired` wants a significant win on top of a strict one."""

    STRICT = "strict"
    PAIRED = "paired"


class Outcome(StrEnum):
    """What a gate run came to. Only `pass` can promote."""

    PASS = "pass"  # noqa: S105 -- a verdict, not a secret
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Guard:
    """A metric that may not get worse than the champion's by more than `max_regression`.

    Absolute: in the metric's own unit. Relative: as a share of the champion's absolute value.
    """

    metric: str
    maximize: bool
    max_regression: Fraction
    relative: bool = False


@dataclass(frozen=True, slots=True)
class GateSpec:
    """The rules under which one version may replace another. Immutable; a change is a new gate.

    `suite` is the suite's fingerprint, `bundle` the SHA-256 of the evaluator's files where a runner
    fetches them, `approvals` how many distinct people must agree, `timeout_s` seconds for one run.
    `alpha` is the highest p-value that a `paired` gate accepts, None for a `strict` one;
    `signed_verdicts` lets only verdicts with a registered key's signature count.
    """

    suite: str
    metric: str
    maximize: bool
    threshold: Fraction
    guards: tuple[Guard, ...] = ()
    min_items: int = 1
    comparison: Comparison = Comparison.STRICT
    approvals: int = 0
    timeout_s: int = 3600
    bundle: str | None = None
    alpha: Fraction | None = None
    signed_verdicts: bool = False


@dataclass(frozen=True, slots=True)
class MetricScore:
    """The exact sum of a metric over `items` items (at least one)."""

    total: Fraction
    items: int

    @property
    def mean(self) -> Fraction:
        """The exact average."""
        return self.total / self.items


@dataclass(frozen=True, slots=True)
class Score:
    """What the rows of one gate run amount to: every metric of the suite, exactly."""

    metrics: Mapping[str, MetricScore]
    items: int

    def means(self) -> dict[str, Fraction]:
        """Every metric's average by name."""
        return {name: score.mean for name, score in self.metrics.items()}


@dataclass(frozen=True, slots=True)
class VerdictOutcome:
    """What the gate says of a score, with the reasons in sentences."""

    outcome: Outcome
    reasons: tuple[str, ...]
    score: Fraction | None
    items: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """A written verdict: for exactly these bytes, under exactly this gate.

    `items` is how many items the gated metric was scored on; `metrics` are the exact averages;
    `evidence` identifies what it rests on (the gate run, the digest of its rows).
    """

    outcome: Outcome
    gate_fingerprint: str
    artifact_digest: str
    score: Fraction | None = None
    items: int = 0
    metrics: Mapping[str, Fraction] = field(default_factory=dict)
    evidence: Mapping[str, str] = field(default_factory=dict)


def parse_gate(record: object) -> GateSpec:
    """A gate from its JSON form; InvalidArgument names what is missing, unknown or wrong.

    Form: {suite, metric, direction, threshold, guards?: [{metric, direction, max_regression,
    relative?}], min_items?, comparison?, alpha?, approvals?, timeout_s?, bundle?, signed_verdicts?}.
    Numbers may be decimal text; they are kept exactly.
    """
    plain = check_value(record, root="gate")
    if not isinstance(plain, dict):
        raise InvalidArgument("gate must be an object.", field="gate")
    known = {"suite", "metric", "direction", "threshold", "guards", "min_items", "comparison",
             "approvals", "timeout_s", "bundle", "alpha", "signed_verdicts"}  # fmt: skip
    _check_members(plain, "gate", {"suite", "metric", "direction", "threshold"}, known)
    guards = plain.get("guards") or []
    if not isinstance(guards, list) or len(guards) > MAX_GUARDS:
        raise InvalidArgument(f"guards must be a list of at most {MAX_GUARDS}.", field="guards")
    bundle = plain.get("bundle")
    comparison = _comparison(plain.get("comparison", "strict"))
    return GateSpec(
        suite=parse_digest(plain["suite"], "suite"),
        metric=check_metric_key(plain["metric"], "metric"),
        maximize=parse_direction(plain["direction"]),
        threshold=exact(plain["threshold"], "threshold"),
        guards=tuple(_guard(guard, f"guards[{i}]") for i, guard in enumerate(guards)),
        min_items=_count(plain.get("min_items", 1), "min_items", 1, 10**9),
        comparison=comparison,
        approvals=_count(plain.get("approvals", 0), "approvals", 0, 100),
        timeout_s=_count(plain.get("timeout_s", 3600), "timeout_s", 1, MAX_TIMEOUT_S),
        bundle=None if bundle is None else parse_digest(bundle, "bundle"),
        alpha=_alpha(plain.get("alpha"), comparison),
        signed_verdicts=_signed(plain.get("signed_verdicts", "off")),
    )


def check_gate(spec: GateSpec, suite: Suite) -> None:
    """Pass, or InvalidArgument naming what the suite does not have: a metric, its direction, items."""
    gated = suite.metric(spec.metric)
    if gated.maximize != spec.maximize:
        better = direction_text(maximize=gated.maximize)
        raise InvalidArgument(f"The suite declares {spec.metric!r} as {better}.", field="direction")
    for i, guard in enumerate(spec.guards):
        if suite.metric(guard.metric).maximize != guard.maximize:
            raise InvalidArgument(
                f"The suite declares {guard.metric!r} the other way round.",
                field=f"guards[{i}].direction",
            )
    available = suite.count_of(spec.metric)
    if spec.min_items > available:
        raise InvalidArgument(
            f"min_items is {spec.min_items}, but the suite scores {spec.metric!r} on {available} items.",
            field="min_items",
        )


def gate_record(spec: GateSpec) -> dict[str, JsonValue]:
    """The JSON form of a gate, numbers as exact text.

    What came later is named only where it is used, so that older gates keep their fingerprints.
    """
    later: dict[str, JsonValue] = {}
    if spec.alpha is not None:
        later["alpha"] = exact_text(spec.alpha)
    if spec.signed_verdicts:
        later["signed_verdicts"] = "require"
    return {
        "suite": spec.suite,
        "metric": spec.metric,
        "direction": direction_text(maximize=spec.maximize),
        "threshold": exact_text(spec.threshold),
        "guards": [
            {
                "metric": guard.metric,
                "direction": direction_text(maximize=guard.maximize),
                "max_regression": exact_text(guard.max_regression),
                "relative": guard.relative,
            }
            for guard in sorted(spec.guards, key=lambda guard: guard.metric)
        ],
        "min_items": spec.min_items,
        "comparison": spec.comparison.value,
        "approvals": spec.approvals,
        "timeout_s": spec.timeout_s,
        "bundle": spec.bundle,
        **later,
    }


def gate_text(spec: GateSpec) -> str:
    """The canonical text of a gate, which is stored and whose digest is the fingerprint."""
    return canonical_text({"scheme": GATE_SCHEME, **gate_record(spec)})


def gate_fingerprint(spec: GateSpec) -> str:
    """SHA-256 of `gate_text`: two verdicts are comparable exactly when this is equal."""
    return sha256_hex(gate_text(spec))


def recompute(suite: Suite, rows: Iterable[object]) -> Score:
    """The exact score of per-item rows {item_id, metrics: {name: number}}.

    The item ids must be exactly the suite's, each once; every row carries exactly the metrics of
    its task, as finite numbers (not booleans, not text) within the declared bounds. Otherwise
    InvalidArgument naming the items; `details` lists `missing`, `duplicate` and `foreign` ones.
    """
    tasks = {item.item_id: task for task in suite.tasks for item in task.items}
    values: dict[str, list[int | float]] = {name: [] for name in suite.metrics()}
    specs = {task.name: {spec.name: spec for spec in task.metrics} for task in suite.tasks}
    seen: set[str] = set()
    duplicate: list[str] = []
    foreign: list[str] = []
    for i, row in enumerate(rows):
        item_id, metrics = _row(row, i)
        if item_id in seen:
            duplicate.append(item_id)
        elif item_id not in tasks:
            foreign.append(item_id)
        else:
            wanted = specs[tasks[item_id].name]
            for name, value in _row_values(item_id, metrics, wanted):
                values[name].append(value)
        seen.add(item_id)
    missing = [item_id for item_id in tasks if item_id not in seen]
    if missing or duplicate or foreign:
        raise _wrong_items(missing, duplicate, foreign)
    return Score(
        metrics={name: MetricScore(exact_sum(given), len(given)) for name, given in values.items()},
        items=len(tasks),
    )


def evaluate(spec: GateSpec, score: Score) -> VerdictOutcome:
    """Whether a score passes the gate on its own: enough items, and the threshold reached.

    Reaching the threshold exactly passes. Whether it beats the champion is `promotion`'s question.
    """
    gated = score.metrics.get(spec.metric)
    if gated is None:
        sentence = f"The score lacks the gated metric {spec.metric!r}."
        return VerdictOutcome(Outcome.INCONCLUSIVE, (sentence,), None, 0)
    if gated.items < spec.min_items:
        sentence = f"{gated.items} items were scored; the gate wants at least {spec.min_items}."
        return VerdictOutcome(Outcome.INCONCLUSIVE, (sentence,), gated.mean, gated.items)
    missed = threshold_miss(spec, gated.mean)
    if missed is not None:
        return VerdictOutcome(Outcome.FAIL, (missed,), gated.mean, gated.items)
    sentence = (
        f"{spec.metric} is {short(gated.mean)} on {gated.items} items, "
        f"and the threshold is {short(spec.threshold)}."
    )
    return VerdictOutcome(Outcome.PASS, (sentence,), gated.mean, gated.items)


def threshold_miss(spec: GateSpec, score: Fraction) -> str | None:
    """A sentence when the score misses the threshold, None when it reaches it."""
    if spec.maximize and score < spec.threshold:
        side, sign = "below", "<"
    elif not spec.maximize and score > spec.threshold:
        side, sign = "above", ">"
    else:
        return None
    return f"{side} threshold: {spec.metric} {short(score)} {sign} {short(spec.threshold)}."


def verdict_record(verdict: Verdict) -> dict[str, JsonValue]:
    """The JSON form of a verdict, numbers as exact text."""
    return {
        "outcome": verdict.outcome.value,
        "gate_fingerprint": verdict.gate_fingerprint,
        "artifact_digest": verdict.artifact_digest,
        "score": None if verdict.score is None else exact_text(verdict.score),
        "items": verdict.items,
        "metrics": {name: exact_text(value) for name, value in verdict.metrics.items()},
        "evidence": dict(verdict.evidence),
    }


def verdict_digest(verdict: Verdict) -> str:
    """SHA-256 of the verdict's canonical text, by which a decision refers to it."""
    return sha256_hex(canonical_text(verdict_record(verdict)))


def _guard(value: JsonValue, path: str) -> Guard:
    if not isinstance(value, dict):
        raise InvalidArgument(f"{path} must be an object.", field=path)
    required = {"metric", "direction", "max_regression"}
    _check_members(value, path, required, required | {"relative"})
    limit = exact(value["max_regression"], f"{path}.max_regression")
    relative = value.get("relative", False)
    if limit < 0:
        raise InvalidArgument(
            f"{path}.max_regression must not be negative.", field=f"{path}.max_regression"
        )
    if not isinstance(relative, bool):
        raise InvalidArgument(f"{path}.relative must be a bool.", field=f"{path}.relative")
    return Guard(
        metric=check_metric_key(value["metric"], f"{path}.metric"),
        maximize=parse_direction(value["direction"], f"{path}.direction"),
        max_regression=limit,
        relative=relative,
    )


def _check_members(
    value: Mapping[str, JsonValue], path: str, required: set[str], known: set[str]
) -> None:
    absent = sorted(required - set(value))
    if absent:
        raise InvalidArgument(f"{path}: {absent[0]} is missing.", field=absent[0])
    unknown = sorted(set(value) - known)
    if unknown:
        raise InvalidArgument(f"{path} has no member {unknown[0]!r}.", field=unknown[0])


def _count(value: JsonValue, name: str, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InvalidArgument(f"{name} must be a whole number from {low} to {high}.", field=name)
    return value


def _comparison(value: JsonValue) -> Comparison:
    try:
        return Comparison(value)  # type: ignore[arg-type] # any other type is refused like a text
    except ValueError:
        raise InvalidArgument(
            "comparison must be 'strict' or 'paired'.", field="comparison"
        ) from None


def _alpha(value: JsonValue, comparison: Comparison) -> Fraction | None:
    if comparison is Comparison.STRICT:
        if value is not None:
            raise InvalidArgument("alpha belongs to comparison 'paired'.", field="alpha")
        return None
    alpha = exact(DEFAULT_ALPHA if value is None else value, "alpha")
    if not 0 < alpha < 1:
        raise InvalidArgument("alpha must be greater than 0 and less than 1.", field="alpha")
    return alpha


def _signed(value: JsonValue) -> bool:
    if not isinstance(value, str) or value not in {"off", "require"}:
        raise InvalidArgument(
            "signed_verdicts must be 'off' or 'require'.", field="signed_verdicts"
        )
    return value == "require"


def _row(row: object, index: int) -> tuple[str, Mapping[str, object]]:
    item_id = row.get("item_id") if isinstance(row, Mapping) else None
    metrics = row.get("metrics") if isinstance(row, Mapping) else None
    if not isinstance(item_id, str) or not isinstance(metrics, Mapping):
        raise InvalidArgument(
            f"rows[{index}] must be an object with item_id (a text) and metrics (an object).",
            field=f"rows[{index}]",
        )
    return item_id, metrics


def _row_values(
    item_id: str, metrics: Mapping[str, object], wanted: Mapping[str, MetricSpec]
) -> Iterable[tuple[str, int | float]]:
    if metrics.keys() != wanted.keys():
        raise InvalidArgument(
            f"Item {item_id[:100]!r} must carry exactly the metrics {', '.join(sorted(wanted))}.",
            field="rows",
            items=[item_id],
        )
    for name, spec in wanted.items():
        yield name, _row_value(item_id, spec, metrics[name])


def _row_value(item_id: str, spec: MetricSpec, value: object) -> int | float:
    where = f"{spec.name} of item {item_id[:100]!r}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidArgument(f"{where} must be a number.", field="rows", items=[item_id])
    try:
        number = exact(value, where)
    except InvalidArgument as error:
        raise InvalidArgument(error.message, field="rows", items=[item_id]) from None
    if (spec.low is not None and number < spec.low) or (
        spec.high is not None and number > spec.high
    ):
        low = "-∞" if spec.low is None else short(spec.low)
        high = "∞" if spec.high is None else short(spec.high)
        raise InvalidArgument(
            f"{where} is {value!r}, outside {low} to {high}.", field="rows", items=[item_id]
        )
    return value


def _wrong_items(missing: list[str], duplicate: list[str], foreign: list[str]) -> InvalidArgument:
    parts = [
        f"{len(names)} {what} ({', '.join(name[:100] for name in names[:NAMES_SHOWN])}"
        f"{', …' if len(names) > NAMES_SHOWN else ''})"
        for what, names in (("missing", missing), ("duplicate", duplicate), ("foreign", foreign))
        if names
    ]
    return InvalidArgument(
        f"The rows are not exactly the suite's items: {'; '.join(parts)}.",
        field="rows",
        missing=missing[:NAMES_SHOWN],
        duplicate=duplicate[:NAMES_SHOWN],
        foreign=foreign[:NAMES_SHOWN],
    )
