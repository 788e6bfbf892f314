"""The checker itself: it accepts what one thing at a time could have done, and nothing else."""

import random
from collections.abc import Hashable

import pytest

from tests.support.linearizability import Model, Operation, is_linearizable

State = tuple[int, int]


def step(state: State, call: Hashable) -> tuple[State, Hashable]:
    """A register of (version, revision) with compare-and-set on the revision."""
    match call:
        case ("read",):
            return state, state
        case ("set", int(version), int(expected)):
            if expected != state[1]:
                return state, "conflict"
            return (version, expected + 1), expected + 1
    raise AssertionError(call)


REGISTER: Model[State] = Model((0, 0), step)


def op(call: Hashable, answer: Hashable, called: float, answered: float | None) -> Operation:
    return Operation(call, answer, called, answered)


def test_what_happened_one_after_another_is_accepted() -> None:
    """A plain story."""
    assert is_linearizable(
        [
            op(("set", 7, 0), 1, 0, 1),
            op(("read",), (7, 1), 2, 3),
            op(("set", 8, 0), "conflict", 4, 5),
        ],
        REGISTER,
    )


@pytest.mark.parametrize(
    "bad",
    [
        [op(("set", 7, 0), 1, 0, 1), op(("read",), (0, 0), 2, 3)],
        [op(("set", 7, 0), 1, 0, 5), op(("set", 8, 0), 1, 1, 6)],
        [op(("set", 7, 0), 2, 0, 1)],
        [op(("read",), (7, 1), 0, 1), op(("set", 7, 0), 1, 2, 3)],
        [op(("set", 7, 0), 1, 0, 9), op(("read",), (7, 1), 1, 2), op(("read",), (0, 0), 3, 4)],
        [op(("set", 7, 0), "conflict", 0, 1)],
        [op(("set", 7, 0), 1, 0, 1), op(("read",), (7, 2), 2, 3)],
    ],
    ids=[
        "stale read", "one revision twice", "revision skipped", "read from the future",
        "back to the old value", "conflict with nobody", "torn read",
    ],
)  # fmt: skip
def test_what_no_order_explains_is_refused(bad: list[Operation]) -> None:
    """Every anomaly that the checker is there for."""
    assert not is_linearizable(bad, REGISTER)


def test_an_unknown_outcome_may_have_happened_or_not() -> None:
    """Seen by a later reader, or by none; but not seen and then gone."""
    lost = op(("set", 7, 0), None, 0, None)
    seen, unseen = op(("read",), (7, 1), 5, 6), op(("read",), (0, 0), 7, 8)
    assert is_linearizable([lost, seen], REGISTER)
    assert is_linearizable([lost, unseen], REGISTER)
    assert not is_linearizable([lost, seen, unseen], REGISTER)


def a_history(pick: random.Random, count: int) -> list[Operation]:
    """What fifty clients of one register saw: every operation takes effect at a moment of its own."""
    moments = sorted(pick.random() * count for _ in range(count))
    state: State = (0, 0)
    found = []
    for moment in moments:
        call: Hashable = ("read",)
        if pick.random() < 0.6:
            call = ("set", pick.randrange(100), max(0, state[1] - pick.randrange(2)))
        state, answer = step(state, call)
        found.append(op(call, answer, moment - pick.random() * 25, moment + pick.random() * 25))
    return found


@pytest.mark.parametrize("seed", range(5))
def test_long_histories_are_judged(seed: int) -> None:
    """Five hundred operations, fifty at a time: accepted as they were, refused with one answer changed."""
    pick = random.Random(seed)
    history = a_history(pick, 500)
    assert is_linearizable(history, REGISTER)

    sets = [i for i, o in enumerate(history) if isinstance(o.answer, int)]
    place = pick.choice(sets)
    wrong = history[place]
    history[place] = op(wrong.call, "conflict", wrong.called, wrong.answered)
    assert not is_linearizable(history, REGISTER)
