"""Changing history by hand, in a copy: what an audit has to notice."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from assay.domain.errors import FailedPrecondition

_DATABASE = "assay.db"
_BLOBS = "blobs"
_PROMOTION = """
SELECT seq, body FROM ledger WHERE action = 'promotion' AND outcome = 'allowed'
ORDER BY seq DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Tampering:
    """One byte of one event: where it lay in the file, what it was, what it is now."""

    seq: int
    offset: int
    before: str
    after: str


def copy_data(data: Path, copy: Path) -> None:
    """Copy a server's data while it runs: the database by SQLite's own backup, then the blobs."""
    copy.mkdir(parents=True)
    with (
        closing(sqlite3.connect(f"{(data / _DATABASE).as_uri()}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(copy / _DATABASE)) as target,
    ):
        source.backup(target)
    shutil.copytree(data / _BLOBS, copy / _BLOBS)


def flip_one_byte(copy: Path) -> Tampering:
    """Change the number of the version that the last promotion promoted, in the file itself.

    Whoever can write the file can do this; no trigger runs. Raises FailedPrecondition when there
    is no promotion in the ledger.
    """
    path = copy / _DATABASE
    with closing(sqlite3.connect(path)) as database:
        # Everything into one file: what lies in the write-ahead log is not in it yet.
        database.execute("PRAGMA journal_mode = DELETE")
        row = database.execute(_PROMOTION).fetchone()
    if row is None:
        raise FailedPrecondition(f"The ledger in {path} has no promotion to tamper with.")
    seq, body = row
    content = path.read_bytes()
    text = body.encode()
    # An event that is longer than a page goes on elsewhere; its beginning is in one piece.
    beginning = text[: min(len(text), 300)]
    where = content.index(beginning) + beginning.rindex(b'"') - 1
    before = content[where]
    after = before ^ 1
    with path.open("r+b") as file:
        file.seek(where)
        file.write(bytes([after]))
    return Tampering(seq, where, chr(before), chr(after))
