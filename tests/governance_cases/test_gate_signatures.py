"""G15: signatures of verdicts: absent, bad, of another key, workspace or algorithm, rotated, revoked."""

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from assay.domain.access import Role
from assay.domain.canonical import sha256_hex
from assay.domain.errors import FailedPrecondition
from assay.domain.gate import Outcome
from assay.domain.verdict_statement import Statement, key_id_of, rows_text, statement_text
from assay.runner.key import load_key, make_key
from assay.services.gate_runs import Lease
from assay.services.runner_signatures import signature_fault
from assay.storage import verdicts
from tests.governance_cases.scene import Court, codes
from tests.support.office import MODEL, rows


@dataclass(frozen=True)
class Pen:
    """A private key and what it is called."""

    private: Ed25519PrivateKey

    @property
    def public(self) -> str:
        return self.private.public_key().public_bytes_raw().hex()

    @property
    def key_id(self) -> str:
        return key_id_of(self.public)

    def sign(self, lease: Lease, right: int, **changed: Any) -> dict[str, str]:
        """The member `signature` of posted rows; `changed` parts of the statement are lies."""
        parts: dict[str, Any] = {
            "gate_run_id": lease.run.gate_run_id,
            "artifact_digest": lease.run.artifact_digest,
            "gate_fingerprint": lease.gate.fingerprint,
            "nonce": lease.nonce,
            "rows_sha256": sha256_hex(rows_text(rows(right))),
            "score": Fraction(right, 10),
            **changed,
        }
        text = statement_text(Statement(**parts)).encode()
        return {"key_id": self.key_id, "signature": self.private.sign(text).hex()}


@pytest.fixture
def pen() -> Pen:
    """A key that nobody knows yet."""
    return Pen(Ed25519PrivateKey.generate())


def register(court: Court, pen: Pen, **body: Any) -> tuple[int, dict[str, Any]]:
    given = {"public_key": pen.public, "runner": "gate-runner", **body}
    return court.call(court.maintainer, "POST", "/gate-keys", given)


def test_g15_an_absent_signature_is_refused_where_it_is_wanted(court: Court, pen: Pen) -> None:
    """G15: under a gate that wants signatures unsigned rows are refused, signed ones count."""
    court.a_gate(0.5, signed_verdicts="require")
    register(court, pen)
    lease = court.leased()

    assert court.post_rows(lease, rows(9))[0] == 403
    assert court.verdicts() == 0
    denied = court.events("verdict.written")
    assert [event.outcome for event in denied] == ["denied"]

    status, verdict = court.post_rows(lease, rows(9), signature=pen.sign(lease, 9))
    assert status == 200
    kept = verdict["signature"]
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(kept["public_key"]))
    key.verify(bytes.fromhex(kept["signature"]), kept["statement"].encode())
    assert court.events("verdict.written")[-1].details["key_id"] == pen.key_id


@pytest.mark.parametrize(
    "lie",
    [
        {"gate_run_id": "0" * 32},
        {"artifact_digest": "0" * 64},
        {"gate_fingerprint": "0" * 64},
        {"nonce": "0" * 32},
        {"rows_sha256": "0" * 64},
        {"score": None},
    ],
    ids=lambda lie: next(iter(lie)),
)
def test_g15_a_signature_over_anything_else_is_refused(
    sqlite_court: Court, pen: Pen, lie: dict[str, Any]
) -> None:
    """G15: every fact of the statement is bound; a signature made for another one is worth nothing."""
    sqlite_court.a_gate(0.5)
    register(sqlite_court, pen)
    lease = sqlite_court.leased()

    status, _ = sqlite_court.post_rows(lease, rows(9), signature=pen.sign(lease, 9, **lie))

    assert status == 403
    assert sqlite_court.verdicts() == 0


def test_g15_an_unregistered_or_foreign_key_is_refused(court: Court, pen: Pen) -> None:
    """G15: a key of another workspace, another runner or nobody signs nothing here."""
    court.a_gate(0.5)
    lease = court.leased()
    signed = pen.sign(lease, 9)
    assert court.post_rows(lease, rows(9), signature=signed)[0] == 403

    court.services.workspaces.create(court.ask(), "team-b")
    elsewhere = court.person("bea", Role.MAINTAINER, workspace="team-b")
    keys = court.services.reviews.keys
    keys.register(court.ask(elsewhere, workspace="team-b"), pen.public, "gate-runner")
    assert court.post_rows(lease, rows(9), signature=signed)[0] == 403

    register(court, pen, runner="gate-runner-2")
    assert court.post_rows(lease, rows(9), signature=signed)[0] == 403
    assert court.verdicts() == 0


