"""`assay approve`, `freezes`, `break-glass` and `gate-keys`: what they refuse, in a sentence and by exit code."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from assay.sdk.client import Client
from tests.cli.command import Assay
from tests.cli.scenes import add_version, capitals


@pytest.fixture
def guarded(assay: Assay, client: Client, tmp_path: Path) -> Assay:
    """A model of one version under a gate."""
    assay.done("gates", "create", "exam", "--suite", capitals(tmp_path / "suite"))
    add_version(client, "bot", 2)
    return assay


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["bot/9"], "does not exist"),
        (["nobody/1"], "nobody"),
        (["bot/1", "--alias", "staging"], "not protected"),
        (["bot/1", "--alias", "PRODUCTION"], "'production'"),
        (["bot/1"], "registered version 1"),
    ],
    ids=["no version", "no model", "unprotected alias", "another spelling", "own work"],
)
def test_an_approval_that_cannot_count_is_refused(
    guarded: Assay, words: list[str], sentence: str
) -> None:
    """Nobody's, for nothing, or by whoever made it: exit 1, the reason, and no approval."""
    told = guarded("approve", *words)

    assert told.code == 1
    assert sentence in told.err
    assert guarded.json("approve", "bot", "--list")["approvals"] == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--from", "noon", "--until", "2030-01-02T00:00Z"], "--from"),
        (["--from", "2030-01-02T00:00Z", "--until", "2030-01-01T00:00Z"], "ends after it starts"),
        (["--from", "2020-01-01T00:00Z", "--until", "2020-01-02T00:00Z"], "over already"),
        (["--from", "2030-01-01T00:00Z", "--until", "2032-01-01T00:00Z"], "366 days"),
        (
            ["--from", "2030-01-01T00:00Z", "--until", "2030-01-02T00:00Z", "--alias", "staging"],
            "not protected",
        ),
    ],
    ids=["no time", "backwards", "past", "too long", "unprotected alias"],
)
def test_a_freeze_that_makes_no_sense_is_refused(
    assay: Assay, words: list[str], sentence: str
) -> None:
    """Exit 1, the sentence, and nothing is frozen."""
    told = assay("freezes", "create", *words, "--reason", "holidays")

    assert told.code == 1
    assert sentence in told.err
    assert assay.json("freezes", "list")["freezes"] == []


def test_a_freeze_that_is_over_is_not_lifted(assay: Assay) -> None:
    """Lifted once is lifted; one that never was is named."""
    window = ("--from", "2099-01-01T00:00Z", "--until", "2099-01-02T00:00Z", "--reason", "launch")
    made = assay.json("freezes", "create", *window)
    assay.done("freezes", "lift", made["freeze_id"])

    again, unknown = assay("freezes", "lift", made["freeze_id"]), assay("freezes", "lift", "f00")

    assert (again.code, unknown.code) == (1, 1)
    assert "is over" in again.err
    assert "'f00' does not exist" in unknown.err


def test_one_person_breaks_no_glass(guarded: Assay) -> None:
    """In local mode there is no second person: refused, and nobody holds the alias."""
    told = guarded("break-glass", "request", "bot/1", "--reason", "alone")
    confirmed = guarded("break-glass", "confirm", "0" * 32)

    assert told.code == confirmed.code == 1
    assert "two people" in told.err
    assert "does not exist" in confirmed.err
    assert guarded.json("break-glass", "list")["requests"] == []
    assert "never been set" in guarded.done("models", "history", "bot@production")


@pytest.mark.parametrize(
    "key", ["", "abc", "g" * 64, "0" * 63], ids=["empty", "short", "no hex", "63"]
)
def test_what_is_no_public_key_is_not_registered(assay: Assay, key: str) -> None:
    """64 hex digits, or nothing."""
    told = assay("gate-keys", "register", key)

    assert told.code == 1
    assert "public_key" in told.err
    assert assay.json("gate-keys", "list")["keys"] == []


def test_a_key_is_registered_once_and_stays_revoked(assay: Assay) -> None:
    """A second registration, a replacement of what is gone and a retirement after revocation are refused."""
    public = Ed25519PrivateKey.generate().public_key().public_bytes_raw().hex()
    other = Ed25519PrivateKey.generate().public_key().public_bytes_raw().hex()
    made = assay.json("gate-keys", "register", public)
    assay.done("gate-keys", "revoke", made["key_id"], "--reason", "lost")

    twice = assay("gate-keys", "register", public)
    replaced = assay("gate-keys", "register", other, "--replaces", made["key_id"])
    retired = assay("gate-keys", "retire", made["key_id"])
    later = assay("gate-keys", "revoke", made["key_id"], "--since", "2099-01-01T00:00Z")

    assert [told.code for told in (twice, replaced, retired, later)] == [1, 1, 1, 1]
    assert "registered here already" in twice.err
    assert "is revoked" in replaced.err
    assert "is revoked" in retired.err
    assert "in the past" in later.err
    (kept,) = assay.json("gate-keys", "list")["keys"]
    assert kept["state"] == "revoked"
