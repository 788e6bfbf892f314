"""Whether a recorded concurrent history could have come from one thing at a time (Wing and Gong's search).

An operation took effect at one moment between its call and its answer. The search looks for an order of
all of them that a plain model agrees with; an operation whose outcome nobody knows may have happened at
any later moment, or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

S = TypeVar("S", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Operation:
    """What was asked from `called` on, and `answer` at `answered`; None for both if nobody knows."""

    call: Hashable
    answer: Hashable
    called: float
    answered: float | None


@dataclass(frozen=True, slots=True)
class Model(Generic[S]):
    """A plain thing: its first state, and what a call does to a state and answers."""

    first: S
    step: Callable[[S, Hashable], tuple[S, Hashable]]


class TooHard(Exception):
    """The search gave up: neither shown nor refuted."""


def is_linearizable(
    history: Sequence[Operation], model: Model[S], *, max_steps: int = 2_000_000
) -> bool:
    """Whether some order of the operations, in keeping with real time, is one of the model's."""
    operations = sorted(history, key=lambda operation: operation.called)
    everything = (1 << len(operations)) - 1
    known = sum(1 << i for i, found in enumerate(operations) if found.answered is not None)
    ends = [float("inf") if o.answered is None else o.answered for o in operations]
    stack: list[tuple[int, S]] = [(0, model.first)]
    seen: set[tuple[int, S]] = {(0, model.first)}
    for _ in range(max_steps):
        if not stack:
            return False
        done, state = stack.pop()
        if done & known == known:
            return True
        for place, following in _candidates(operations, ends, everything & ~done):
            changed, answer = model.step(state, following.call)
            if following.answered is not None and answer != following.answer:
                continue
            reached = (done | 1 << place, changed)
            if changed == state and following.answered is not None:
                # What changes nothing and agrees may as well come now: no other order is lost.
                if reached not in seen:
                    seen.add(reached)
                    stack.append(reached)
                break
            if reached not in seen:
                seen.add(reached)
                stack.append(reached)
    raise TooHard(f"{len(operations)} operations")


def _candidates(
    operations: Sequence[Operation], ends: Sequence[float], left: int
) -> list[tuple[int, Operation]]:
    """The operations that may come next: called before any other that is left was answered."""
    found: list[tuple[int, Operation]] = []
    first_end = float("inf")
    rest = left
    while rest:
        place = (rest & -rest).bit_length() - 1
        rest &= rest - 1
        if operations[place].called > first_end:
            break
        found.append((place, operations[place]))
        first_end = min(first_end, ends[place])
    return [(place, op) for place, op in found if op.called <= first_end]
