"""Who takes part in the choice of a winner, and on which suite."""

import pytest

from assay.domain.contest import line_up
from assay.domain.errors import Incomparable
from assay.domain.tracking import EvalResult, Lifecycle, Run, RunStatus


def a_run(run_id: str, ended_at_ms: int | None = 1, status: RunStatus = RunStatus.FINISHED) -> Run:
    return Run(
        1, run_id, "default", "0", run_id, status, Lifecycle.ACTIVE, "", "", None, 0, ended_at_ms, 0
    )


def a_result(run_id: str, suite: str, value: float, metric: str = "acc") -> EvalResult:
    return EvalResult(run_id, suite, metric, value, str(value), None, "user:a", 0)


def test_candidates_stand_in_the_order_in_which_they_finished() -> None:
    """The earliest finish first, then the lower id: so a tie is decided."""
    runs = [a_run("c", 5), a_run("b", 3), a_run("a", 5)]
    results = [a_result(run.run_id, "s", 0.5) for run in runs]

    contest = line_up(runs, results, "acc")

    assert [candidate.name for candidate in contest.candidates] == ["b", "a", "c"]
    assert contest.suite == "s"


@pytest.mark.parametrize(
    "status", [status for status in RunStatus if status is not RunStatus.FINISHED]
)
def test_a_run_that_is_not_finished_is_left_aside(status: RunStatus) -> None:
    """What may still change is not ranked, and the reason is kept."""
    runs = [a_run("a"), a_run("b", status=status)]
    results = [a_result("a", "s", 0.5), a_result("b", "s", 0.9)]

    contest = line_up(runs, results, "acc")

    assert [candidate.name for candidate in contest.candidates] == ["a"]
    assert contest.excluded == {"b": f"it is {status.value}, not finished"}


def test_a_named_suite_is_a_cohort() -> None:
    """Who was not scored on it takes no part."""
    runs = [a_run("a"), a_run("b")]
    results = [a_result("a", "s", 0.5), a_result("b", "t", 0.9)]

    contest = line_up(runs, results, "acc", "s")

    assert [candidate.name for candidate in contest.candidates] == ["a"]
    assert set(contest.excluded) == {"b"}


def test_the_suite_that_all_share_counts() -> None:
    """A further suite of one run does not stop the choice."""
    runs = [a_run("a"), a_run("b")]
    results = [a_result("a", "s", 0.5), a_result("b", "s", 0.6), a_result("b", "t", 0.9)]

    contest = line_up(runs, results, "acc")

    assert contest.suite == "s"
    assert [candidate.metrics["acc"] for candidate in contest.candidates] == [0.5, 0.6]


def test_two_shared_suites_must_be_told_apart() -> None:
    """Guessing which one counts would be choosing the winner."""
    runs = [a_run("a"), a_run("b")]
    results = [a_result(run, suite, 0.5) for run in "ab" for suite in "st"]

    with pytest.raises(Incomparable) as refusal:
        line_up(runs, results, "acc")

    assert refusal.value.details["groups"] == ["s", "t"]


def test_without_a_shared_suite_each_keeps_its_own() -> None:
    """So that the refusal which follows names the groups."""
    runs = [a_run("a"), a_run("b"), a_run("c"), a_run("d")]
    results = [
        a_result("a", "s", 0.5),
        a_result("b", "t", 0.9),
        a_result("c", "s", 0.9, metric="loss"),
    ]

    contest = line_up(runs, results, "acc")

    assert [candidate.suite for candidate in contest.candidates] == ["s", "t", "s", None]
    assert contest.suite is None


def test_nobody_makes_an_empty_contest() -> None:
    """No runs, no candidates, no suite."""
    assert line_up([], [], "acc").candidates == ()
