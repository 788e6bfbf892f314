"""The audit: green on what was done properly, red on whatever was touched by hand."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from assay.domain.audit import AuditReport
from assay.domain.errors import GateBlocked, PermissionDenied
from assay.services.audit import Audit
from assay.storage.database import Database, Transaction
from assay.storage.dialect import Engine
from assay.storage.read_only import open_read_only
from tests.support.office import CONTRIBUTOR, MAINTAINER, MODEL, Office


@pytest.fixture
def history(office: Office) -> Office:
    """An office with a full history: champions, a hold, a rollback, a rename, deletions."""
    office.a_gate(0.5)
    office.a_champion(right=5)
    second = office.a_version("second")
    office.examine(second, right=7)
    office.promote(second)
    third = office.a_version("third")
    with pytest.raises(GateBlocked):
        office.promote(third)
    office.hand_in(office.lease(), right=7)
    with pytest.raises(GateBlocked):
        office.promote(third)
    office.services.promotion.rollback(office.ask(), MODEL, reason="bad")
    office.services.versions.clear(office.ask(), MODEL, 2, "good again")
    office.services.aliases.set_alias(office.ask(), MODEL, "staging", 3)
    office.services.aliases.remove_alias(office.ask(), MODEL, "staging")
    office.services.versions.delete_version(office.ask(), MODEL, 3)
    office.a_version("other", model="unnamed")
    office.services.registry.rename_model(office.ask(), "unnamed", "digits-2")
    office.a_version("other", model="gone")
    office.services.registry.delete_model(office.ask(), "gone")
    return office


def audit(office: Office, *, deep: bool = False) -> AuditReport:
    return Audit.verify(office.platform.database, office.platform.blobs, deep=deep)


def unguard(tx: Transaction, table: str) -> None:
    """Take a table's triggers away, as whoever owns the database file can."""
    if tx.engine is Engine.POSTGRESQL:
        tx.driver_plain(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        return
    names = tx.driver(
        "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?", (table,)
    ).scalars()
    for name in list(names):
        tx.driver_plain(f"DROP TRIGGER {name}")


def test_an_untouched_history_is_green(history: Office) -> None:
    """Every kind of event replays to exactly what the tables say."""
    report = audit(history, deep=True)

    assert report.findings == []
    assert report.is_ok
    assert report.events == len(history.events())
    assert (report.models, report.versions, report.aliases) == (3, 5, 2)
    assert (report.moves, report.verdicts) == (5, 3)
    assert report.blobs > 0
    assert report.head_seq == report.events


def test_an_empty_registry_is_green(office: Office) -> None:
    """Nothing happened, nothing is wrong."""
    assert audit(office).is_ok


def sql(*tables: str, text: str) -> Callable[[Transaction], None]:
    def tamper(tx: Transaction) -> None:
        for table in tables:
            unguard(tx, table)
        tx.driver_plain(text)

    return tamper


def swap_two_events(tx: Transaction) -> None:
    unguard(tx, "ledger")
    for text in (
        "UPDATE ledger SET seq = -5 WHERE seq = 5",
        "UPDATE ledger SET seq = 5 WHERE seq = 6",
        "UPDATE ledger SET seq = 6 WHERE seq = -5",
    ):
        tx.driver_plain(text)


TAMPERING = {
    "a byte of an event": (
        sql(
            "ledger", text="UPDATE ledger SET body = replace(body, 'local', 'lokal') WHERE seq = 4"
        ),
        "ledger",
    ),
    "an event deleted": (
        sql(
            "ledger",
            "alias_moves",
            text="DELETE FROM ledger WHERE seq = (SELECT min(seq) FROM ledger WHERE seq > 5"
            " AND seq NOT IN (SELECT ledger_seq FROM alias_moves))",
        ),
        "ledger",
    ),
    "the last event cut off": (
        sql("ledger", text="DELETE FROM ledger WHERE seq = (SELECT max(seq) FROM ledger)"),
        "ledger",
    ),
    "two events swapped": (swap_two_events, "ledger"),
    "an event's actor column": (
        sql("ledger", text="UPDATE ledger SET actor = 'user:nobody' WHERE seq = 3"),
        "ledger",
    ),
    "an alias moved": (
        sql(text="UPDATE aliases SET version_id = 2 WHERE alias = 'production'"),
        "replay",
    ),
    "an alias's revision": (
        sql(text="UPDATE aliases SET revision = 9 WHERE alias = 'production'"),
        "replay",
    ),
    "an alias added": (
        sql(
            text="INSERT INTO aliases (model_id, alias, version_id, revision, updated_at_ms)"
            " SELECT model_id, 'champion', version_id, 1, 0 FROM aliases WHERE alias = 'production'"
        ),
        "replay",
    ),
    "the history of an alias": (
        sql("alias_moves", text="UPDATE alias_moves SET reason = 'good' WHERE kind = 'rollback'"),
        "aliases",
    ),
    "a promotion's decision": (
        sql("alias_moves", text="UPDATE alias_moves SET decision = '{}' WHERE revision = 2"),
        "aliases",
    ),
    "a history entry deleted": (
        sql("alias_moves", text="DELETE FROM alias_moves WHERE kind = 'rollback'"),
        "aliases",
    ),
    "a quarantine lifted": (
        sql(text="UPDATE model_versions SET state = 'quarantined' WHERE version = 1"),
        "replay",
    ),
    "a tombstone raised": (
        sql(text="UPDATE model_versions SET state = 'registered' WHERE state = 'deleted'"),
        "replay",
    ),
    "a lineage text": (
        sql(
            "model_versions",
            text="UPDATE model_versions SET lineage_canonical ="
            " replace(lineage_canonical, '42', '43') WHERE version = 1",
        ),
        "lineage",
    ),
    "lineage and fingerprint together": (
        sql("model_versions", text="UPDATE model_versions SET fingerprint = 'ffff'"),
        "replay",
    ),
    "a file of a version": (
        sql(
            "model_version_files",
            text="UPDATE model_version_files SET sha256 = (SELECT max(sha256) FROM blobs)"
            " WHERE version_id = 1",
        ),
        "files",
    ),
    "a model's name": (
        sql(text="UPDATE registered_models SET name = 'else' WHERE name = 'digits-2'"),
        "replay",
    ),
    "a verdict's score": (
        sql("verdicts", text="UPDATE verdicts SET score_numerator = '9' WHERE id = 1"),
        "verdicts",
    ),
    "a verdict deleted": (
        sql("verdicts", text="DELETE FROM verdicts WHERE id = 1"),
        "verdicts",
    ),
    "a gate's threshold": (
        sql("gates", text="UPDATE gates SET canonical = replace(canonical, '0.5', '0.1')"),
        "gates",
    ),
    "an unreadable row": (
        sql("verdicts", text="UPDATE verdicts SET metrics = 'nonsense' WHERE id = 1"),
        "ledger",
    ),
}


@pytest.mark.parametrize("what", TAMPERING)
def test_what_was_touched_by_hand_turns_the_audit_red(history: Office, what: str) -> None:
    """A1 to A3: whatever is changed past the services shows, in the area where it was changed."""
    tamper, area = TAMPERING[what]
    if history.platform.database.engine is Engine.POSTGRESQL and what in {
        "an event deleted",
        "the last event cut off",
        "two events swapped",
        "a verdict deleted",
    }:
        # Foreign keys and their own triggers stand in the way of owners, too, unless replaced.
        with history.platform.database.write() as tx:
            tx.driver_plain("SET LOCAL session_replication_role = replica")
            tamper(tx)
    else:
        with history.platform.database.write() as tx:
            tamper(tx)

    report = audit(history)

    assert not report.is_ok
    assert area in {finding.area for finding in report.findings}


def test_a_missing_blob_is_found_and_named(history: Office) -> None:
    """Every file of every version has to be there."""
    (file,) = history.services.versions.manifest(history.ask(), MODEL, 1)
    history.platform.blobs.delete(file.sha256)

    (finding,) = audit(history).findings

    assert finding.area == "files"
    assert "'weights.json' of version 1 of 'digits'" in finding.message


def test_a_changed_blob_is_found_by_reading_it(history: Office, tmp_path: Path) -> None:
    """Deep means: every referenced byte is read and digested again."""
    (file,) = history.services.versions.manifest(history.ask(), MODEL, 1)
    (stored,) = (tmp_path / "blobs").rglob(file.sha256)
    stored.chmod(0o600)
    stored.write_bytes(b"X" * file.size_bytes)

    assert audit(history).is_ok
    (finding,) = audit(history, deep=True).findings
    assert "is corrupt" in finding.message


def test_rows_that_no_longer_give_the_score_are_found(history: Office, tmp_path: Path) -> None:
    """Deep also scores every verdict again, from its own rows."""
    reports = history.services.gate_runs.list(history.ask()).items
    digests = {report.verdict.rows_sha256 for report in reports if report.verdict is not None}
    for digest in digests:
        (stored,) = (tmp_path / "blobs").rglob(str(digest))
        stored.chmod(0o600)
        stored.write_bytes(stored.read_bytes().replace(b'"accuracy":0', b'"accuracy":1', 1))

    areas = [finding.area for finding in audit(history, deep=True).findings]

    assert areas.count("verdicts") == len(reports)


def test_a_stopped_servers_file_is_audited_as_it_lies_there(
    tmp_path: Path, sqlite_database: Database
) -> None:
    """The database and blobs are enough: no server, no clock, nothing written."""
    office = Office(tmp_path, sqlite_database)
    office.a_gate()
    office.a_champion()
    copy = tmp_path / "copy.db"
    with closing(sqlite3.connect(tmp_path / "assay.db")) as live:
        live.execute("VACUUM INTO ?", (str(copy),))
    before = copy.read_bytes()
    seen: list[tuple[str, int]] = []

    with closing(open_read_only(copy)) as database:
        report = Audit.verify(
            database, office.platform.blobs, on_progress=lambda what, n: seen.append((what, n))
        )

    assert report.is_ok
    assert ("events", report.events) in seen
    assert copy.read_bytes() == before


def test_findings_beyond_the_limit_are_counted(office: Office) -> None:
    """A ruined ledger does not fill the memory with complaints."""
    report = AuditReport()
    for number in range(2_500):
        report.add("ledger", f"event {number}")

    assert len(report.findings) == 1_000
    assert report.finding_count == 2_500


def test_who_reads_one_workspace_learns_the_result_only(history: Office) -> None:
    """Findings name things of other workspaces; contributors ask in vain."""
    with history.platform.database.write() as tx:
        tx.driver_plain("UPDATE aliases SET revision = 9")

    everything = history.services.audit.run(history.ask())
    own = history.services.audit.run(history.ask(MAINTAINER))

    assert everything.findings
    assert (own.findings, own.finding_count) == ([], everything.finding_count)
    with pytest.raises(PermissionDenied):
        history.services.audit.run(history.ask(CONTRIBUTOR))