@pytest.mark.parametrize("extra", [{"alg": "none"}, {"alg": "HS256"}, {"public_key": "a" * 64}])
def test_g15_a_client_names_no_algorithm_and_no_key(
    sqlite_court: Court, pen: Pen, extra: dict[str, str]
) -> None:
    """G15: there is no field in which an algorithm or a key could be smuggled in."""
    sqlite_court.a_gate(0.5)
    register(sqlite_court, pen)
    lease = sqlite_court.leased()

    signature = {**pen.sign(lease, 9), **extra}

    assert sqlite_court.post_rows(lease, rows(9), signature=signature)[0] == 422
    for text in ("", "0" * 128, "00" * 32, "none"):
        forged = {"key_id": pen.key_id, "signature": text}
        assert sqlite_court.post_rows(lease, rows(9), signature=forged)[0] in {403, 422}
    assert sqlite_court.verdicts() == 0


def test_g15_what_a_rotated_key_signed_stands(court: Court, pen: Pen) -> None:
    """G15: after a rotation the old key signs nothing new, and its verdict still promotes."""
    court.a_gate(0.5, signed_verdicts="require")
    register(court, pen)
    lease = court.leased("one")
    assert court.post_rows(lease, rows(9), signature=pen.sign(lease, 9))[0] == 200
    fresh = Pen(Ed25519PrivateKey.generate())
    assert register(court, fresh, replaces=pen.key_id)[0] == 201

    second = court.leased("two")

    assert court.post_rows(second, rows(10), signature=pen.sign(second, 10))[0] == 403
    assert court.post_rows(second, rows(10), signature=fresh.sign(second, 10))[0] == 200
    promote = court.services.promotion.promote
    assert promote(court.ask(), MODEL, 1).to_version == 1
    assert promote(court.ask(), MODEL, 2).to_version == 2


def test_g15_a_key_is_rotated_and_then_revoked_as_the_guide_says(court: Court, pen: Pen) -> None:
    """G15: after both steps old verdicts count and verify, and new ones need the new key."""
    court.a_gate(0.5, signed_verdicts="require")
    register(court, pen)
    lease = court.leased("one")
    assert court.post_rows(lease, rows(8), signature=pen.sign(lease, 8))[0] == 200
    court.clock.advance(1_000)
    fresh = Pen(Ed25519PrivateKey.generate())
    assert register(court, fresh, replaces=pen.key_id)[0] == 201
    court.clock.advance(1_000)
    body = {"reason": "it is not needed any more"}
    assert court.call(court.maintainer, "POST", f"/gate-keys/{pen.key_id}/revoke", body)[0] == 200

    first = court.promoted(court.services.versions.get_version(court.ask(), MODEL, 1))
    assert first[0] == 200
    second = court.leased("two")
    assert court.post_rows(second, rows(9), signature=pen.sign(second, 9))[0] == 403
    assert court.post_rows(second, rows(9), signature=fresh.sign(second, 9))[0] == 200
    assert court.promoted(court.services.versions.get_version(court.ask(), MODEL, 2))[0] == 200
    assert register(court, pen)[0] == 409
    report = court.services.audit.verify(court.platform.database, court.platform.blobs, deep=True)
    assert report.findings == []


def test_g15_a_revoked_key_makes_its_later_verdicts_void(court: Court, pen: Pen) -> None:
    """G15: what was signed after the key was lost promotes nobody; what was signed before does."""
    court.a_gate(0.5)
    register(court, pen)
    early = court.leased("early")
    assert court.post_rows(early, rows(8), signature=pen.sign(early, 8))[0] == 200
    lost_at = court.clock.advance(1_000)
    late = court.leased("late")
    assert court.post_rows(late, rows(9), signature=pen.sign(late, 9))[0] == 200
    court.clock.advance(5_000)
    body = {"since_ms": lost_at, "reason": "the laptop was stolen"}

    path = f"/gate-keys/{pen.key_id}/revoke"
    status, key = court.call(court.maintainer, "POST", path, body)

    assert (status, key["state"], key["void_from_ms"]) == (200, "revoked", lost_at)
    third = court.leased("third")
    assert court.post_rows(third, rows(9), signature=pen.sign(third, 9))[0] == 403
    versions = {"version": 2}
    held = court.call(court.maintainer, "POST", f"/models/{MODEL}/promote", versions)
    assert codes(held) == ["verdict_void"]
    assert (
        court.call(court.maintainer, "POST", f"/models/{MODEL}/promote", {"version": 1})[0] == 200
    )
    assert court.events("runner_key.revoked")[0].details["reason"] == "the laptop was stolen"


