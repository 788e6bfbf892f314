"""Eval results and the choice of a winner: never across suites, and the winner alone registers."""

import math

import pytest

from assay.domain.errors import (
    FailedPrecondition,
    Incomparable,
    InvalidArgument,
    LineageIncomplete,
    NotFound,
)
from tests.support.office import MODEL, Office

EASY = "easy@v1"


def scored(office: Office, score: float, suite: str, metric: str = "accuracy") -> str:
    run_id = office.a_run({"model/a": str(score).encode()})
    office.services.evaluation.log_results(office.ask(), run_id, suite, {metric: score})
    return run_id


def test_the_best_run_of_one_suite_wins(office: Office) -> None:
    """Direction and comparability come from the suite; the ranking is complete."""
    suite = office.a_suite().fingerprint
    runs = [scored(office, score, suite) for score in (0.6, 0.8, 0.7)]

    result = office.services.winners.select(office.ask(), "accuracy", run_ids=runs)

    assert result.run.run_id == runs[1]
    assert result.winner.ranked == (runs[1], runs[2], runs[0])
    assert result.groups == {suite: runs}
    lower = office.services.winners.select
    with pytest.raises(InvalidArgument, match="maximize"):
        lower(office.ask(), "accuracy", run_ids=runs, maximize=False)


def test_a_higher_number_on_an_easier_suite_is_refused(office: Office) -> None:
    """Promise 2: two suites are not ranked; the groups are named."""
    suite = office.a_suite().fingerprint
    honest, boast = scored(office, 0.6, suite), scored(office, 0.99, EASY)

    with pytest.raises(Incomparable) as refusal:
        office.services.winners.select(office.ask(), "accuracy", run_ids=[honest, boast])

    assert sorted(refusal.value.details["groups"]) == sorted([suite, EASY])  # type: ignore[call-overload]
    chosen = office.services.winners.select(
        office.ask(), "accuracy", run_ids=[honest, boast], suite="capitals"
    )
    assert chosen.run.run_id == honest
    assert set(chosen.excluded) == {boast}


def test_a_run_without_results_is_not_comparable(office: Office) -> None:
    """A missing suite is never guessed."""
    suite = office.a_suite().fingerprint
    bare = office.a_run({"model/a": b"a"})

    with pytest.raises(Incomparable):
        office.services.winners.select(
            office.ask(), "accuracy", run_ids=[scored(office, 0.6, suite), bare]
        )


def test_several_shared_suites_must_be_told_apart(office: Office) -> None:
    """Where all runs share two suites, the caller says which one counts."""
    runs = [scored(office, score, EASY) for score in (0.6, 0.7)]
    for run_id, score in zip(runs, (0.9, 0.8), strict=True):
        office.services.evaluation.log_results(office.ask(), run_id, "hard@v1", {"accuracy": score})
    select = office.services.winners.select

    with pytest.raises(Incomparable, match="hard@v1"):
        select(office.ask(), "accuracy", run_ids=runs, maximize=True)

    hard = select(office.ask(), "accuracy", run_ids=runs, maximize=True, suite="hard@v1")
    easy = select(office.ask(), "accuracy", run_ids=runs, maximize=True, suite=EASY)
    assert (hard.run.run_id, easy.run.run_id) == (runs[0], runs[1])


def test_of_equals_the_one_that_finished_first_wins(office: Office) -> None:
    """A tie goes to the earlier finish, then to the lower id, and is told."""
    runs = []
    for _ in range(3):
        runs.append(scored(office, 0.7, EASY))
        office.clock.advance(1_000)

    result = office.services.winners.select(
        office.ask(), "accuracy", run_ids=list(reversed(runs)), maximize=True
    )

    assert result.run.run_id == runs[0]
    assert result.winner.tied == (runs[1], runs[2])


def test_runs_that_are_not_over_are_left_aside(office: Office) -> None:
    """An experiment's winner is chosen among its finished runs."""
    done = scored(office, 0.6, EASY)
    running = office.a_run(finished=False)
    office.services.evaluation.log_results(office.ask(), running, EASY, {"accuracy": 0.9})
    experiment = office.services.runs.get(office.ask(), done).run.experiment_id

    result = office.services.winners.select(
        office.ask(), "accuracy", experiment_ids=[experiment], maximize=True
    )

    assert result.run.run_id == done
    assert result.excluded == {running: "it is running, not finished"}


