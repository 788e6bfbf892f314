"""Credentials: who may hand out which role where, and what the first credentials may do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from assay.blobs.store import BlobInfo
from assay.domain.access import Action, Actor, ActorKind, Role, allowed_actions
from assay.domain.errors import InvalidArgument, PermissionDenied
from assay.server.bootstrap import GATE_RUNNER, TOKEN_FILES, ensure_credentials
from assay.storage.database import Database
from tests.support.office import MODEL, Office


@pytest.fixture
def office(tmp_path: Path, database: Database) -> Office:
    """An office with the workspace `team` beside the default one."""
    made = Office(tmp_path, database)
    made.services.workspaces.create(made.ask(), "team")
    return made


def test_an_admin_is_admin_everywhere_or_not_at_all(office: Office) -> None:
    """Who could hand out credentials for one workspace could give itself every right."""
    auth = office.services.auth
    before = office.story()

    with pytest.raises(InvalidArgument, match="granted everywhere"):
        auth.create_principal(office.ask(), "ann", "user", {"team": ["admin"]})
    auth.create_principal(office.ask(), "ann", "user", {"team": ["maintainer"]})
    with pytest.raises(InvalidArgument, match="granted everywhere"):
        auth.grant(office.ask(), "ann", "team", "admin")

    assert office.story() == [*before, "principal.created"]


def test_rights_in_one_workspace_hand_out_no_credentials(office: Office) -> None:
    """Principals and tokens are of the whole server, so they ask for a right over all of it."""
    local = Actor(ActorKind.USER, "ann", roles={"team": frozenset({Role.ADMIN})})

    with pytest.raises(PermissionDenied):
        office.services.auth.create_token(office.ask(local, workspace="team"), "gate-runner")


def test_an_auditor_of_one_workspace_sees_who_has_rights_there(office: Office) -> None:
    """Names, roles and tokens of other teams are not an auditor's of this one."""
    auth = office.services.auth
    made = {"ann": {"team": ["auditor"]}, "olga": {"default": ["viewer"]}, "root": {"*": ["admin"]}}
    for name, roles in made.items():
        auth.create_principal(office.ask(), name, "user", roles)
        auth.create_token(office.ask(), name)
    auth.grant(office.ask(), "ann", "default", "viewer")
    ann = Actor(ActorKind.USER, "ann", roles={"team": frozenset({Role.AUDITOR})})
    context = office.ask(ann, workspace="team")

    seen = {row.name: row.grants for row in auth.list_principals(context)}

    assert seen == {"ann": (("team", "auditor"),), "root": (("*", "admin"),)}
    assert {token.principal for token in auth.list_tokens(context)} == {"ann", "root"}
    assert {"ann", "olga", "root"} <= {row.name for row in auth.list_principals(office.ask())}


@pytest.mark.parametrize("workspace", ["", "Team", "a/b", "**"])
def test_a_role_names_a_workspace(office: Office, workspace: str) -> None:
    """What cannot be a workspace's name is refused, so that a slip of the pen grants nothing."""
    with pytest.raises(InvalidArgument, match="workspace"):
        office.services.auth.create_principal(office.ask(), "ann", "user", {workspace: ["viewer"]})


def test_the_first_gate_runner_holds_the_exams_of_every_workspace(
    office: Office, tmp_path: Path
) -> None:
    """The credential beside the data leases what waits in any workspace, and can do nothing else."""
    services, team = office.services, office.ask(workspace="team")
    ensure_credentials(services, tmp_path)
    token = (tmp_path / TOKEN_FILES[GATE_RUNNER]).read_text().strip()
    runner = services.auth.authenticate(f"Bearer {token}")
    sha256 = office.a_suite().bundle_sha256
    assert sha256 is not None
    size_bytes = office.platform.blobs.stat(sha256)
    assert size_bytes is not None
    suite = services.evaluation.create_suite(team, BlobInfo(sha256, size_bytes))
    rules = {"suite": suite.fingerprint, "metric": "accuracy", "threshold": "0.5"}
    services.gates.create(team, "holdout", rules)
    run_id = office.a_run({"model/weights.json": b"w"}, workspace="team")
    services.registration.register(team, MODEL, run_id=run_id, artifact_path="model")
    asked = services.gate_runs.request(team, MODEL, 1)

    lease = services.gate_runs.lease(replace(office.ask(), actor=runner))

    assert lease is not None
    assert (lease.run.gate_run_id, lease.run.workspace) == (asked.run.gate_run_id, "team")
    assert office.hand_in(lease, right=9, actor=runner).verdict.outcome.value == "pass"
    assert allowed_actions(runner, "team") == {
        Action.PUBLIC, Action.IDENTIFY, Action.GATE_RUN, Action.VERDICT_WRITE
    }  # fmt: skip
