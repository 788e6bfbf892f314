"""RL health: what a run's own metrics show to be going wrong, said with the numbers.

These are detectors, not predictors: each compares the last points of a series with its first ones, or
with a limit, and says what it saw. They decide nothing, and nothing they find touches a training.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from statistics import median
from typing import Final, NamedTuple

from assay.domain.errors import InvalidArgument
from assay.domain.rl_keys import Family, family_of

WINDOW_POINTS: Final = 20
"""So many points are the beginning of a series, and as many its end."""

HELD_OUT_POINTS: Final = 200
"""Evaluations looked back over: they are few, so that all of them count."""

_SEQUENCE_TOKENS: Final = 100.0


class Detector(StrEnum):
    """What can be found."""

    ENTROPY_COLLAPSE = "entropy_collapse"
    KL_EXPLOSION = "kl_explosion"
    REWARD_SPREAD_ZERO = "reward_std_zero"
    REWARD_UP_EVAL_DOWN = "reward_up_eval_down"
    LENGTH_BLOW_UP = "length_blow_up"
    NOT_A_NUMBER = "not_a_number"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When a detector speaks. Each is a positive number; a workspace may set its own."""

    entropy_ratio: float = 0.2
    """Entropy has collapsed when it is at most this part of where it began."""
    kl_factor: float = 10.0
    """KL has exploded at so many times where it began, or `kl_floor` if that is more."""
    kl_floor: float = 0.05
    kl_error: float = 0.001
    """Errors between the KL of trainer and sampler stay below this in a sound run."""
    reward_std: float = 1e-6
    """A spread of rewards at or below this carries no learning signal."""
    zero_spread_share: float = 0.95
    """The share of groups without any spread from which the signal counts as gone."""
    reward_gain: float = 0.05
    """By how much, relative to its beginning, a reward has risen."""
    eval_drop: float = 0.05
    """By how much, relative to its best, a held-out evaluation has fallen."""
    length_factor: float = 2.0
    """Completions have blown up at so many times the length they began with."""
    truncated_share: float = 0.5
    """The share of completions cut off at the limit from which length counts as blown up."""


DEFAULT_THRESHOLDS: Final = Thresholds()
THRESHOLD_NAMES: Final = tuple(field.name for field in fields(Thresholds))


class Window(NamedTuple):
    """Consecutive points of one series, by step."""

    steps: Sequence[int]
    values: Sequence[float]

    @property
    def finite(self) -> list[float]:
        """The values that are numbers."""
        return [value for value in self.values if math.isfinite(value)]


class Ends(NamedTuple):
    """A series as the detectors see it: its first points and its last, which do not overlap.

    A series shorter than two windows has an empty `first`: then nothing can be compared yet.
    """

    first: Window
    last: Window


@dataclass(frozen=True, slots=True)
class Finding:
    """What a detector saw in the series `key` between two steps, and the numbers that made it speak."""

    detector: Detector
    key: str
    first_step: int
    last_step: int
    numbers: Mapping[str, float]
    message: str


def with_thresholds(values: Mapping[str, object]) -> Thresholds:
    """The defaults with these changed. Raises InvalidArgument for unknown names and no numbers."""
    changed: dict[str, float] = {}
    for name, value in values.items():
        if name not in THRESHOLD_NAMES:
            known = ", ".join(THRESHOLD_NAMES)
            raise InvalidArgument(
                f"There is no threshold {name[:100]!r}; known: {known}.", field=name
            )
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (is_number and 0 < float(value) < math.inf):  # type: ignore[arg-type]
            raise InvalidArgument(f"{name} must be a positive number.", field=name)
        changed[name] = float(value)  # type: ignore[arg-type]
    return replace(DEFAULT_THRESHOLDS, **changed)


def examine(
    series: Mapping[str, Ends], thresholds: Thresholds = DEFAULT_THRESHOLDS
) -> tuple[Finding, ...]:
    """What all detectors find in a run's series, by detector and key. Keys of no family are skipped."""
    by_family: dict[Family, dict[str, Ends]] = {}
    for key in sorted(series):
        family = family_of(key)
        if family is not None and series[key].last.values:
            by_family.setdefault(family, {})[key] = series[key]
    found = [
        *_not_numbers(series for series in by_family.values()),
        *_entropy(by_family.get(Family.ENTROPY, {}), thresholds),
        *_kl(by_family, thresholds),
        *_spread(by_family, thresholds),
        *_lengths(by_family, thresholds),
        *_reward_against_evals(by_family, thresholds),
    ]
    return tuple(sorted(found, key=lambda finding: (finding.detector, finding.key)))


def _finding(
    detector: Detector, key: str, window: Window, message: str, **numbers: float
) -> Finding:
    return Finding(detector, key, window.steps[0], window.steps[-1], numbers, message)


def _not_numbers(families: Iterable[Mapping[str, Ends]]) -> Iterator[Finding]:
    for series in families:
        for key, ends in series.items():
            steps, values = ends.last
            odd = [
                step for step, value in zip(steps, values, strict=True) if not math.isfinite(value)
            ]
            if odd:
                message = f"{key} is not a number at step {odd[0]} ({len(odd)} of the last {len(steps)} points)."
                window = Window((odd[0], odd[-1]), ())
                yield _finding(Detector.NOT_A_NUMBER, key, window, message, points=float(len(odd)))


def _medians(ends: Ends) -> tuple[float, float] | None:
    """The middle of the beginning and of the end; None while they cannot be compared."""
    first, last = ends.first.finite, ends.last.finite
    return (median(first), median(last)) if first and last else None


