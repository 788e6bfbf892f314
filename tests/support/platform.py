"""A platform for tests: a clock that stands still until it is moved, and ids that count."""

from __future__ import annotations

from itertools import count
from pathlib import Path

from assay.blobs.local import LocalBlobStore
from assay.domain.access import LOCAL_OWNER, Actor, ActorKind, Role
from assay.domain.tracking import DEFAULT_WORKSPACE, Policy
from assay.services.context import Context
from assay.services.platform import Platform
from assay.storage.database import Database

START_MS = 1_700_000_000_000


class Clock:
    """UTC epoch milliseconds that only a test moves."""

    def __init__(self, now: int = START_MS) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def advance(self, milliseconds: int) -> int:
        """Move the clock and return the new time."""
        self.now += milliseconds
        return self.now


class CountingIds:
    """`token_hex(n)` that answers 1, 2, 3, … in 2·n hex digits."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def __call__(self, size_bytes: int) -> str:
        return format(next(self._numbers), f"0{2 * size_bytes}x")


def make_platform(
    tmp_path: Path,
    database: Database,
    *,
    clock: Clock | None = None,
    policy: Policy | None = None,
) -> Platform:
    """A platform on `database`, with its blobs in a folder below `tmp_path`."""
    return Platform(
        database=database,
        blobs=LocalBlobStore(tmp_path / "blobs"),
        now_ms=clock or Clock(),
        token_hex=CountingIds(),
        policy=policy or Policy(),
    )


def a_context(
    actor: Actor = LOCAL_OWNER,
    workspace: str = DEFAULT_WORKSPACE,
    *,
    now_ms: int = START_MS,
    request_id: str = "request-1",
) -> Context:
    """A request by `actor`, who is the local owner unless said otherwise."""
    return Context(actor=actor, workspace=workspace, request_id=request_id, now_ms=now_ms)


def an_actor(name: str, *roles: Role, workspace: str = DEFAULT_WORKSPACE) -> Actor:
    """A user with `roles` in one workspace; the role `gate` makes it a gate runner's credential."""
    kind = ActorKind.RUNNER if Role.GATE in roles else ActorKind.USER
    return Actor(kind=kind, name=name, roles={workspace: frozenset(roles)})
