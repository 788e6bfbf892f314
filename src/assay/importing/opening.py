"""From what a person types after `--from` to a source."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from assay.domain.errors import InvalidArgument
from assay.importing.database_source import DatabaseSource
from assay.importing.folder_source import FolderSource
from assay.importing.history import Source
from assay.importing.locations import plain
from assay.importing.rows import PostgresqlRows, SqliteRows

_SQLITE: Final = "sqlite:///"
_POSTGRESQL: Final = ("postgresql", "postgres")


def open_source(text: str, workspace: str) -> Source:
    """The source that `text` names: sqlite:///PATH, postgresql://…, or a folder. Raises AppError."""
    scheme, has_scheme, _ = text.partition("://")
    if text.startswith(_SQLITE):
        return DatabaseSource(SqliteRows(Path(text.removeprefix(_SQLITE))), workspace)
    if has_scheme and scheme.partition("+")[0] in _POSTGRESQL:
        return DatabaseSource(PostgresqlRows(text), workspace)
    if has_scheme and scheme != "file":
        raise InvalidArgument(
            f"{scheme!r} is not a kind of source: give sqlite:///PATH, postgresql://USER@HOST/NAME, "
            "or a folder.",
            field="from",
        )
    path = Path(plain(text)).expanduser()
    if path.is_file():
        return DatabaseSource(SqliteRows(path), workspace)
    return FolderSource(path)
