"""The ledger under attack, A1 to A16: tests/storage, tests/cli and tests/e2e have the others."""

import json
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from assay.domain.audit import AuditReport
from assay.domain.errors import AppError, GateBlocked, PermissionDenied, Unavailable
from assay.domain.ledger import GENESIS, Event, EventOutcome, chain, event_hash, verify_chain
from assay.domain.registry import MoveKind
from assay.domain.replay import ModelRegistered, VersionRegistered, details_record
from assay.services.alias_moves import PlannedMove, write_move
from assay.services.audit import Audit
from assay.services.catalogue import get_model
from assay.storage import aliases
from assay.storage.database import Transaction, open_database
from assay.storage.dialect import Engine
from assay.storage.ledger import stream_events
from assay.storage.migrate import migrate
from tests.support.office import CONTRIBUTOR, MODEL, Office

HOUR_MS = 3_600_000


@pytest.fixture
def history(office: Office) -> Office:
    """Champions, a hold and a rollback."""
    office.a_gate()
    office.a_champion()
    second = office.a_version("second")
    office.examine(second, right=9)
    office.promote(second)
    with pytest.raises(GateBlocked):
        office.promote(office.a_version("third"))
    office.services.promotion.rollback(office.ask(), MODEL)
    return office


def audit(office: Office) -> AuditReport:
    return Audit.verify(office.platform.database)


@pytest.mark.parametrize(
    ("kind", "right", "told"),
    [
        (MoveKind.PROMOTION, 8, "was not strictly better than the champion"),
        (MoveKind.PROMOTION, 4, "no verdict says that the promoted version passed"),
        (MoveKind.BREAK_GLASS, 8, "no two people broke the glass"),
    ],
)
def test_a1_a_forged_promotion_at_the_end_of_the_chain_is_found(
    office: Office, kind: MoveKind, right: int, told: str
) -> None:
    """A1: chain, replay and histories agree, since they were all written; the verdicts do not."""
    office.a_gate()
    office.a_champion(right=9)
    worse = office.a_version("worse")
    office.examine(worse, right)
    promotion = office.services.promotion
    record = promotion.preview(office.ask(), MODEL, worse.version).as_record()
    assert record["holder"] == "champion"
    forged = {**record, "promoted": True, "holder": "challenger", "reason": "promoted"}
    context = office.ask()
    with office.platform.database.write() as tx:
        ledger = office.services.ledger
        ledger.lock(tx)
        model = get_model(tx, context, MODEL)
        held = aliases.lock_alias(tx, model.pk, "production")
        planned = PlannedMove(model, "production", held, worse, kind, decision=forged)
        write_move(tx, ledger, context, planned, frozenset({"production"}))
    assert office.holder() == worse.version

    report = audit(office)

    assert [told in finding.message for finding in report.findings] == [True]


def past_every_guard(office: Office, *texts: str) -> None:
    """As whoever owns the database: its triggers and keys do not stand in the way."""
    with office.platform.database.write() as tx:
        if tx.engine is Engine.POSTGRESQL:
            tx.driver_plain("ALTER TABLE ledger DISABLE TRIGGER USER")
            tx.driver_plain("SET LOCAL session_replication_role = replica")
        else:
            names = tx.driver("SELECT name FROM sqlite_master WHERE type = 'trigger'").scalars()
            for name in list(names):
                tx.driver_plain(f"DROP TRIGGER {name}")
            tx.driver_plain("PRAGMA defer_foreign_keys = ON")
        for text in texts:
            tx.driver_plain(text)


def test_a1_an_edited_event_shows(history: Office) -> None:
    """A1: one word of one event, on either engine."""
    past_every_guard(
        history, "UPDATE ledger SET body = replace(body, 'local', 'lokal') WHERE seq = 4"
    )
    assert {4} == {f.seq for f in audit(history).findings if f.area == "ledger"}


def test_a1_an_edited_event_with_a_new_hash_shows_in_the_next(history: Office) -> None:
    """A1: whoever computes the hash again breaks the link from the event after."""
    with history.platform.database.read() as tx:
        rows = [stored.row for stored in stream_events(tx)]
    record = json.loads(rows[3].body)
    record["actor"] = "user:nobody"
    body = json.dumps(record, sort_keys=True, separators=(",", ":"))
    quoted = body.replace("'", "''")
    past_every_guard(
        history,
        f"UPDATE ledger SET body = '{quoted}', actor = 'user:nobody',"  # noqa: S608 - in a test
        f" h = '{event_hash(body)}' WHERE seq = 4",
    )
    assert 5 in {finding.seq for finding in audit(history).findings}


def test_a2_a_deleted_event_shows(history: Office) -> None:
    """A2: numbers have no gap."""
    past_every_guard(
        history,
        "DELETE FROM ledger WHERE seq = (SELECT min(seq) FROM ledger WHERE seq > 5"
        " AND seq NOT IN (SELECT ledger_seq FROM alias_moves))",
    )
    assert any("should follow" in finding.message for finding in audit(history).findings)


