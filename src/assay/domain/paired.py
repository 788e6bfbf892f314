"""The paired test: whether a challenger's win over the champion, item by item, could be luck.

0/1 items are compared by McNemar's exact one-sided test, everything else by a paired bootstrap whose
random numbers are an argument. Both count in whole numbers, so that a result is the same bit for bit
wherever it is computed again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from math import comb, lcm
from typing import Final

from assay.domain.canonical import JsonValue
from assay.domain.errors import InvalidArgument
from assay.domain.exact import exact_text, short

BOOTSTRAP_ROUNDS: Final = 10_000
BOOTSTRAP_FEWEST: Final = 200
BOOTSTRAP_DRAWS: Final = 4_000_000
"""Draws in all rounds together: exams of many items get fewer rounds, never fewer than the fewest."""


class PairedMethod(StrEnum):
    """How the p-value came about."""

    MCNEMAR = "mcnemar_exact"
    BOOTSTRAP = "paired_bootstrap"


@dataclass(frozen=True, slots=True)
class PairedResult:
    """`p_value` is the one-sided chance of a win like this between equals, exactly.

    `wins`, `losses` and `ties` count items from the challenger's side; `rounds` is 0 for an exact
    test; `attempts` is how many versions were examined since the alias last moved, this one included.
    """

    method: PairedMethod
    p_value: Fraction
    items: int
    wins: int
    losses: int
    ties: int
    rounds: int
    seed: int
    attempts: int = 1

    def as_record(self) -> dict[str, JsonValue]:
        """The result as JSON; the p-value as exact text and as the nearest float."""
        return {
            "method": self.method.value,
            "p_value": exact_text(self.p_value),
            "p_value_float": float(self.p_value),
            "items": self.items,
            "wins": self.wins,
            "losses": self.losses,
            "ties": self.ties,
            "rounds": self.rounds,
            "seed": str(self.seed),
            "attempts": self.attempts,
        }

    def sentence(self) -> str:
        """The advice for a reader."""
        tries = f"{self.attempts} attempt{'' if self.attempts == 1 else 's'}"
        return (
            f"paired test: p = {float(self.p_value):.4g} ({self.method.value}; {self.wins} won, "
            f"{self.losses} lost, {self.ties} tied of {self.items} items; {tries} since the alias "
            "last moved)"
        )


def pair_seed(champion_run: str, challenger_run: str) -> int:
    """The seed of a pair of gate runs: the first 8 bytes of SHA-256 of `champion|challenger`."""
    digest = hashlib.sha256(f"{champion_run}|{challenger_run}".encode()).digest()
    return int.from_bytes(digest[:8], "big")


def compare_items(
    challenger: Mapping[str, Fraction],
    champion: Mapping[str, Fraction],
    *,
    maximize: bool,
    seed: int,
    draws: Callable[[int], Callable[[], float]],
) -> PairedResult:
    """Compare the values of one metric item by item.

    `draws(seed)` answers a generator of numbers in [0, 1). Raises InvalidArgument unless both have
    exactly the same items, at least one.
    """
    if not challenger or challenger.keys() != champion.keys():
        raise InvalidArgument("A paired test needs the same items on both sides.", field="rows")
    sign = 1 if maximize else -1
    names = sorted(challenger)
    gains = [sign * (challenger[name] - champion[name]) for name in names]
    wins, losses = sum(gain > 0 for gain in gains), sum(gain < 0 for gain in gains)
    is_binary = all(value in (0, 1) for side in (challenger, champion) for value in side.values())
    if is_binary:
        method, p_value, rounds = PairedMethod.MCNEMAR, mcnemar(wins, losses), 0
    else:
        method = PairedMethod.BOOTSTRAP
        rounds = max(BOOTSTRAP_FEWEST, min(BOOTSTRAP_ROUNDS, BOOTSTRAP_DRAWS // len(gains)))
        p_value = bootstrap(gains, rounds, draws(seed))
    ties = len(gains) - wins - losses
    return PairedResult(method, p_value, len(gains), wins, losses, ties, rounds, seed)


def mcnemar(wins: int, losses: int) -> Fraction:
    """The exact chance of at least so many wins among the decided items, were either side as likely."""
    decided = wins + losses
    if decided == 0:
        return Fraction(1)
    # From the shorter end: with many items most of the terms would cancel.
    term, total = comb(decided, wins), 0
    for won in range(wins, decided + 1):
        total += term
        term = term * (decided - won) // (won + 1)
    return Fraction(total, 2**decided)


def bootstrap(gains: list[Fraction], rounds: int, draw: Callable[[], float]) -> Fraction:
    """The share of resampled exams, and the given one, in which the challenger would not be better."""
    scale = lcm(*(gain.denominator for gain in gains))
    whole = [gain.numerator * (scale // gain.denominator) for gain in gains]
    count = len(whole)
    not_better = 0
    for _ in range(rounds):
        if sum([whole[int(draw() * count)] for _ in range(count)]) <= 0:
            not_better += 1
    return Fraction(not_better + 1, rounds + 1)


def significance_miss(result: PairedResult, alpha: Fraction) -> str | None:
    """A sentence when the win could be luck at the level `alpha`, None when it is significant."""
    if result.p_value <= alpha:
        return None
    return (
        f"not significant: the paired test gives p = {float(result.p_value):.4g}, and the gate "
        f"wants at most {short(alpha)}."
    )
