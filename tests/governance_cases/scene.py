"""A court for the numbered cases: an office with accounts, spoken to through the native face."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

from sqlalchemy import update

from assay.domain.access import LOCAL_OWNER, Actor, ActorKind, Role
from assay.domain.registry import ModelVersion
from assay.faces.native.routes import ENDPOINTS
from assay.services.assembly import Services
from assay.services.gate_runs import Lease
from assay.storage.database import Database
from assay.storage.tables.tracking import runs
from tests.support.native_app import ask, native_app
from tests.support.office import LINEAGE, MODEL, Office, rows

API = "/api/v1"


class Court(Office):
    """An office whose people have accounts; `call` is one of their requests to the native API."""

    def __init__(self, tmp_path: Path, database: Database) -> None:
        super().__init__(tmp_path, database)
        self._caller = LOCAL_OWNER
        services = {
            field.name: getattr(self.services, field.name)
            for field in fields(Services)
            if field.name != "platform"
        }
        self.app = native_app(self.platform, ENDPOINTS, lambda: self._caller, **services)
        self.admin = self.person("ada", Role.ADMIN, workspace="*")
        self.maintainer = self.person("maria", Role.MAINTAINER)
        self.second = self.person("max", Role.MAINTAINER)
        self.third = self.person("mia", Role.MAINTAINER)
        self.trainer = self.person("carl", Role.CONTRIBUTOR)
        self.runner = self.person("gate-runner", Role.GATE)
        self.runner_two = self.person("gate-runner-2", Role.GATE)

    def person(self, name: str, role: Role, *, workspace: str = "default") -> Actor:
        """A principal with one role, as its token would make it known."""
        kind = ActorKind.RUNNER if role is Role.GATE else ActorKind.USER
        row = self.services.auth.create_principal(
            self.ask(), name, kind.value, {workspace: [role.value]}
        )
        return Actor(kind, name, row.pk, roles={workspace: frozenset({role})})

    def call(
        self, actor: Actor, method: str, path: str, body: object = None
    ) -> tuple[int, dict[str, Any]]:
        """Status and JSON of one request to the API."""
        self._caller = actor
        content = None if body is None else json.dumps(body)
        headers = {"content-type": "application/json"}
        answer = ask(self.app, method, f"{API}{path}", content=content, headers=headers)
        return answer.status_code, answer.json()

    def made_by(self, actor: Actor, content: str) -> ModelVersion:
        """A version whose run and registration are the actor's."""
        run_id = self.a_run({"model/weights.json": content.encode()})
        with self.platform.database.write() as tx:
            tx.execute(update(runs).where(runs.c.run_id == run_id).values(created_by=actor.name))
        return self.services.registration.register(
            self.ask(actor), MODEL, run_id=run_id, artifact_path="model"
        )

    def post_rows(
        self, lease: Lease, given: object, actor: Actor | None = None, **changed: Any
    ) -> tuple[int, dict[str, Any]]:
        """Hand rows in through the API, with parts of the body changed."""
        body = {"nonce": lease.nonce, "fence": lease.run.fence, "rows": given, **changed}
        path = f"/gate-runs/{lease.run.gate_run_id}/rows"
        return self.call(actor or self.runner, "POST", path, body)

    def leased(self, content: str = "weights") -> Lease:
        """A version under exam, with its lease handed to the runner."""
        version = self.a_version(content)
        self.services.gate_runs.request(self.ask(), MODEL, version.version)
        return self.lease(self.runner)

    def scored(self, content: str, right: int | Iterable[int], **values: float) -> ModelVersion:
        """A version that was examined: so many items right, or exactly those."""
        version = self.a_version(content)
        self.services.gate_runs.request(self.ask(), MODEL, version.version)
        lease = self.lease(self.runner)
        assert lease.run.version == version.version, "another gate run waits first"
        given = rows(right if isinstance(right, int) else 0, lease.suite.item_count, **values)
        if not isinstance(right, int):
            for i in right:
                given[i]["metrics"]["accuracy"] = 1
        status, _ = self.post_rows(lease, given)
        assert status == 200
        return version

    def promoted(self, version: ModelVersion, actor: Actor | None = None, **body: Any) -> Any:
        """(status, answer) of asking for the promotion through the API."""
        path = f"/models/{MODEL}/promote"
        return self.call(
            actor or self.maintainer, "POST", path, {"version": version.version, **body}
        )

    def verdicts(self) -> int:
        """How many verdicts there are."""
        with self.platform.database.read() as tx:
            return int(tx.driver("SELECT count(*) FROM verdicts").scalar_one())


def codes(answer: tuple[int, dict[str, Any]]) -> list[str]:
    """The codes of a promotion that was held."""
    status, body = answer
    assert status == 409, body
    assert body["error"]["code"] == "gate_blocked", body
    found = body["error"]["details"]["codes"]
    assert isinstance(found, list)
    return found


__all__ = ["LINEAGE", "Court", "codes"]