def _entropy(series: Mapping[str, Ends], thresholds: Thresholds) -> Iterator[Finding]:
    for key, ends in series.items():
        middles = _medians(ends)
        if middles is None or middles[0] <= 0 or middles[1] > thresholds.entropy_ratio * middles[0]:
            continue
        before, now = middles
        yield _finding(
            Detector.ENTROPY_COLLAPSE,
            key,
            ends.last,
            f"{key} fell from {before:.4g} to {now:.4g}: the policy has all but stopped exploring.",
            first=before,
            last=now,
            limit=thresholds.entropy_ratio * before,
        )


def _kl(
    by_family: Mapping[Family, Mapping[str, Ends]], thresholds: Thresholds
) -> Iterator[Finding]:
    for family, floor in (
        (Family.KL, thresholds.kl_floor),
        (Family.SEQUENCE_KL, thresholds.kl_floor * _SEQUENCE_TOKENS),
    ):
        for key, ends in by_family.get(family, {}).items():
            middles = _medians(ends)
            if middles is None:
                continue
            before, now = middles
            limit = thresholds.kl_factor * max(before, floor)
            if now >= limit:
                yield _finding(
                    Detector.KL_EXPLOSION,
                    key,
                    ends.last,
                    f"{key} rose from {before:.4g} to {now:.4g}, beyond {limit:.4g}: "
                    "the policy has left its reference.",
                    first=before,
                    last=now,
                    limit=limit,
                )
    for key, ends in by_family.get(Family.KL_ERROR, {}).items():
        values = ends.last.finite
        if len(values) >= WINDOW_POINTS and median(values) >= thresholds.kl_error:
            yield _finding(
                Detector.KL_EXPLOSION,
                key,
                ends.last,
                f"{key} is {median(values):.4g} over the last {len(values)} points, "
                f"beyond {thresholds.kl_error:.4g}: trainer and sampler disagree.",
                last=median(values),
                limit=thresholds.kl_error,
            )


def _spread(
    by_family: Mapping[Family, Mapping[str, Ends]], thresholds: Thresholds
) -> Iterator[Finding]:
    share = thresholds.zero_spread_share
    rules = (
        (Family.REWARD_SPREAD, lambda value: value <= thresholds.reward_std, thresholds.reward_std),
        (Family.ZERO_SPREAD_SHARE, lambda value: value >= share, share),
        (Family.MIXED_SHARE, lambda value: value <= 1 - share, 1 - share),
    )
    for family, is_gone, limit in rules:
        for key, ends in by_family.get(family, {}).items():
            values = ends.last.finite
            if len(values) >= WINDOW_POINTS and all(map(is_gone, values)):
                yield _finding(
                    Detector.REWARD_SPREAD_ZERO,
                    key,
                    ends.last,
                    f"{key} is {median(values):.4g} at each of the last {len(values)} points: "
                    "rewards within a group are equal, so there is nothing to learn from.",
                    last=median(values),
                    limit=limit,
                )


def _lengths(
    by_family: Mapping[Family, Mapping[str, Ends]], thresholds: Thresholds
) -> Iterator[Finding]:
    for key, ends in by_family.get(Family.LENGTH, {}).items():
        middles = _medians(ends)
        if middles is None or middles[0] <= 0:
            continue
        before, now = middles
        if now >= thresholds.length_factor * before:
            yield _finding(
                Detector.LENGTH_BLOW_UP,
                key,
                ends.last,
                f"{key} grew from {before:.4g} to {now:.4g}.",
                first=before,
                last=now,
                limit=thresholds.length_factor * before,
            )
    for key, ends in by_family.get(Family.TRUNCATED_SHARE, {}).items():
        values = ends.last.finite
        if len(values) >= WINDOW_POINTS and median(values) >= thresholds.truncated_share:
            yield _finding(
                Detector.LENGTH_BLOW_UP,
                key,
                ends.last,
                f"{key} is {median(values):.4g}: that share of completions is cut off at the limit.",
                last=median(values),
                limit=thresholds.truncated_share,
            )


def _reward_against_evals(
    by_family: Mapping[Family, Mapping[str, Ends]], thresholds: Thresholds
) -> Iterator[Finding]:
    gains = [
        (key, *middles)
        for key, ends in by_family.get(Family.REWARD, {}).items()
        if (middles := _medians(ends)) is not None
        and middles[1] - middles[0] >= thresholds.reward_gain * max(abs(middles[0]), 0.01)
    ]
    if not gains:
        return
    reward_key, before, now = gains[0]
    for family, sign in ((Family.HELD_OUT_SCORE, 1.0), (Family.HELD_OUT_LOSS, -1.0)):
        for key, ends in by_family.get(family, {}).items():
            fall = _fall(ends.last, sign, thresholds.eval_drop)
            if fall is None:
                continue
            window, best, latest = fall
            yield _finding(
                Detector.REWARD_UP_EVAL_DOWN,
                key,
                window,
                f"{reward_key} rose from {before:.4g} to {now:.4g} while {key} went from "
                f"{best:.4g} to {latest:.4g}: the reward may be gamed.",
                reward_first=before,
                reward_last=now,
                eval_best=best,
                eval_last=latest,
            )


def _fall(window: Window, sign: float, drop: float) -> tuple[Window, float, float] | None:
    """From its best to the mean of its last two points, if that is a fall worth telling."""
    known = [(step, value) for step, value in zip(*window, strict=True) if math.isfinite(value)]
    if len(known) < 3:
        return None
    latest = (known[-1][1] + known[-2][1]) / 2
    best_step, best = max(known[:-2], key=lambda point: sign * point[1])
    if sign * (best - latest) < drop * max(abs(best), 1e-9):
        return None
    return Window((best_step, known[-1][0]), ()), best, latest
