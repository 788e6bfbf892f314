"""Statements on artifact trees (which path of which owner holds which digest) and on known blobs."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Table, and_, bindparam, delete, or_, select

from assay.domain.tracking import FileEntry
from assay.storage import dialect
from assay.storage.database import Transaction
from assay.storage.dialect import Engine
from assay.storage.tables.tracking import blobs, logged_model_files, run_files

_AFTER_SLASH = chr(ord("/") + 1)
"""The mark that sorts right after `/`: what is below a folder lies between the two."""


class FileTree:
    """A table of files. Folders are not rows: a folder is there while a file is below it."""

    def __init__(self, table: Table, owner_column: str) -> None:
        self._table = table
        self._owner = table.c[owner_column]
        self._place = [owner_column, "path"]
        self._mine: ColumnElement[bool] = self._owner == bindparam("owner")
        self._files = select(table.c.path, table.c.size_bytes, table.c.sha256).where(self._mine)
        self._one = self._files.where(table.c.path == bindparam("path"))
        self._upsert = {engine: self._upsertion(engine) for engine in Engine}

    def _upsertion(self, engine: Engine) -> Any:
        columns = (*self._place, "sha256", "size_bytes", "created_at_ms")
        statement = dialect.insert(engine, self._table).values(
            {name: bindparam(name) for name in columns}
        )
        return statement.on_conflict_do_update(
            index_elements=self._place,
            set_={name: statement.excluded[name] for name in columns[2:]},
        )

    def put(
        self, tx: Transaction, owner: int, path: str, sha256: str, size_bytes: int, now_ms: int
    ) -> None:
        """Let `path` hold those bytes, which the blob store has; what it held before is forgotten."""
        record_blob(tx, sha256, size_bytes, now_ms)
        tx.execute(
            self._upsert[tx.engine],
            {
                self._owner.name: owner,
                "path": path,
                "sha256": sha256,
                "size_bytes": size_bytes,
                "created_at_ms": now_ms,
            },
        )

    def find(self, tx: Transaction, owner: int, path: str) -> FileEntry | None:
        """The file at `path`; None for a folder and for nothing."""
        row = tx.execute(self._one, {"owner": owner, "path": path}).first()
        return (
            None
            if row is None
            else FileEntry(row[0], is_folder=False, size_bytes=row[1], sha256=row[2])
        )

    def walk(self, tx: Transaction, owner: int, folder: str) -> tuple[FileEntry, ...]:
        """Every file below `folder` (`""`: all), by path."""
        statement = self._files.where(self._below(folder)).order_by(self._table.c.path)
        return tuple(
            FileEntry(path, is_folder=False, size_bytes=size_bytes, sha256=sha256)
            for path, size_bytes, sha256 in tx.execute(statement, {"owner": owner})
        )

    def delete(self, tx: Transaction, owner: int, path: str) -> int:
        """Forget the file at `path`, or all files below it (`""`: all); the number of files."""
        this = self._below(path) if not path else or_(self._table.c.path == path, self._below(path))
        return tx.execute(delete(self._table).where(self._mine, this), {"owner": owner}).rowcount

    def find_clash(self, tx: Transaction, owner: int, path: str) -> FileEntry | None:
        """The file that `path` would have to be a folder for, or the folder that it would replace."""
        parts = path.split("/")
        parents = ["/".join(parts[:depth]) for depth in range(1, len(parts))]
        clashes = self._below(path)
        if parents:
            clashes = or_(clashes, self._table.c.path.in_(parents))
        row = tx.execute(self._files.where(clashes).limit(1), {"owner": owner}).first()
        if row is None:
            return None
        return FileEntry(row[0], is_folder=False, size_bytes=row[1], sha256=row[2])

    def _below(self, folder: str) -> ColumnElement[bool]:
        path = self._table.c.path
        if not folder:
            return path != ""
        return and_(path > f"{folder}/", path < f"{folder}{_AFTER_SLASH}")


RUN_FILES = FileTree(run_files, "run_pk")
MODEL_FILES = FileTree(logged_model_files, "logged_model_id")


def _blob_insertion(engine: Engine) -> Any:
    return (
        dialect.insert(engine, blobs)
        .values({name: bindparam(name) for name in ("sha256", "size_bytes", "created_at_ms")})
        .on_conflict_do_nothing(index_elements=["sha256"])
    )


_INSERT_BLOB = {engine: _blob_insertion(engine) for engine in Engine}


def record_blob(tx: Transaction, sha256: str, size_bytes: int, now_ms: int) -> None:
    """Note that the blob store holds these bytes; rows may refer to them from now on."""
    values = {"sha256": sha256, "size_bytes": size_bytes, "created_at_ms": now_ms}
    tx.execute(_INSERT_BLOB[tx.engine], values)


def one_level(files: tuple[FileEntry, ...], folder: str) -> tuple[FileEntry, ...]:
    """What stands directly in `folder`, given every file below it: folders first, each by path."""
    start = len(folder) + 1 if folder else 0
    folders: dict[str, FileEntry] = {}
    here: list[FileEntry] = []
    for file in files:
        name, slash, _ = file.path[start:].partition("/")
        if not slash:
            here.append(file)
            continue
        path = file.path[:start] + name
        if path not in folders:
            folders[path] = FileEntry(path, is_folder=True)
    return (*folders.values(), *here)
