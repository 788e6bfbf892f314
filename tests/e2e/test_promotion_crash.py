"""The server is killed at every step of a promotion: nothing has happened, or all of it, and the key tells."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from assay.sdk.client import Client
from assay.sdk.errors import ServerUnreachable
from assay.storage.database import Database, PostgresqlDatabase, open_database
from assay.storage.migrate import migrate
from tests.support.failpoints import interpreter
from tests.support.office import MODEL, Office
from tests.support.server import LiveServer

SOME, ALL = 20, 90
HISTORY = f"/models/{MODEL}/aliases/production/history"


@pytest.fixture(params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LiveServer]:
    """A server with failpoints, and many versions that have been examined, each better than the last."""
    count = ALL if request.node.callspec.params["stride"] == 1 else SOME
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    flags: list[str] = []
    if request.param == "postgresql":
        database: Database = request.getfixturevalue("postgresql_database")
        assert isinstance(database, PostgresqlDatabase)
        flags = ["--database", database._engine.url.render_as_string(hide_password=False)]
        prepare(data, database, count)
    else:
        with closing(open_database(data / "assay.db")) as opened:
            migrate(opened, 1)
            prepare(data, opened, count)
    live = LiveServer(data, *flags, python=interpreter(tmp_path))
    live.start()
    yield live
    live.kill()


def prepare(data: Path, database: Database, count: int) -> None:
    office = Office(data, database)
    office.a_gate(0, suite=office.a_suite(items=count).fingerprint)
    for right in range(1, count + 1):
        office.examine(office.a_version(f"candidate {right}"), right)


def promote(server: LiveServer, version: int, key: str) -> dict[str, Any]:
    with Client(server.url, retries=0, timeout_s=30) as client:
        answer = client.request(
            "POST",
            f"/models/{MODEL}/promote",
            json={"version": version},
            headers={"Idempotency-Key": key},
        )
    return dict(answer.json)


def moves(server: LiveServer) -> list[tuple[int, int]]:
    """Revisions with the versions that they put in place."""
    with Client(server.url) as client:
        return [(m["revision"], m["to_version"]) for m in client.get(HISTORY)["moves"]]


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "stride", [12, pytest.param(1, marks=pytest.mark.slow)], ids=["some-steps", "every-step"]
)
def test_a8_p1_p2_p3_a_server_that_dies_in_the_middle_of_a_promotion(
    server: LiveServer, tmp_path: Path, stride: int
) -> None:
    """A8, P1, P2, P3: before the lock, after the alias, at the commit, before the answer."""
    # The first promotion has nobody to beat, and so fewer steps.
    promote(server, 1, "crash-100000")
    promote(server, 2, "crash-100001")
    version = 2
    last = int((tmp_path / "steps").read_text())
    assert last < ALL, "there are more steps than versions to promote"
    outcomes = set()
    # Around the commit every step counts.
    for step in sorted({*range(1, last + 1, stride), *range(last - 3, last + 1)}):
        version += 1
        before = moves(server)
        with pytest.raises(ServerUnreachable):
            promote(server, version, f"crash-{step}")
        server.kill()
        server.start()
        done = [*before, (len(before) + 1, version)]
        after = moves(server)
        assert after in (before, done)
        outcomes.add(after == done)

        answer = promote(server, version, f"crash-{step}")

        assert answer["revision"] == len(done)
        assert moves(server) == done
    with Client(server.url) as client:
        report = client.post("/ledger/verify", {"deep": True})
    assert report["findings"] == []
    assert report["moves"] == version
    assert outcomes == {False, True}, "some deaths came before the commit, some after it"