def test_a3_swapped_events_show(history: Office) -> None:
    """A3: the order is part of what is hashed."""
    past_every_guard(
        history,
        "UPDATE ledger SET seq = -5 WHERE seq = 5",
        "UPDATE ledger SET seq = 5 WHERE seq = 6",
        "UPDATE ledger SET seq = 6 WHERE seq = -5",
    )
    assert {5, 6} <= {finding.seq for finding in audit(history).findings}


def test_a4_a5_checkpoints_beside_the_ledger_show_a_cut_and_a_rewriting(history: Office) -> None:
    """A4, A5: unless they are taken away as well; that is what anchors elsewhere are for."""
    size = history.services.checkpoints.make(history.ask()).size
    past_every_guard(
        history,
        f"DELETE FROM ledger WHERE seq = {size} AND seq NOT IN (SELECT ledger_seq FROM alias_moves)",  # noqa: S608
        f"UPDATE ledger SET h = '{'0' * 64}' WHERE seq = 2",  # noqa: S608 - numbers of ours
    )
    assert "checkpoints" in {finding.area for finding in audit(history).findings}


def test_a7_eight_writers_make_one_chain_without_fork_or_gap(office: Office) -> None:
    """A7: whoever writes beside whom, every number is there once and continues the one before."""
    start = threading.Barrier(8)

    def work(worker: int) -> None:
        start.wait()
        for number in range(12):
            office.services.registry.create_model(office.ask(), f"m-{worker}-{number}")

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with office.platform.database.read() as tx:
        rows = [stored.row for stored in stream_events(tx)]
    assert [row.seq for row in rows] == list(range(1, 97))
    assert list(verify_chain(rows)) == []


def test_a9_a_denied_attempt_is_recorded_once(history: Office) -> None:
    """A9: one event per attempt, marked denied, and nothing else has changed."""
    before = history.events()
    holder = history.holder()

    with pytest.raises(PermissionDenied):
        history.services.promotion.promote(history.ask(CONTRIBUTOR), MODEL, 3)
    with pytest.raises(GateBlocked):
        history.promote(history.services.versions.get_version(history.ask(), MODEL, 3))

    new = history.events()[len(before) :]
    assert [(event.action, event.outcome) for event in new] == [("promotion", "denied")] * 2
    assert [event.actor for event in new] == ["user:carl", "local:local"]
    assert history.holder() == holder
    assert audit(history).is_ok


def test_a15_a_clock_set_back_leaves_the_order(history: Office) -> None:
    """A15: times go backwards, numbers and chain do not."""
    before = history.events()[-1]
    history.clock.advance(-HOUR_MS)

    history.services.registry.create_model(history.ask(), "later")

    after = history.events()[-1]
    assert after.at_ms < before.at_ms
    assert (after.seq, after.prev != before.prev) == (before.seq + 1, True)
    page = history.services.ledger.list(history.ask(), newest_first=True)
    assert page.items[0].event == after
    assert audit(history).is_ok


def refuse_ledger_rows(tx: Transaction) -> None:
    """From now on the database cannot take another event, as on a full disk."""
    if tx.engine is Engine.POSTGRESQL:
        tx.driver_plain(
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS"
            " $$BEGIN RAISE EXCEPTION USING ERRCODE = 'disk_full'; END;$$"
        )
        tx.driver_plain(
            "CREATE TRIGGER full_disk BEFORE INSERT ON ledger"
            " FOR EACH ROW EXECUTE FUNCTION full_disk()"
        )
    else:
        tx.driver_plain(
            "CREATE TRIGGER full_disk BEFORE INSERT ON ledger"
            " BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
        )


def test_a16_without_its_event_a_change_does_not_happen(history: Office) -> None:
    """A16: promotion, rollback, registration and alias: each fails whole when the ledger cannot be written."""
    history.hand_in(history.lease(), right=1)
    version = history.a_version("fourth")
    history.examine(version, right=10)
    run_id = history.a_run({"model/weights.json": b"fifth"})
    events, holder = history.events(), history.holder()
    with history.platform.database.write() as tx:
        refuse_ledger_rows(tx)

    attempts: list[Callable[[], object]] = [
        lambda: history.promote(version),
        lambda: history.services.promotion.rollback(history.ask(), MODEL),
        lambda: history.services.registration.register(
            history.ask(), MODEL, run_id=run_id, artifact_path="model"
        ),
        lambda: history.services.aliases.set_alias(history.ask(), MODEL, "staging", 1),
        lambda: history.services.versions.quarantine(history.ask(), MODEL, 3, "odd"),
        lambda: history.services.registry.create_model(history.ask(), "another"),
        lambda: history.services.promotion.promote(history.ask(CONTRIBUTOR), MODEL, 3),
    ]
    for attempt in attempts:
        with pytest.raises(AppError):
            attempt()

    assert history.events() == events
    assert history.holder() == holder
    assert history.holder("staging") is None
    assert audit(history).is_ok


def fill_up(office: Office, made: list[str]) -> None:
    for number in range(10_000):
        office.services.registry.create_model(office.ask(), f"m{number}")
        made.append(f"m{number}")


