"""Roles follow from scores: on invented numbers, and on the sweep as it really trains."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from assay.demo.data import Digits
from assay.demo.sweep import (
    GATE_THRESHOLD,
    FirstRoles,
    PlannedRun,
    RunResult,
    Score,
    first_wave,
    pick_challengers,
    pick_first_roles,
    second_wave,
    train,
)
from assay.demo.training import Adapter, BaseModel, TuningConfig, correct_count
from assay.domain.errors import FailedPrecondition

CONFIG = TuningConfig(lr=0.01, lora_r=1, lora_alpha=1, steps=100)


def a_result(name: str, scanner: int, clean: int = 50, weights: str = "") -> RunResult:
    """Return a result with the given percentages; the weights are its own unless named."""
    planned = PlannedRun(name, CONFIG, seed=0)
    return RunResult(planned, Score(scanner, 100), Score(clean, 100), weights or name)


def names(*results: RunResult) -> list[str]:
    """Return the names of the runs."""
    return [result.planned.name for result in results]


def test_the_best_run_is_champion_whatever_its_name_and_place() -> None:
    """Only scores decide: the highest on scanner digits, the highest on clean digits."""
    wave = [a_result("best", 30, 90), a_result("worst", 80, 20), a_result("c", 60, 70)]

    for order in (wave, wave[::-1]):
        roles = pick_first_roles(order)
        assert names(roles.champion, roles.flattered) == ["worst", "best"]


@pytest.mark.parametrize(
    ("wave", "reason"),
    [
        ([a_result("a", 80), a_result("b", 78, 99)], "leads b"),
        ([a_result("a", 52), a_result("b", 30, 99)], "is above 0.500"),
        ([a_result("a", 80), a_result("b", 30, 81)], "looks better than a"),
        ([a_result("a", 80, 99), a_result("b", 30, 40)], "looks better than a"),
        ([a_result("a", 80)], "at least two"),
        ([], "at least two"),
    ],
)
def test_a_first_wave_that_shows_nothing_is_refused(wave: list[RunResult], reason: str) -> None:
    """Too close a race, too weak a champion or nobody to flatter: the refusal says which."""
    with pytest.raises(FailedPrecondition, match=reason):
        pick_first_roles(wave)


def test_challengers_are_told_apart_by_score_and_weights() -> None:
    """Lowest boasts, highest is better, and the tie is who has the champion's weights."""
    champion = a_result("champion", 80, weights="w")
    wave = [a_result("x", 95), a_result("y", 80, weights="w"), a_result("z", 60)]

    for order in (wave, wave[::-1]):
        roles = pick_challengers(champion, order)
        assert names(roles.boaster, roles.tie, roles.better) == ["z", "y", "x"]


@pytest.mark.parametrize(
    ("wave", "reason"),
    [
        ([("x", 95, "x"), ("y", 80, "w"), ("z", 78, "z")], "trails champion"),
        ([("x", 82, "x"), ("y", 80, "w"), ("z", 60, "z")], "leads champion"),
        ([("x", 95, "x"), ("y", 80, "y"), ("z", 60, "z")], "not reproducible"),
        ([], "No challenger"),
    ],
)
def test_a_second_wave_that_shows_nothing_is_refused(
    wave: Sequence[tuple[str, int, str]], reason: str
) -> None:
    """Equal counts without equal weights are not a tie to rely on; small gaps are not gaps."""
    results = [a_result(name, scanner, weights=weights) for name, scanner, weights in wave]

    with pytest.raises(FailedPrecondition, match=reason):
        pick_challengers(a_result("champion", 80, weights="w"), results)


def test_the_plan_is_a_sweep_of_long_enough_runs_with_names_of_their_own() -> None:
    """At least seven runs first, each of hundreds of steps, all distinguishable."""
    first = first_wave()
    runs = [*first, *second_wave(first[0])]

    assert len(first) >= 7
    assert all(run.config.steps >= 200 for run in runs)
    assert len({run.name for run in runs}) == len(runs)
    assert len({(run.config, run.seed) for run in runs}) == len(runs)


def test_the_retraining_differs_from_the_champion_in_one_harmless_setting() -> None:
    """The tie is the champion's recipe and seed, evaluated at another interval."""
    champion = first_wave()[3]
    twins = [
        run
        for run in second_wave(champion)
        if replace(run.config, eval_every=champion.config.eval_every) == champion.config
    ]

    assert len(twins) == 1
    assert twins[0].seed == champion.seed
    assert twins[0].config != champion.config


@pytest.fixture(scope="module")
def finished(
    digits: Digits, base: BaseModel
) -> tuple[FirstRoles, list[RunResult], dict[str, Adapter]]:
    """Both waves, really trained."""
    adapters: dict[str, Adapter] = {}

    def trained(wave: Sequence[PlannedRun]) -> list[RunResult]:
        results = []
        for planned in wave:
            adapters[planned.name], result = train(planned, base, digits, lambda *_: None)
            results.append(result)
        return results

    roles = pick_first_roles(trained(first_wave()))
    return roles, trained(second_wave(roles.champion.planned)), adapters


def test_the_holdout_agrees_with_the_roles(
    digits: Digits, finished: tuple[FirstRoles, list[RunResult], dict[str, Adapter]]
) -> None:
    """Roles are picked on validation items, and the gate's items put them in the same order."""
    first, second, adapters = finished
    roles = pick_challengers(first.champion, second)

    def on_holdout(result: RunResult) -> int:
        return correct_count(adapters[result.planned.name], digits.scanner.holdout)

    champion = on_holdout(first.champion)
    assert champion > GATE_THRESHOLD * len(digits.scanner.holdout)
    assert on_holdout(roles.boaster) <= champion - 10
    assert on_holdout(roles.tie) == champion
    assert on_holdout(roles.better) >= champion + 10


def test_the_flattered_run_is_worse_than_it_looks(
    finished: tuple[FirstRoles, list[RunResult], dict[str, Adapter]],
) -> None:
    """On the easier suite it outscores the champion, on the champion's it is far behind."""
    first, _, _ = finished

    assert first.flattered.clean.value > first.champion.scanner.value
    assert first.flattered.scanner.value < first.champion.scanner.value / 2
