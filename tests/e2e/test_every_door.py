"""Every route of every face is asked to put a challenger that must not win where the champion is."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from assay.faces.endpoint import Endpoint
from assay.server.app import faces
from assay.storage.database import open_database
from assay.storage.migrate import migrate
from tests.support.office import MODEL, Office
from tests.support.server import LiveServer

CHALLENGER = 2
ALIASES = """
SELECT a.alias, a.revision, v.version, v.state, a.model_id
FROM aliases a JOIN model_versions v ON v.id = a.version_id WHERE a.alias IN ('production', 'champion')
"""
WISHES: dict[str, Any] = {
    "name": MODEL, "model": MODEL, "model_name": MODEL, "new_name": "renamed", "version": CHALLENGER,
    "alias": "production", "aliases": ["production", "champion"], "stage": "Production",
    "archive_existing_versions": True, "key": "alias", "value": "production", "state": "registered",
    "tags": {}, "reason": "please", "source": f"models:/{MODEL}/{CHALLENGER}", "expected_revision": 1,
    "revision": 9, "protected": [], "description": "production", "status": "READY",
    "artifact_path": "model", "created_at_ms": 1, "updated_at_ms": 1, "target": "production",
    "dst_name": MODEL, "src_model_uri": f"models:/{MODEL}/{CHALLENGER}", "workspace": "default",
}  # fmt: skip
LAST = re.compile(r"workspaces|policy|principals|tokens|roles|models/\{name\}$|registered-models")


def routes() -> list[tuple[str, Endpoint]]:
    """Whatever changes something, of every face; what might take the stage away itself comes last."""
    found = [
        (face.name, endpoint)
        for face in faces()
        for endpoint in face.endpoints
        if endpoint.method != "GET"
    ]
    return sorted(found, key=lambda pair: bool(LAST.search(pair[1].path)))


def bodies(endpoint: Endpoint) -> Iterator[dict[str, Any]]:
    """Everything that could be wished for; in the words of the route where it takes no others."""
    yield WISHES
    if endpoint.request is not None:
        try:
            names = {field.encode_name for field in msgspec.structs.fields(endpoint.request)}
        except TypeError:
            return
        yield {name: value for name, value in WISHES.items() if name in names}
        yield {name: str(value) for name, value in WISHES.items() if name in names}


def path_of(endpoint: Endpoint) -> str:
    given = {
        "name": MODEL,
        "alias": "production",
        "version": str(CHALLENGER),
        "workspace": "default",
    }
    return re.sub(
        r"\{(\w+)(:\w+)?\}", lambda match: given.get(match[1], "run-0002-default"), endpoint.path
    )


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LiveServer]:
    """A champion, and a challenger that was examined and is worse."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    with closing(open_database(data / "assay.db")) as database:
        migrate(database, 1)
        office = Office(data, database)
        office.a_gate(0)
        office.a_champion(right=8)
        worse = office.a_version("worse")
        office.examine(worse, right=3)
        office.services.aliases.set_alias(office.ask(), MODEL, "staging", worse.version)
    with LiveServer(data) as live:
        yield live


def protected(data: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(data / "assay.db", timeout=20)) as database:
        return database.execute(ALIASES).fetchall()


def test_no_route_of_any_face_moves_a_protected_alias_past_the_gate(server: LiveServer) -> None:
    """Promise 3: whatever is asked for, in whatever words, the champion keeps its place and revision."""
    before = protected(server.data)
    assert [row[:4] for row in before] == [("production", 1, 1, "registered")]
    asked: set[str] = set()
    statuses: set[int] = set()
    address = urlsplit(server.url).netloc
    for face, endpoint in routes():
        for body in bodies(endpoint):
            connection = HTTPConnection(address, timeout=30)
            try:
                connection.request(
                    endpoint.method,
                    path_of(endpoint),
                    json.dumps(body),
                    {"Content-Type": "application/json"},
                )
                answer = connection.getresponse()
                answer.read()
            finally:
                connection.close()
            statuses.add(answer.status)
            assert answer.status != 500, (face, endpoint.method, endpoint.path)
            assert protected(server.data) == before, (face, endpoint.method, endpoint.path, body)
        asked.add(face)
    assert {"native", "mlflow"} <= asked
    assert {200, 409} <= statuses