def test_g15_a_champion_of_a_revoked_key_must_be_scored_again(court: Court, pen: Pen) -> None:
    """G15: a void score of the champion is no score to beat; its exam is queued anew."""
    court.a_gate(0.5)
    register(court, pen)
    lease = court.leased("one")
    court.post_rows(lease, rows(7), signature=pen.sign(lease, 7))
    court.services.promotion.promote(court.ask(), MODEL, 1)
    court.services.reviews.keys.revoke(court.ask(), pen.key_id, since_ms=0)
    challenger = court.scored("two", 9)

    assert codes(court.promoted(challenger)) == ["champion_not_comparable"]
    again = court.lease(court.runner)
    assert again.run.version == 1
    court.post_rows(again, rows(7))
    assert court.promoted(challenger)[0] == 200


def test_g15_a_workspace_that_wants_signatures_voids_unsigned_verdicts(court: Court) -> None:
    """G15: the policy of the workspace holds for every gate in it, also for what came before."""
    court.a_gate(0.5)
    version = court.scored("one", 9)
    policy = {"signed_verdicts": "require"}
    assert court.call(court.trainer, "PUT", "/gate-policy", policy)[0] == 403
    assert court.call(court.maintainer, "PUT", "/gate-policy", policy)[0] == 200

    assert codes(court.promoted(version)) == ["verdict_void"]
    assert court.events("gate_policy.changed")[0].details == {"before": "off", "after": "require"}


def test_g15_only_those_with_the_right_register_keys(sqlite_court: Court, pen: Pen) -> None:
    """G15: a trainer or a runner cannot make its own key count; a key is registered once, for good."""
    body = {"public_key": pen.public, "runner": "gate-runner"}
    for actor in (sqlite_court.trainer, sqlite_court.runner):
        assert sqlite_court.call(actor, "POST", "/gate-keys", body)[0] == 403
    assert register(sqlite_court, pen)[0] == 201
    assert register(sqlite_court, pen)[0] == 409


def test_g15_an_audit_checks_kept_signatures(court: Court, pen: Pen) -> None:
    """G15: a kept signature is checked against the verdict as it is now; a changed one shows."""
    court.a_gate(0.5)
    register(court, pen)
    lease = court.leased()
    court.post_rows(lease, rows(9), signature=pen.sign(lease, 9))
    with court.platform.database.read() as tx:
        given = verdicts.find_verdict_of_run(tx, lease.run.pk)
    assert given is not None
    assert signature_fault(given) is None

    better = replace(given.verdict, score=Fraction(1))
    assert signature_fault(replace(given, verdict=better)) is not None
    assert given.verdict.outcome is Outcome.PASS


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE verdict_signatures SET signature = '{junk}'",
        "UPDATE verdict_signatures SET nonce = 'f'",
        "DELETE FROM verdict_signatures",
    ],
    ids=["signature", "nonce", "taken away"],
)
def test_g15_a_signature_altered_in_the_database_is_found(
    sqlite_court: Court, pen: Pen, change: str
) -> None:
    """G15: `assay audit verify` names the gate run whose kept signature is not its key's any more."""
    court = sqlite_court
    court.a_gate(0.5)
    register(court, pen)
    lease = court.leased()
    court.post_rows(lease, rows(9), signature=pen.sign(lease, 9))
    verify = court.services.audit.verify
    assert verify(court.platform.database, court.platform.blobs).is_ok

    with court.platform.database.write() as tx:
        for what in ("update", "delete"):
            tx.driver_plain(f"DROP TRIGGER verdict_signatures_no_{what}")
        tx.driver_plain(change.format(junk="0" * 128))

    report = verify(court.platform.database, court.platform.blobs)
    (finding,) = report.findings
    assert finding.area == "verdicts"
    assert lease.run.gate_run_id in finding.message
    assert "signature" in finding.message


def test_g15_a_runner_key_file_is_its_users_alone(tmp_path: Path) -> None:
    """G15: the private key is written with 0600, never overwritten, refused when others may read it."""
    path = tmp_path / "keys" / "runner.key"
    made = make_key(path)

    assert path.stat().st_mode & 0o777 == 0o600
    assert load_key(path).public_key == made.public_key
    assert made.public_key not in path.read_text()
    path.chmod(0o644)
    with pytest.raises(FailedPrecondition, match="0600"):
        load_key(path)
