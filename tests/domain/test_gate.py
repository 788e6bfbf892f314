import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.domain.canonical import sha256_hex
from assay.domain.errors import InvalidArgument
from assay.domain.exact import exact
from assay.domain.gate import (
    Comparison,
    MetricScore,
    Outcome,
    Score,
    check_gate,
    evaluate,
    gate_fingerprint,
    gate_record,
    gate_text,
    parse_gate,
    recompute,
)
from tests.domain.suites import a_suite, a_task

SUITE = a_suite()
LATENCY = {"metric": "latency", "direction": "minimize", "max_regression": "0.05"}
ITEM = {"id": "w1", "digest": "9" * 64}


def a_record(**changes: Any) -> dict[str, Any]:
    """A gate as JSON."""
    return {
        "suite": "5" * 64,
        "metric": "accuracy",
        "direction": "maximize",
        "threshold": 0.75,
        **changes,
    }


def rows(*values: object, metric: str = "accuracy") -> list[dict[str, Any]]:
    """One row per item q0, q1, … with these values."""
    return [{"item_id": f"q{i}", "metrics": {metric: value}} for i, value in enumerate(values)]


def refused(given_rows: list[Any], suite: Any = SUITE) -> InvalidArgument:
    """The refusal of rows."""
    with pytest.raises(InvalidArgument) as caught:
        recompute(suite, given_rows)
    return caught.value


def test_a_gate_survives_its_text() -> None:
    """Text and digest are stable, and the record reads back as the same gate."""
    gate = parse_gate(
        a_record(guards=[LATENCY], comparison="paired", approvals=2, bundle="b" * 64, min_items=3)
    )
    assert parse_gate(gate_record(gate)) == gate
    assert gate_fingerprint(gate) == sha256_hex(gate_text(gate))
    assert gate.comparison is Comparison.PAIRED
    assert gate.guards[0].max_regression == Fraction(1, 20)


def test_a_number_and_its_text_are_one_gate() -> None:
    """0.75 sent as a number, as text, or with a trailing zero is the same threshold."""
    prints = {gate_fingerprint(parse_gate(a_record(threshold=t))) for t in (0.75, "0.75", "0.750")}
    assert len(prints) == 1
    assert parse_gate(a_record(threshold="0.1")).threshold == Fraction(1, 10)


@pytest.mark.parametrize(
    "change",
    [
        {"suite": "6" * 64},
        {"metric": "f1"},
        {"direction": "minimize"},
        {"threshold": "0.7500000001"},
        {"guards": [LATENCY]},
        {"min_items": 2},
        {"comparison": "paired"},
        {"approvals": 1},
        {"timeout_s": 60},
        {"bundle": "b" * 64},
    ],
)
def test_any_change_is_another_gate(change: dict[str, Any]) -> None:
    """Whatever the rules say is part of their identity."""
    assert gate_fingerprint(parse_gate(a_record(**change))) != gate_fingerprint(
        parse_gate(a_record())
    )


@pytest.mark.parametrize(
    ("record", "field"),
    [
        ([], "gate"),
        ({"suite": "5" * 64}, "direction"),
        (a_record(extra=1), "extra"),
        (a_record(suite="x"), "suite"),
        (a_record(metric=""), "metric"),
        (a_record(direction="up"), "direction"),
        (a_record(threshold="high"), "threshold"),
        (a_record(threshold=True), "threshold"),
        (a_record(threshold=math.nan), "threshold"),
        (a_record(guards={}, min_items=0), "min_items"),
        (a_record(guards=[LATENCY] * 51), "guards"),
        (a_record(guards=["x"]), "guards[0]"),
        (a_record(guards=[{"metric": "a"}]), "direction"),
        (a_record(guards=[{**LATENCY, "max_regression": -1}]), "guards[0].max_regression"),
        (a_record(guards=[{**LATENCY, "relative": "yes"}]), "guards[0].relative"),
        (a_record(min_items=True), "min_items"),
        (a_record(comparison="bootstrap"), "comparison"),
        (a_record(comparison=[]), "comparison"),
        (a_record(approvals=-1), "approvals"),
        (a_record(timeout_s=0), "timeout_s"),
        (a_record(bundle="x"), "bundle"),
    ],
)
def test_a_malformed_gate_is_refused_by_name(record: object, field: str) -> None:
    """The refusal names the member that is missing, unknown or wrong."""
    with pytest.raises(InvalidArgument) as caught:
        parse_gate(record)
    assert caught.value.field == field


def test_a_gate_must_fit_its_suite() -> None:
    """Metric, direction, guards and items must be there."""
    check_gate(parse_gate(a_record(min_items=4)), SUITE)
    for change, field in (
        ({"metric": "bleu"}, "metric"),
        ({"direction": "minimize"}, "direction"),
        ({"min_items": 5}, "min_items"),
        ({"guards": [LATENCY]}, "metric"),
        ({"guards": [{**LATENCY, "metric": "accuracy"}]}, "guards[0].direction"),
    ):
        with pytest.raises(InvalidArgument) as caught:
            check_gate(parse_gate(a_record(**change)), SUITE)
        assert caught.value.field == field