def test_a16_a_really_full_disk_fails_the_operation_and_nothing_else(tmp_path: Path) -> None:
    """A16: SQLite meets the end of its space in the middle of a change, and takes it all back."""
    with closing(open_database(tmp_path / "assay.db")) as database:
        migrate(database, 1)
        office = Office(tmp_path, database)
        office.services.registry.create_model(office.ask(), "first")
        with database.write() as tx:
            pages = tx.driver("PRAGMA page_count").scalar_one()
            tx.driver_plain(f"PRAGMA max_page_count = {pages + 1}")
        made = ["first"]
        with pytest.raises(Unavailable):
            fill_up(office, made)
        report = audit(office)
        assert report.findings == []
        assert (report.models, report.events) == (len(made), len(made))


MEASURE = """
import resource, sys
from contextlib import closing
from assay.services.alias_moves import PlannedMove, write_move
from assay.services.audit import Audit
from assay.services.catalogue import get_model
from assay.storage import aliases
from assay.storage.read_only import open_read_only
with closing(open_read_only(sys.argv[1])) as database:
    report = Audit.verify(database)
assert report.is_ok, report.findings[:3]
print(report.events, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def a_long_ledger(path: Path, template: Path, count: int) -> None:
    """A ledger of so many events, of which most register versions: the state to replay grows too."""
    shutil.copyfile(template, path)
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA synchronous = OFF")
        database.execute("PRAGMA foreign_keys = ON")
        insert(database, "workspaces", ("id", "name"), [(1, "default")])
        prev, model = GENESIS, 0
        rows, versions, models = [], [], []
        for seq in range(1, count + 1):
            offset = (seq - 1) % 1_000
            if offset == 0:
                model += 1
                details: ModelRegistered | VersionRegistered = ModelRegistered(
                    model, f"model-{model}"
                )
                action, target = "model.registered", f"model:model-{model}"
                models.append((model, 1, f"model-{model}", "", min(999, count - seq), 1, 1))
            else:
                details = VersionRegistered(model, offset, None, None, verifiable=False)
                action, target = "version.registered", f"version:model-{model}/{offset}"
                versions.append((model, offset))
            event = Event(
                seq=seq, at_ms=1, actor="user:ann", action=action, target=target,
                workspace="default", outcome=EventOutcome.ALLOWED, request_id="r",
                details=details_record(details), prev=prev,
            )  # fmt: skip
            row = chain(event)
            prev = row.hash
            rows.append(
                (
                    seq,
                    1,
                    action,
                    "allowed",
                    "user:ann",
                    target,
                    "default",
                    row.body,
                    row.prev,
                    row.hash,
                )
            )
            if len(rows) == 10_000 or seq == count:
                fill(database, rows, models, versions)
                rows, models, versions = [], [], []
        database.execute("UPDATE ledger_head SET seq = ?, h = ?", (count, prev))
        database.commit()


def fill(
    database: sqlite3.Connection, rows: list[object], models: list[object], versions: list[object]
) -> None:
    database.executemany("INSERT INTO ledger VALUES (?,?,?,?,?,?,?,?,?,?)", rows)
    insert(
        database,
        "registered_models",
        (
            "id",
            "workspace_id",
            "name",
            "description",
            "last_version",
            "created_at_ms",
            "updated_at_ms",
        ),
        models,
    )
    insert(database, "model_versions", ("model_id", "version"), versions)


def insert(
    database: sqlite3.Connection, table: str, columns: tuple[str, ...], rows: list[object]
) -> None:
    """Rows with the columns given; every other column that must have a value gets a plain one."""
    facts = database.execute(f"PRAGMA table_info({table})").fetchall()
    rest = {
        name: {"INTEGER": 0, "TEXT": "''"}[kind]
        for _, name, kind, is_needed, _, is_key in facts
        if is_needed and not is_key and name not in columns
    }
    if "state" in rest:
        rest["state"] = "'registered'"
    names = ", ".join((*columns, *rest))
    marks = ", ".join(["?"] * len(columns) + [str(value) for value in rest.values()])
    database.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)  # noqa: S608


def peak_kib(path: Path, events: int) -> int:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path)], check=True, capture_output=True, text=True
    )
    counted, peak = map(int, done.stdout.split())
    assert counted == events
    return peak


@pytest.mark.parametrize(
    "count",
    [40_000, pytest.param(1_000_000, marks=[pytest.mark.slow, pytest.mark.timeout(1_800)])],
)
def test_a12_verifying_a_long_ledger_needs_no_more_memory(
    tmp_path: Path, sqlite_template: Path, count: int
) -> None:
    """A12: a million events, most of them versions, take less than 48 MiB more than ten thousand."""
    short, long = tmp_path / "short.db", tmp_path / "long.db"
    a_long_ledger(short, sqlite_template, 10_000)
    a_long_ledger(long, sqlite_template, count)

    grown_kib = peak_kib(long, count) - peak_kib(short, 10_000)

    assert grown_kib < 48 * 1024
