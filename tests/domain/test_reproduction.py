"""What counts as done again: lineage, exam, files and numbers, each exactly."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.domain.errors import InvalidArgument
from assay.domain.reproduction import (
    Candidate,
    Change,
    ClaimedMetric,
    Outcome,
    Terms,
    Tolerance,
    check,
    parse_metrics,
    terms_from,
    terms_record,
)

LINEAGE = {
    "data_version": "dvc:md5:c7.dir",
    "code_commit": "baa00d1",
    "config": {"lr": 1e-05, "epochs": 3, "layers": [1, 2]},
    "base_model": "qwen",
    "seed": 42,
}
TERMS = Terms(
    lineage=LINEAGE,
    fingerprint="f" * 64,
    suite="exam",
    metrics={"acc": ClaimedMetric(Fraction(1, 2), Tolerance(Fraction(1, 100)))},
    artifact_digest="a" * 64,
)
SAME = Candidate(lineage=LINEAGE, scores={"acc": Fraction(1, 2)}, artifact_digest="a" * 64)


def with_config(**changes: object) -> Candidate:
    config = {**LINEAGE["config"], **changes}  # type: ignore[dict-item]
    return replace(SAME, lineage={**LINEAGE, "config": config})


def test_the_same_again_is_reproduced_bit_for_bit() -> None:
    """No difference, every metric within, equal files."""
    report = check(TERMS, SAME)
    assert report.outcome is Outcome.REPRODUCED
    assert (report.reasons, report.differences, report.is_bitwise) == ((), (), True)
    assert report.outcome.exit_code == 0


@pytest.mark.parametrize(
    ("found", "outcome"),
    [
        (Fraction(51, 100), Outcome.REPRODUCED),
        (Fraction(49, 100), Outcome.REPRODUCED),
        (Fraction(51, 100) + Fraction(1, 10**30), Outcome.DRIFT),
        (Fraction(49, 100) - Fraction(1, 10**30), Outcome.DRIFT),
    ],
)
def test_the_boundary_of_a_tolerance_is_exact(found: Fraction, outcome: Outcome) -> None:
    """A bound that is met holds, and the least bit beyond it is drift."""
    assert check(TERMS, replace(SAME, scores={"acc": found})).outcome is outcome


def test_either_bound_is_enough() -> None:
    """Absolute or relative; without any the value has to be equal."""
    relative = Tolerance(relative=Fraction(1, 10))
    assert relative.allows(Fraction(10), Fraction(11))
    assert not relative.allows(Fraction(10), Fraction(111, 10))
    assert relative.allows(Fraction(-10), Fraction(-9))
    assert Tolerance(Fraction(1), Fraction(1, 1000)).allows(Fraction(10), Fraction(11))
    assert not Tolerance().allows(Fraction(10), Fraction(10) + Fraction(1, 10**40))


def test_another_seed_is_drift_unless_it_was_claimed() -> None:
    """A claim may name the seeds under which it holds; of another type the seed is another."""
    other = replace(SAME, lineage={**LINEAGE, "seed": 43})
    assert check(TERMS, other).outcome is Outcome.DRIFT
    assert check(replace(TERMS, seeds=(43,)), other).outcome is Outcome.REPRODUCED
    assert check(replace(TERMS, seeds=("43",)), other).outcome is Outcome.DRIFT
    assert check(replace(TERMS, seeds=(43,)), with_config(lr=1)).outcome is Outcome.DRIFT


def test_a_difference_of_type_alone_says_so() -> None:
    """3 and 3.0 are two lineages: drift, with a hint that names the spelling of the claim."""
    (found,) = check(TERMS, with_config(epochs=3.0)).differences
    assert (found.path, found.change) == ("config.epochs", Change.TYPE_ONLY)
    assert (found.claimed, found.found) == ("3", "3.0")
    assert "write 3" in found.hint
    (text,) = check(TERMS, with_config(epochs="3")).differences
    assert text.change is Change.TYPE_ONLY


def test_every_difference_is_told_by_its_place() -> None:
    """Changed, added and removed, down to the position in a list."""
    config = {"lr": 2e-05, "layers": [1, 3], "new": None}
    candidate = replace(SAME, lineage={**LINEAGE, "config": config})
    told = {found.path: found.change for found in check(TERMS, candidate).differences}
    assert told == {
        "config.epochs": Change.REMOVED,
        "config.layers[1]": Change.CHANGED,
        "config.lr": Change.CHANGED,
        "config.new": Change.ADDED,
    }


def test_data_pushed_again_under_the_same_path_is_drift() -> None:
    """The digest in the data version tells, whatever the path says."""
    other = replace(SAME, lineage={**LINEAGE, "data_version": "dvc:md5:d8.dir"})
    report = check(TERMS, other)
    assert report.outcome is Outcome.DRIFT
    assert "data_version" in report.reasons[0]


def test_another_exam_is_not_comparable() -> None:
    """A harness that was upgraded holds another exam: no verdict, though the number is the same."""
    other = replace(SAME, scores={}, other_suites=("exam-of-the-new-harness",))
    report = check(TERMS, other)
    assert report.outcome is Outcome.NOT_COMPARABLE
    assert report.outcome.exit_code == 2
    assert "exam-of-the-new-harness" in report.reasons[0]


@pytest.mark.parametrize("scores", [{}, {"acc": None}, {"other": Fraction(1)}])
def test_a_missing_number_is_not_comparable(scores: dict[str, Fraction | None]) -> None:
    """No result, or NaN: neither reproduced nor drift."""
    assert check(TERMS, replace(SAME, scores=scores)).outcome is Outcome.NOT_COMPARABLE


def test_a_candidate_without_closed_lineage_is_not_comparable() -> None:
    """However well it scored."""
    lineage = {name: value for name, value in LINEAGE.items() if name != "seed"}
    report = check(TERMS, replace(SAME, lineage=lineage, missing=("seed",)))
    assert report.outcome is Outcome.NOT_COMPARABLE
    assert "seed" in report.reasons[0]


def test_bitwise_claims_are_about_the_files() -> None:
    """Other bytes are drift then, and only then; no files are not comparable."""
    bitwise = replace(TERMS, is_bitwise=True)
    other = replace(SAME, artifact_digest="b" * 64)
    assert check(TERMS, other).outcome is Outcome.REPRODUCED
    assert check(TERMS, other).is_bitwise is False
    assert check(bitwise, other).outcome is Outcome.DRIFT
    assert check(bitwise, SAME).outcome is Outcome.REPRODUCED
    assert check(bitwise, replace(SAME, artifact_digest=None)).outcome is Outcome.NOT_COMPARABLE


def test_tolerances_are_checked_and_named() -> None:
    """Negative, unknown or no numbers: the place is in the error."""
    assert parse_metrics({"acc": {"absolute": "0.01", "relative": 0.1}}) == {
        "acc": Tolerance(Fraction(1, 100), Fraction(1, 10))
    }
    for given_bounds, field in (
        ({"acc": {"absolute": -1}}, "tolerances.acc.absolute"),
        ({"acc": {"sigma": 1}}, "tolerances.acc"),
        ({"acc": 1}, "tolerances.acc"),
        ({"acc": {"relative": "much"}}, "tolerances.acc.relative"),
    ):
        with pytest.raises(InvalidArgument) as refused:
            parse_metrics(given_bounds)
        assert refused.value.field == field


@given(
    st.fractions(max_denominator=10**6),
    st.fractions(min_value=0, max_denominator=10**6),
    st.fractions(min_value=0, max_denominator=10**6),
)
def test_terms_are_read_back_as_they_were(value: Fraction, low: Fraction, high: Fraction) -> None:
    """A claim keeps its numbers exactly, through its record."""
    terms = replace(
        TERMS, metrics={"m": ClaimedMetric(value, Tolerance(low, high))}, seeds=(1, "1")
    )
    assert terms_from(terms_record(terms)) == terms