@given(st.lists(st.integers(0, 1) | st.floats(0, 1), min_size=4, max_size=4))
def test_the_score_is_the_exact_average_of_the_rows(values: list[float]) -> None:
    """The average of the printed decimals, in any order of rows."""
    expected = sum((exact(value) for value in values), Fraction(0)) / 4
    score = recompute(SUITE, rows(*values))
    assert score.metrics["accuracy"].mean == expected
    assert recompute(SUITE, rows(*values)[::-1]) == score
    assert score.means() == {"accuracy": expected}
    assert score.items == 4


def test_the_rows_must_be_exactly_the_items() -> None:
    """One hard item missing, an easy one twice, a foreign one: all are named."""
    wrong = [*rows(1, 1, 1)[1:], *rows(1, 1)[1:], {"item_id": "zz", "metrics": {"accuracy": 1}}]
    error = refused(wrong)
    assert error.field == "rows"
    assert error.details == {"missing": ["q0", "q3"], "duplicate": ["q1"], "foreign": ["zz"]}
    for name in ("q0", "q3", "q1", "zz"):
        assert name in error.message
    assert refused([]).details["missing"] == ["q0", "q1", "q2", "q3"]


def test_a_foreign_item_twice_is_named_in_both_ways() -> None:
    """An unknown item that is repeated does not hide."""
    foreign = {"item_id": "zz", "metrics": {}}
    error = refused([*rows(1, 1, 1, 1), foreign, foreign])
    assert error.details == {"missing": [], "duplicate": ["zz"], "foreign": ["zz"]}


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, True, False, "0.9", None, [1], 1.0000001, -0.1, 2, -1]
)
def test_a_value_outside_its_domain_is_refused(value: object) -> None:
    """Not finite, not a number, or out of bounds: the refusal names metric and item."""
    error = refused(rows(1, value, 0, 1))
    assert (error.field, error.details) == ("rows", {"items": ["q1"]})
    assert "accuracy of item 'q1'" in error.message


def test_minus_zero_is_zero() -> None:
    """-0.0 lies within 0 to 1 and adds nothing."""
    assert recompute(SUITE, rows(1, -0.0, 0, 1)).metrics["accuracy"].mean == Fraction(1, 2)


@pytest.mark.parametrize(
    "row",
    ["x", None, {}, {"item_id": 3, "metrics": {}}, {"item_id": "q0"},
     {"item_id": "q0", "metrics": [1]}, {"item_id": "q0", "metrics": {}},
     {"item_id": "q0", "metrics": {"accuracy": 1, "extra": 1}}],
)  # fmt: skip
def test_a_malformed_row_is_refused(row: object) -> None:
    """An aggregate without items, or a row without exactly its metrics, is no evidence."""
    refused([row, *rows(1, 1, 1, 1)[1:]])


def test_tasks_are_scored_by_their_own_metrics() -> None:
    """A metric is averaged over the items of the tasks that declare it."""
    seconds = {"name": "latency", "direction": "minimize"}
    suite = a_suite(a_task(), a_task(name="words", items=[ITEM], metrics=[seconds]))
    scored = [*rows(1, 0, 0, 1), {"item_id": "w1", "metrics": {"latency": 2.5}}]
    score = recompute(suite, scored)
    assert score.means() == {"accuracy": Fraction(1, 2), "latency": Fraction(5, 2)}
    assert score.metrics["accuracy"].items == 4
    guard = {**LATENCY, "max_regression": "0.1"}
    check_gate(parse_gate(a_record(guards=[guard, guard])), suite)


def scored(mean: object, items: int = 100) -> Score:
    """A score with this average accuracy."""
    return Score({"accuracy": MetricScore(exact(mean) * items, items)}, items)


def test_reaching_the_threshold_passes() -> None:
    """Equality passes; the least bit less fails, and the sentence says so."""
    gate = parse_gate(a_record())
    assert evaluate(gate, scored("0.75")).outcome is Outcome.PASS
    failed = evaluate(gate, scored("0.7499999999"))
    assert failed.outcome is Outcome.FAIL
    assert "below threshold" in failed.reasons[0]
    lower = replace(gate, maximize=False)
    assert evaluate(lower, scored("0.75")).outcome is Outcome.PASS
    assert "above threshold" in evaluate(lower, scored("0.76")).reasons[0]


def test_too_few_items_are_inconclusive() -> None:
    """Neither pass nor fail: the exam was too short to tell."""
    gate = parse_gate(a_record(min_items=101))
    found = evaluate(gate, scored("0.9"))
    assert (found.outcome, found.items) == (Outcome.INCONCLUSIVE, 100)
    assert evaluate(gate, Score({}, 0)).outcome is Outcome.INCONCLUSIVE
