"""Credentials: `assay login`, `whoami`, `tokens` and `access`, on a server with accounts."""

from __future__ import annotations

import json
import secrets
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.sdk.settings import credentials_file
from tests.cli.command import Assay
from tests.support.server import LiveServer

DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("login") / "data", "--auth") as live:
        yield live


@pytest.fixture
def stranger(nowhere: Assay, guarded: LiveServer, monkeypatch: pytest.MonkeyPatch) -> Assay:
    """The command without any credential."""
    monkeypatch.setenv("ASSAY_URL", guarded.url)
    return nowhere


@pytest.fixture
def admin(stranger: Assay, guarded: LiveServer) -> Assay:
    """The command after the admin has logged in."""
    stranger.done("login", "--token-file", guarded.data / "admin.token")
    return stranger


@pytest.fixture
def ann() -> str:
    return f"ann-{secrets.token_hex(4)}"


def test_a_stranger_is_told_to_log_in(stranger: Assay) -> None:
    """The refusal says how."""
    told = stranger("runs", "list")

    assert told.code == 1
    assert "assay login" in told.err


def test_a_token_is_checked_and_kept_for_its_owner_alone(
    stranger: Assay, guarded: LiveServer
) -> None:
    """One file, readable by nobody else; from then on commands need no token."""
    told = stranger("login", stdin=guarded.token("admin") + "\n")

    assert told.code == 0, told.err
    assert "as admin (admin in all workspaces)" in told.out
    assert stat.S_IMODE(credentials_file().stat().st_mode) == 0o600
    assert guarded.token("admin") not in told.out + told.err
    assert stranger.json("whoami")["name"] == "admin"