def test_lower_is_better_where_the_caller_says_so(office: Office) -> None:
    """A foreign suite's direction has to be stated."""
    runs = [scored(office, loss, EASY, "loss") for loss in (0.9, 0.4)]
    select = office.services.winners.select

    with pytest.raises(InvalidArgument, match="better"):
        select(office.ask(), "loss", run_ids=runs)

    assert select(office.ask(), "loss", run_ids=runs, maximize=False).run.run_id == runs[1]


def test_not_a_number_wins_nothing(office: Office) -> None:
    """NaN is kept as a result and refused as a score."""
    run_id = scored(office, math.nan, EASY)
    (result,) = office.services.evaluation.results(office.ask(), [run_id])

    assert math.isnan(result.value)
    with pytest.raises(InvalidArgument):
        office.services.winners.select(office.ask(), "accuracy", run_ids=[run_id], maximize=True)


def test_the_winner_registers_under_all_rules(office: Office) -> None:
    """Winning excuses no missing lineage; with it the winner, and only it, becomes a version."""
    winner = scored(office, 0.9, EASY)
    scored(office, 0.5, EASY)
    bare = office.a_run({"model/a": b"x"}, lineage=None)
    office.services.evaluation.log_results(office.ask(), bare, "other@v1", {"accuracy": 1})
    winners = office.services.winners

    result = winners.select(office.ask(), "accuracy", run_ids=[winner], maximize=True, suite=EASY)
    registered = winners.register(office.ask(), result, MODEL, artifact_path="model")
    unproven = winners.select(
        office.ask(), "accuracy", run_ids=[bare], maximize=True, suite="other@v1"
    )

    assert registered.version is not None
    assert registered.version.run_id == winner
    with pytest.raises(LineageIncomplete):
        winners.register(office.ask(), unproven, MODEL, artifact_path="model")


def test_a_result_is_written_once(office: Office) -> None:
    """The same value again changes nothing; another is refused."""
    run_id = office.a_run()
    log = office.services.evaluation.log_results
    log(office.ask(), run_id, EASY, {"accuracy": 0.5}, items=10)
    log(office.ask(), run_id, EASY, {"accuracy": 0.5}, items=10)

    with pytest.raises(InvalidArgument, match=r"0\.5"):
        log(office.ask(), run_id, EASY, {"loss": 1, "accuracy": 0.6}, items=10)

    results = office.services.evaluation.results(office.ask(), [run_id])
    assert [(r.metric, r.value_text) for r in results] == [("accuracy", "0.5")]


def test_results_on_a_stored_suite_fit_it(office: Office) -> None:
    """A partial exam and an unknown metric are refused at the door."""
    suite = office.a_suite().fingerprint
    run_id = office.a_run()
    log = office.services.evaluation.log_results

    with pytest.raises(InvalidArgument, match="items"):
        log(office.ask(), run_id, suite, {"accuracy": 0.9}, items=9)
    with pytest.raises(InvalidArgument, match="beauty"):
        log(office.ask(), run_id, suite, {"beauty": 1})
    assert log(office.ask(), run_id, suite, {"accuracy": 0.9}, items=10)[0].items == 10


@pytest.mark.parametrize("value", [True, "0.5", math.inf, None])
def test_a_result_is_a_number(sqlite_office: Office, value: object) -> None:
    """Booleans, texts and infinities are no scores."""
    run_id = sqlite_office.a_run()

    with pytest.raises(InvalidArgument):
        sqlite_office.services.evaluation.log_results(
            sqlite_office.ask(),
            run_id,
            EASY,
            {"accuracy": value},  # type: ignore[dict-item]
        )


def test_unknown_and_deleted_runs_take_no_part(office: Office) -> None:
    """What does not exist is not found; what lies in the bin is named."""
    run_id = scored(office, 0.5, EASY)
    office.services.runs.delete(office.ask(), run_id)
    select = office.services.winners.select

    with pytest.raises(NotFound):
        select(office.ask(), "accuracy", run_ids=["nobody"], maximize=True)
    with pytest.raises(FailedPrecondition):
        select(office.ask(), "accuracy", run_ids=[run_id], maximize=True)
    with pytest.raises(NotFound):
        select(office.ask(), "accuracy", experiment_ids=["999"], maximize=True)
    with pytest.raises(InvalidArgument):
        select(office.ask(), "accuracy", maximize=True)
