"""Changing history by hand, in a copy: what an audit has to notice."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from assay.domain.errors import FailedPrecondition

_DATABASE = "assay.db"
_BLOBS = "blobs"
_BEGINNING = 200
_PROMOTION = """
SELECT seq, body FROM ledger WHERE action = 'promotion' AND outcome = 'allowed'
ORDER BY seq DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Tampering:
    """One changed byte: in which event, where in the file, and who it names now instead of before."""

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
    """Let the last promotion name another actor, by changing one byte of the database's file.

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
    actor = json.loads(body)["actor"]
    # A long event goes on in another page of the file; its beginning is in one piece.
    start = path.read_bytes().index(body[:_BEGINNING].encode())
    offset = start + body.index(actor)
    changed = chr(ord(actor[0]) ^ 1) + actor[1:]
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(changed[:1].encode())
    return Tampering(seq, offset, actor, changed)
