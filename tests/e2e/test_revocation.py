"""P13 on real servers: two processes, one PostgreSQL, and a role that is taken away between two requests."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.sdk.client import Client
from assay.sdk.errors import ApiError
from assay.services.audit import Audit
from assay.storage.database import PostgresqlDatabase
from tests.support.office import MODEL, Office
from tests.support.server import LiveServer

MARIA = {"principal": "maria", "workspace": "default", "role": "maintainer"}


def refusal(client: Client, version: int) -> str:
    """The code with which a promotion is refused."""
    with pytest.raises(ApiError) as refused:
        client.post(f"/models/{MODEL}/promote", {"version": version})
    return refused.value.code


def test_p13_a_role_taken_away_on_one_server_is_gone_on_the_other_at_once(
    tmp_path: Path, postgresql_database: PostgresqlDatabase
) -> None:
    """P13: the next request is refused, whichever process it reaches and whatever it has served before."""
    office = Office(tmp_path, postgresql_database)
    office.a_gate(0)
    for right in (1, 3, 5, 7, 9):
        office.examine(office.a_version(f"candidate {right}"), right)
    office.services.promotion.promote(office.ask(), MODEL, 1)
    url = postgresql_database._engine.url.render_as_string(hide_password=False)
    flags = ("--auth", "--database", url, "--blobs", str(tmp_path / "blobs"))
    with LiveServer(tmp_path / "one", *flags) as one, LiveServer(tmp_path / "two", *flags) as two:
        admin = Client(one.url, token=one.token("admin"), retries=0)
        admin.post(
            "/principals", {"name": "maria", "kind": "user", "roles": {"default": ["maintainer"]}}
        )
        token = str(admin.post("/tokens", {"principal": "maria"})["token"])
        here, there = (Client(server.url, token=token, retries=0) for server in (one, two))
        with admin, here, there:
            assert here.post(f"/models/{MODEL}/promote", {"version": 2})["revision"] == 2
            assert there.post(f"/models/{MODEL}/promote", {"version": 3})["revision"] == 3

            admin.request("DELETE", "/roles", json=MARIA)
            assert refusal(there, 4) == "permission_denied"
            assert refusal(here, 4) == "permission_denied"

            admin.put("/roles", MARIA)
            assert there.post(f"/models/{MODEL}/promote", {"version": 4})["revision"] == 4
            (made,) = (t for t in admin.get("/tokens")["tokens"] if t["principal"] == "maria")
            admin.delete(f"/tokens/{made['token_id']}")
            assert refusal(there, 5) == "unauthenticated"
            assert refusal(here, 5) == "unauthenticated"

    assert office.holder() == 4
    denied = [event.actor for event in office.events() if event.outcome == "denied"]
    assert denied == ["user:maria"] * 2
    assert Audit.verify(postgresql_database).findings == []
