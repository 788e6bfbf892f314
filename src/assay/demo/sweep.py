"""The sweep of the demonstration and the parts that its runs play, decided by what they scored.

The first wave is a small grid; its best run becomes the first champion. The second wave challenges
it: a run that was trained too briefly, an exact retraining of the champion, and larger adapters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product

from assay.demo.checkpoint import adapter_digest
from assay.demo.data import Digits
from assay.demo.training import Adapter, BaseModel, TuningConfig, correct_count, fine_tune
from assay.domain.errors import FailedPrecondition

DATA_SEED = 20
BASE_SEED = 0

GATE_THRESHOLD = Fraction(1, 2)
"""The accuracy on the frozen holdout below which no candidate passes."""

MARGIN = Fraction(3, 100)
"""How far apart two runs must be on the validation items before the holdout is trusted to agree."""

BOAST = 0.99
"""The accuracy that the boasting challenger claims for itself; nothing measures it."""


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One training that is to be done: a name for people, the config and the seed."""

    name: str
    config: TuningConfig
    seed: int


@dataclass(frozen=True, slots=True)
class Score:
    """An accuracy as it was counted."""

    correct: int
    items: int

    @property
    def value(self) -> Fraction:
        """The share of items that were right, exactly."""
        return Fraction(self.correct, self.items)


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a finished run scored on the two validation suites, and the digest of its weights."""

    planned: PlannedRun
    scanner: Score
    clean: Score
    weights_digest: str


@dataclass(frozen=True, slots=True)
class FirstRoles:
    """`champion` scored best; `flattered` looks better than it only because its suite is easier."""

    champion: RunResult
    flattered: RunResult


@dataclass(frozen=True, slots=True)
class Challengers:
    """Whoever is weaker than the champion, exactly as good, and better."""

    boaster: RunResult
    tie: RunResult
    better: RunResult


def first_wave() -> tuple[PlannedRun, ...]:
    """Return the grid over rank and learning rate, and a second seed for the middle rank."""
    grid = [_planned(rank, lr, 400) for rank, lr in product((1, 2, 4), (0.002, 0.01))]
    return (*grid, _planned(2, 0.01, 400, seed=1))


def second_wave(champion: PlannedRun) -> tuple[PlannedRun, ...]:
    """Return the challengers; one is the champion's own recipe, only evaluated half as often."""
    recipe = replace(champion.config, eval_every=2 * champion.config.eval_every)
    return (
        _planned(8, 0.005, 200),
        PlannedRun(f"{champion.name}-again", recipe, champion.seed),
        _planned(8, 0.01, 600),
        _planned(16, 0.02, 800),
    )


def train(
    planned: PlannedRun,
    base: BaseModel,
    digits: Digits,
    on_step: Callable[[int, dict[str, float]], None],
) -> tuple[Adapter, RunResult]:
    """Fine-tune one planned run on the scanner domain and score it on both validation splits."""
    scanner, clean = digits.scanner, digits.clean
    adapter = fine_tune(
        base,
        planned.config,
        planned.seed,
        train=scanner.train,
        validation=scanner.validation,
        on_step=on_step,
    )
    result = RunResult(
        planned=planned,
        scanner=Score(correct_count(adapter, scanner.validation), len(scanner.validation)),
        clean=Score(correct_count(adapter, clean.validation), len(clean.validation)),
        weights_digest=adapter_digest(adapter),
    )
    return adapter, result


def pick_first_roles(results: Sequence[RunResult]) -> FirstRoles:
    """Return the champion and the flattered run of a finished first wave.

    Raise `FailedPrecondition` when no run leads clearly, passes the gate's threshold clearly, or
    when no weaker run beats the champion's score by being scored on clean digits instead.
    """
    ranked = sorted(results, key=lambda result: result.scanner.value, reverse=True)
    if len(ranked) < 2:
        raise FailedPrecondition("Roles need at least two finished runs; train the whole wave.")
    champion, runner_up = ranked[:2]
    best = champion.scanner.value
    _require(best - runner_up.scanner.value, f"{_say(champion)} leads {_say(runner_up)}")
    _require(best - GATE_THRESHOLD, f"{_say(champion)} is above {float(GATE_THRESHOLD):.3f}")
    flattered = max(ranked[1:], key=lambda result: result.clean.value)
    _require(
        flattered.clean.value - best,
        f"{flattered.planned.name} ({float(flattered.clean.value):.3f} on clean digits) "
        f"looks better than {_say(champion)}",
    )
    return FirstRoles(champion, flattered)


def pick_challengers(champion: RunResult, results: Sequence[RunResult]) -> Challengers:
    """Return who plays which challenger in a finished second wave.

    Raise `FailedPrecondition` when no run is clearly weaker, none clearly better, or none has the
    champion's weights bit for bit.
    """
    if not results:
        raise FailedPrecondition("No challenger was trained; train the second wave first.")
    ranked = sorted(results, key=lambda result: result.scanner.value)
    boaster, better = ranked[0], ranked[-1]
    best = champion.scanner.value
    _require(best - boaster.scanner.value, f"{_say(boaster)} trails {_say(champion)}")
    _require(better.scanner.value - best, f"{_say(better)} leads {_say(champion)}")
    same = [result for result in ranked if result.weights_digest == champion.weights_digest]
    if not same:
        raise FailedPrecondition(
            f"No challenger has the weights of {champion.planned.name}; "
            "training is not reproducible on this machine, so there is no exact tie to show."
        )
    return Challengers(boaster, same[0], better)


def _planned(rank: int, lr: float, steps: int, seed: int = 0) -> PlannedRun:
    config = TuningConfig(lr=lr, lora_r=rank, lora_alpha=rank, steps=steps)
    return PlannedRun(f"lora-r{rank}-lr{lr}-{steps}-seed{seed}", config, seed)


def _say(result: RunResult) -> str:
    return f"{result.planned.name} ({float(result.scanner.value):.3f})"


def _require(gap: Fraction, claim: str) -> None:
    if gap < MARGIN:
        raise FailedPrecondition(
            f"The sweep does not show that {claim} by {float(MARGIN):.2f}: the gap is "
            f"{float(gap):.3f}. Change the configs of the sweep."
        )