def test_the_environment_wins_over_what_is_kept(
    admin: Assay, ann: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ASSAY_TOKEN is for one shell, the file for all of them."""
    admin.done("access", "add", ann, "--role", "viewer")
    monkeypatch.setenv("ASSAY_TOKEN", admin.done("tokens", "create", ann).strip())

    assert admin.json("whoami")["name"] == ann


def test_an_empty_token_is_told_as_none(stranger: Assay) -> None:
    """A script whose secret is missing hears that, and not what tokens are made of."""
    told = stranger("login", stdin="")

    assert told.code == 1
    assert "No token was given" in told.err


@pytest.mark.parametrize(
    "token", ["assay_0000000000000000_wrong", "not a token", "", "sk-something-else"]
)
def test_a_token_that_the_server_does_not_know_is_not_kept(stranger: Assay, token: str) -> None:
    """A typing error is noticed at once, and never echoed."""
    told = stranger("login", stdin=token + "\n")

    assert told.code == 1
    assert not token or token not in told.err
    assert not credentials_file().exists()


def test_a_token_file_that_cannot_be_read_is_named(stranger: Assay, tmp_path: Path) -> None:
    """Missing, a folder, or not text."""
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")

    for name in ("missing", ".", "bytes"):
        told = stranger("login", "--token-file", tmp_path / name)
        assert told.code == 1
        assert "Cannot read" in told.err


def test_logging_out_forgets(admin: Assay) -> None:
    """The token is gone from the file; doing it again does no harm."""
    assert "Logged out" in admin.done("logout")
    assert "no token" in admin.done("logout")
    assert admin("whoami").code == 1


def test_a_server_without_accounts_wants_no_login(nowhere: Assay, server: LiveServer) -> None:
    """A token that nobody looks at is not kept."""
    told = nowhere("login", "--url", server.url, stdin="anything\n")

    assert told.code == 1
    assert "no login is needed" in told.err
    assert not credentials_file().exists()


def test_a_person_is_added_given_a_token_and_shut_out(
    admin: Assay, ann: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the first role to the last."""
    assert f"assay tokens create {ann}" in admin.done("access", "add", ann, "--role", "viewer")
    token = admin.done("tokens", "create", ann, "--description", "laptop").strip()
    assert token.startswith("assay_")

    admin.done("access", "grant", ann, "maintainer")
    admin.done("access", "revoke", ann, "viewer")
    found = {row["name"]: row for row in admin.json("access", "list")["principals"]}
    assert found[ann]["roles"] == {"default": ["maintainer"]}

    admin.done("access", "disable", ann)
    with monkeypatch.context() as patch:
        patch.setenv("ASSAY_TOKEN", token)
        assert "disabled" in admin("whoami").err

    admin.done("access", "enable", ann)
    with monkeypatch.context() as patch:
        patch.setenv("ASSAY_TOKEN", token)
        assert admin.json("whoami")["roles"] == {"default": ["maintainer"]}


def test_a_role_may_hold_everywhere(admin: Assay, ann: str) -> None:
    """--everywhere is all workspaces, now and later."""
    admin.done("access", "add", ann, "--role", "auditor", "--everywhere")
    found = {row["name"]: row for row in admin.json("access", "list")["principals"]}

    assert found[ann]["roles"] == {"*": ["auditor"]}


def test_a_token_ends_does_little_and_is_revoked(
    admin: Assay, ann: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its time, its actions and its end; only the token itself is on standard output."""
    admin.done("access", "add", ann, "--role", "maintainer")
    told = admin("tokens", "create", ann, "--expires-in", "30d", "--action", "tracking.read")
    row = next(t for t in admin.json("tokens", "list")["tokens"] if t["principal"] == ann)

    assert len(told.out.split()) == 1
    assert abs(row["expires_at_ms"] - time.time() * 1000 - 30 * DAY_MS) < DAY_MS
    with monkeypatch.context() as patch:
        patch.setenv("ASSAY_TOKEN", told.out.strip())
        assert "tracking.write" not in admin.json("whoami")["actions"]
        assert "tracking.read" in admin.json("whoami")["actions"]

    admin.done("tokens", "revoke", row["token_id"])

    assert ann not in admin.done("tokens", "list")
    assert "revoked" in admin.done("tokens", "list", "--all")


@pytest.mark.parametrize("text", ["30", "d", "0d", "30 days", "-1d", "1y"])
def test_a_duration_that_is_none_is_refused(admin: Assay, ann: str, text: str) -> None:
    """A token that would never end by mistake is not made."""
    told = admin("tokens", "create", ann, f"--expires-in={text}")

    assert told.code == 1
    assert "such as 30d" in told.err


def test_a_role_that_is_none_is_wrong_usage(admin: Assay, ann: str) -> None:
    """The roles that there are stand in the help and in the refusal."""
    told = admin("access", "add", ann, "--role", "king")

    assert told.code == 2
    assert "maintainer" in told.err


def test_a_secret_is_in_no_listing(admin: Assay, ann: str) -> None:
    """What was shown once is shown once."""
    admin.done("access", "add", ann, "--role", "viewer")
    token = admin.done("tokens", "create", ann).strip()
    everything = admin.done("tokens", "list", "--all", "--json") + admin.done(
        "audit", "log", "--json"
    )

    assert token not in everything
    assert token.rpartition("_")[2] not in everything


def test_doctor_names_the_role_and_the_missing_credential(
    stranger: Assay, guarded: LiveServer
) -> None:
    """Without a credential it fails and says what to do; with one it says who we are."""
    without = stranger("doctor", "--json")
    stranger.done("login", "--token-file", guarded.data / "admin.token")
    checks = {row["check"]: row for row in stranger.json("doctor")["checks"]}

    assert without.code == 1
    assert "assay login" in json.loads(without.out)["checks"][-1]["text"]
    assert "admin (user): admin" in checks["credential"]["text"]


def test_doctor_minds_a_login_file_that_others_can_read(admin: Assay) -> None:
    """A secret that is readable is a failure, with the command that mends it."""
    credentials_file().chmod(0o644)
    told = admin("doctor")

    assert told.code == 1
    assert "chmod 600" in told.out
