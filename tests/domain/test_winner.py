import math
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.domain.errors import AppError, Incomparable, InvalidArgument
from assay.domain.winner import NO_SUITE, Candidate, select_winner, suite_groups
from tests.domain.examples import vectors

SUITE = "mmlu@abcd"
scores = st.floats(allow_nan=False) | st.sampled_from([0.5, 0.25, -0.0, 0.0]) | st.integers()


def candidates(case: dict[str, Any]) -> list[Candidate]:
    """The runs of a published case."""
    return [
        Candidate(
            run["name"],
            run["eval_fingerprint"],
            {key: float(value) for key, value in run["metrics"].items()},
        )
        for run in case["runs"]
    ]


@pytest.mark.parametrize("case", vectors("winner")["cases"], ids=lambda case: case["name"])
def test_the_known_sweeps_have_their_known_winner(case: dict[str, Any]) -> None:
    """Winner and score, or the refusal with what it names."""
    if "refused" not in case:
        found = select_winner(candidates(case), case["metric"], maximize=case["maximize"])
        assert (case["winner"], case["score"]) == (found.name, found.score)
        return
    with pytest.raises(AppError) as caught:
        select_winner(candidates(case), case["metric"], maximize=case["maximize"])
    assert caught.value.details["refused"] == case["refused"]
    assert case["refused"] in caught.value.message
    if "groups" in case:
        assert caught.value.details["groups"] == case["groups"]
    if "names" in case:
        assert caught.value.details["runs"] == [case["names"]]
        assert case["names"] in caught.value.message


@given(st.lists(scores, min_size=1, max_size=30), st.booleans())
def test_the_winner_is_what_brute_force_finds(values: list[float], maximize: bool) -> None:
    """Comparing every pair in exact arithmetic gives the same run, the first of equals."""
    runs = [Candidate(f"r{i}", SUITE, {"m": value}) for i, value in enumerate(values)]

    def beats(a: float, b: float) -> bool:
        if math.isinf(a) or math.isinf(b):
            return a > b if maximize else a < b
        exact_a, exact_b = Fraction(a), Fraction(b)
        return exact_a > exact_b if maximize else exact_a < exact_b

    best = next(i for i, a in enumerate(values) if not any(beats(b, a) for b in values))
    equals = [f"r{i}" for i, value in enumerate(values) if value == values[best]]

    found = select_winner(runs, "m", maximize=maximize)

    assert found.name == f"r{best}" == found.ranked[0]
    assert found.tied == tuple(equals[1:])
    assert sorted(found.ranked) == sorted(run.name for run in runs)


@given(st.lists(st.sampled_from([SUITE, "other", None, ""]), min_size=1, max_size=8))
def test_no_winner_without_one_common_suite(suites: list[str | None]) -> None:
    """Several suites, an unknown one or none at all: refused, with every group named in order."""
    runs = [Candidate(f"r{i}", suite, {"m": 1.0}) for i, suite in enumerate(suites)]
    if set(suites) <= {SUITE} or set(suites) <= {"other"}:
        assert select_winner(runs, "m", maximize=True).suite == suites[0]
        return
    with pytest.raises(Incomparable) as caught:
        select_winner(runs, "m", maximize=True)
    groups = sorted({suite or NO_SUITE for suite in suites})
    assert caught.value.details["groups"] == groups == list(suite_groups(runs))
    assert all(group in caught.value.message for group in groups)


def test_suites_are_checked_before_metrics() -> None:
    """A run of another suite is no candidate, whatever it logged."""
    runs = [Candidate("a", SUITE, {}), Candidate("b", "other", {"m": math.nan})]
    with pytest.raises(Incomparable):
        select_winner(runs, "m", maximize=True)


def test_every_run_without_the_metric_is_named() -> None:
    """All offenders are in one refusal; a long list is cut in the sentence only."""
    runs = [Candidate(f"run-{i}", SUITE, {}) for i in range(12)]
    with pytest.raises(InvalidArgument) as caught:
        select_winner(runs, "m", maximize=True)
    assert caught.value.details["runs"] == [run.name for run in runs]
    assert "and 2 more" in caught.value.message
