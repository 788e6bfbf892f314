"""Repeating what the database refused because two transactions got into each other's way.

PostgreSQL may end a transaction that waits for another in a circle, and a SERIALIZABLE one that no
order explains. Nothing of it is left then, so doing all of it again is right, and so is giving up.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, Final, ParamSpec, Protocol, TypeVar, cast

from assay.domain.errors import Unavailable
from assay.services.platform import Platform
from assay.storage.database import is_clash

MAX_REPEATS: Final = 8
FIRST_PAUSE_S: Final = 0.01
MAX_PAUSE_S: Final = 0.5
_RANDOM_BYTES: Final = 4


class _OnPlatform(Protocol):
    _platform: Platform


S = TypeVar("S", bound=_OnPlatform)
P = ParamSpec("P")
R = TypeVar("R")


def repeats_clashes(
    method: Callable[Concatenate[S, P], R],
) -> Callable[Concatenate[S, P], R]:
    """A method that is called again, up to `MAX_REPEATS` times, when its transaction clashed.

    For methods that commit once, at their end: whatever they decided is decided anew. Before each
    repeat they pause for a random time whose bound doubles, from `FIRST_PAUSE_S` to `MAX_PAUSE_S`.
    Raises the last Unavailable when there is no end to it.
    """

    @wraps(method)
    def repeating(self: S, *args: P.args, **kwargs: P.kwargs) -> R:
        for repeat in range(MAX_REPEATS):
            try:
                return method(self, *args, **kwargs)
            except Unavailable as refusal:
                if not is_clash(refusal):
                    raise
            self._platform.pause(pause_s(repeat, self._platform.token_hex(_RANDOM_BYTES)))
        return method(self, *args, **kwargs)

    return cast("Callable[Concatenate[S, P], R]", repeating)


def pause_s(repeat: int, random_hex: str) -> float:
    """How many seconds to pause before the repeat of that number (from 0), by a random number in hex.

    The whole span down to nothing is used, so that those who clashed come back one by one.
    """
    share = int(random_hex, 16) / float(16 ** len(random_hex))
    return share * min(MAX_PAUSE_S, FIRST_PAUSE_S * 2.0**repeat)
