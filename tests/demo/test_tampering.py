"""Tampering on a real ledger: a copy of a database in use, one byte changed, and it shows."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.demo.tampering import Tampering, copy_data, flip_one_byte
from assay.domain.errors import FailedPrecondition
from assay.services.audit import Audit
from assay.services.ledger import Ledger
from assay.storage.database import Database, open_database
from assay.storage.migrate import migrate
from tests.support.platform import START_MS, a_context, make_platform


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The data folder of a server."""
    folder = tmp_path / "assay-data"
    (folder / "blobs").mkdir(parents=True)
    return folder


@pytest.fixture
def served(data: Path) -> Iterator[Database]:
    """Its database, open while it is copied."""
    database = open_database(f"sqlite:///{data / 'assay.db'}")
    migrate(database, START_MS)
    yield database
    database.close()


def record(database: Database, folder: Path, *actions: str) -> None:
    """Append events, the longer ones longer than a page of the file."""
    ledger = Ledger(make_platform(folder, database))
    with database.write() as tx:
        for number, action in enumerate(actions):
            ledger.record(
                tx,
                a_context(),
                action=action,
                object="model:digits/alias:production",
                workspace="default",
                details={"decision": "because " * 1_000 * number},
            )


def findings(copy: Path) -> list[tuple[str, int | None]]:
    """What an audit of the copy's ledger finds, by area and event."""
    database = open_database(f"sqlite:///{copy / 'assay.db'}")
    try:
        report = Audit.verify(database, None)
    finally:
        database.close()
    return [(finding.area, finding.seq) for finding in report.findings]


def test_one_byte_of_the_last_promotion_is_changed_in_the_copy_alone(
    data: Path, served: Database, tmp_path: Path
) -> None:
    """The event names another actor, the audit finds that very event, the original is untouched."""
    record(served, tmp_path, "suite.created", "suite.created", "promotion", "promotion", "x.y")
    copy = tmp_path / "copy"
    copy_data(data, copy)
    assert ("ledger", 4) not in findings(copy)
    before = (copy / "assay.db").read_bytes()

    change = flip_one_byte(copy)

    after = (copy / "assay.db").read_bytes()
    assert change == Tampering(4, change.offset, "local:local", "mocal:local")
    assert (before[change.offset], after[change.offset]) == (ord("l"), ord("m"))
    assert ("ledger", 4) in findings(copy)
    assert ("ledger", 4) not in findings(data)


def test_a_ledger_without_promotions_is_left_alone(
    data: Path, served: Database, tmp_path: Path
) -> None:
    """There is nothing to show then, and that is said."""
    record(served, tmp_path, "suite.created")
    copy = tmp_path / "copy"
    copy_data(data, copy)

    with pytest.raises(FailedPrecondition, match="no promotion"):
        flip_one_byte(copy)
