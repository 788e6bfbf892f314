"""The paired test: exact on right and wrong, the same draws everywhere on anything else."""

from collections.abc import Callable
from fractions import Fraction
from math import comb
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.domain.errors import InvalidArgument
from assay.domain.paired import (
    BOOTSTRAP_FEWEST,
    PairedMethod,
    bootstrap,
    compare_items,
    mcnemar,
    pair_seed,
)


def draws(seed: int) -> Callable[[], float]:
    """Random numbers of a seed, as the server draws them."""
    return Random(seed).random


def values(*given: float) -> dict[str, Fraction]:
    """One value per item, by name."""
    return {f"q{i}": Fraction(value) for i, value in enumerate(given)}


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_tail_of_a_fair_coin(wins: int, losses: int) -> None:
    """G28: the exact sum of binomial terms from `wins` up, 1 where nothing was decided."""
    decided = wins + losses
    tail = sum(comb(decided, won) for won in range(wins, decided + 1))
    assert mcnemar(wins, losses) == Fraction(tail, 2**decided)


def test_a_bootstrap_gives_this_very_fraction() -> None:
    """The numbers of a seed are pinned: whoever draws again in a year gets the same."""
    gains = [Fraction(text) for text in ("0.75", "1", "-0.25", "0", "0", "0.5")]

    assert bootstrap(gains, 1000, draws(7)) == Fraction(30, 1001)
    assert bootstrap([gain / 3 for gain in gains], 1000, draws(7)) == Fraction(30, 1001)
    assert pair_seed("a" * 32, "b" * 32) == 3099973708565863804


def test_right_and_wrong_are_counted_exactly() -> None:
    """Values of 0 and 1 alone go to McNemar's test, from the challenger's side."""
    found = compare_items(
        values(1, 1, 1, 0, 1), values(0, 0, 0, 1, 1), maximize=True, seed=1, draws=draws
    )

    assert found.method is PairedMethod.MCNEMAR
    assert (found.wins, found.losses, found.ties, found.rounds) == (3, 1, 1, 0)
    assert found.p_value == Fraction(5, 16)


def test_less_is_more_where_the_gate_says_so() -> None:
    """The sign of every gain turns with the direction."""
    slow, fast = values(2, 2, 2.5), values(1, 1.5, 2.5)

    found = compare_items(fast, slow, maximize=False, seed=1, draws=draws)

    assert found.method is PairedMethod.BOOTSTRAP
    assert (found.wins, found.losses, found.ties) == (2, 0, 1)
    assert found.p_value < Fraction(1, 10)
    assert compare_items(slow, fast, maximize=False, seed=1, draws=draws).p_value > Fraction(9, 10)


def test_long_exams_get_fewer_rounds_and_never_too_few() -> None:
    """All draws together are bounded, down to the fewest rounds that say anything."""
    many = values(*([0.5] * 25_000))

    found = compare_items(many, many, maximize=True, seed=1, draws=lambda _: lambda: 0.0)

    assert found.rounds == BOOTSTRAP_FEWEST
    assert found.p_value == 1


@pytest.mark.parametrize("other", [values(), values(1), {"q0": Fraction(1), "x": Fraction(1)}])
def test_other_items_are_not_compared(other: dict[str, Fraction]) -> None:
    """Both sides have the same items, at least one."""
    for sides in ((values(1, 0), other), (other, values(1, 0))):
        with pytest.raises(InvalidArgument, match="same items"):
            compare_items(*sides, maximize=True, seed=1, draws=draws)
