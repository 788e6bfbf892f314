"""P15: fifty clients, two server processes, one PostgreSQL: there is one order of everything that they saw."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from assay.domain.canonical import JsonValue
from assay.sdk.client import Client
from assay.sdk.errors import ApiError, ServerUnreachable
from assay.services.audit import Audit
from assay.storage.database import PostgresqlDatabase
from tests.support.linearizability import Model, Operation, is_linearizable
from tests.support.office import MODEL, Office
from tests.support.server import LiveServer

CLIENTS = 50
VERSIONS = 40
ALIAS = f"/models/{MODEL}/aliases/production"

State: TypeAlias = tuple[int, tuple[int, ...], frozenset[int]]
"""Revision, holders below and including the present one, versions that were set aside."""


def step(state: State, call: Hashable) -> tuple[State, Hashable]:
    """What one promotion, rollback or read does when nobody else is there. A version's score is its number."""
    revision, stack, aside = state
    match call:
        case ("read",):
            return state, (stack[-1], revision)
        case ("promote", int(version), expected):
            if expected is not None and expected != revision:
                return state, "conflict"
            if version in aside or version <= stack[-1]:
                return state, "held"
            return (revision + 1, (*stack, version), aside), revision + 1
        case ("rollback", int(expected)):
            usable = [i for i, held in enumerate(stack[:-1]) if held not in aside]
            if expected != revision or not usable:
                return state, "refused"
            kept = stack[: usable[-1] + 1]
            return (revision + 1, kept, aside | {stack[-1]}), (revision + 1, kept[-1])
    raise AssertionError(call)


class Recorder:
    """One client: does things at random and writes down when it asked and was answered."""

    def __init__(self, url: str, seed: int, start: threading.Barrier, count: int) -> None:
        self._url = url
        self._pick = random.Random(seed)
        self._start = start
        self._count = count
        self._revision = 1
        self.operations: list[Operation] = []
        self.failure: BaseException | None = None

    def run(self) -> None:
        """Everything that this client does."""
        try:
            with Client(self._url, retries=0, timeout_s=60) as client:
                self._start.wait(60)
                for _ in range(self._count):
                    self._act(client)
        except BaseException as error:  # noqa: BLE001 - told to the thread that waits
            self.failure = error

    def _act(self, client: Client) -> None:
        chance = self._pick.random()
        call: Hashable
        ask: Callable[[], Hashable]
        if chance < 0.4:
            call, ask = ("read",), lambda: self._read(client)
        elif chance < 0.9:
            version = self._pick.randrange(1, VERSIONS + 1)
            expected = self._revision if chance < 0.5 else None
            call = ("promote", version, expected)
            ask = lambda: self._promote(client, version, expected)  # noqa: E731 - one of three
        else:
            expected = self._revision
            call, ask = ("rollback", expected), lambda: self._roll_back(client, expected)
        called = time.monotonic()
        try:
            answer = ask()
        except ServerUnreachable:
            self.operations.append(Operation(call, None, called, None))
            return
        self.operations.append(Operation(call, answer, called, time.monotonic()))

    def _read(self, client: Client) -> Hashable:
        found = client.get(ALIAS)
        self._revision = found["revision"]
        return found["version"]["version"], found["revision"]

    def _promote(self, client: Client, version: int, expected: int | None) -> Hashable:
        body: dict[str, JsonValue] = {"version": version}
        if expected is not None:
            body["expected_revision"] = expected
        try:
            self._revision = int(client.post(f"/models/{MODEL}/promote", body)["revision"])
        except ApiError as refusal:
            return _word(refusal, {"gate_blocked": "held", "conflict": "conflict"})
        return self._revision

    def _roll_back(self, client: Client, expected: int) -> Hashable:
        try:
            move = client.post(f"/models/{MODEL}/rollback", {"expected_revision": expected})
        except ApiError as refusal:
            return _word(refusal, {"failed_precondition": "refused", "conflict": "refused"})
        self._revision = int(move["revision"])
        return self._revision, move["to_version"]


def _word(refusal: ApiError, words: dict[str, str]) -> str:
    if refusal.code not in words:
        raise refusal
    return words[refusal.code]


@pytest.fixture
def servers(tmp_path: Path, postgresql_database: Any) -> Iterator[list[LiveServer]]:
    """Two processes on one database and one folder of bytes, and versions that were all examined."""
    assert isinstance(postgresql_database, PostgresqlDatabase)
    office = Office(tmp_path, postgresql_database)
    office.a_gate(0, suite=office.a_suite(items=VERSIONS).fingerprint)
    for number in range(1, VERSIONS + 1):
        office.examine(office.a_version(f"candidate {number}"), number)
    office.services.promotion.promote(office.ask(), MODEL, 1)
    url = postgresql_database._engine.url.render_as_string(hide_password=False)
    flags = ("--database", url, "--blobs", str(tmp_path / "blobs"))
    with LiveServer(tmp_path / "one", *flags) as one, LiveServer(tmp_path / "two", *flags) as two:
        yield [one, two]


@pytest.mark.timeout(1_200)
@pytest.mark.parametrize(
    "count", [8, pytest.param(60, marks=pytest.mark.slow)], ids=["short", "long"]
)
def test_p15_what_fifty_clients_of_two_servers_saw_has_one_order(
    servers: list[LiveServer], postgresql_database: PostgresqlDatabase, count: int
) -> None:
    """P15: no wrong champion, no revision lost or given twice, no reader sees the past."""
    start = threading.Barrier(CLIENTS)
    clients = [Recorder(servers[n % 2].url, n, start, count) for n in range(CLIENTS)]
    threads = [threading.Thread(target=client.run) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for client in clients:
        if client.failure is not None:
            raise client.failure
    history = [operation for client in clients for operation in client.operations]
    assert len(history) == CLIENTS * count
    model: Model[State] = Model((1, (1,), frozenset()), step)
    assert is_linearizable(history, model)
    answers = [operation.answer for operation in history]
    assert {"held", "conflict", "refused"} <= set(answers)
    moved = sorted(
        a if isinstance(a, int) else a[0]
        for o, a in zip(history, answers, strict=True)
        if o.call != ("read",) and not isinstance(a, str | None)
    )  # type: ignore[index]
    assert moved == list(range(2, len(moved) + 2))
    assert Audit.verify(postgresql_database).findings == []
