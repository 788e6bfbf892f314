"""How servers that share a database tell each other which runs they changed.

PostgreSQL carries it itself, to those who listen and to nobody else; a SQLite file has one server.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, Final, NamedTuple

from sqlalchemy import select

from assay.storage.database import Database, Transaction, translate
from assay.storage.tables.tracking import runs

CHANNEL: Final = "assay_run_changes"
MAX_TOLD: Final = 300
"""More runs than this fit into no message, which then says that there were many."""

_MANY: Final = "*"


class Changes(NamedTuple):
    """Keys of runs that `sender` changed; None: too many to name."""

    sender: str
    run_pks: tuple[int, ...] | None


class PlacedRun(NamedTuple):
    """A run, and the experiment that it is in."""

    run_id: str
    experiment_pk: int


def place_runs(tx: Transaction, run_pks: Collection[int]) -> list[PlacedRun]:
    """Where those runs are that exist."""
    statement = select(runs.c.run_id, runs.c.experiment_id).where(runs.c.id.in_(list(run_pks)))
    return [PlacedRun(*row) for row in tx.execute(statement)]


def announce(tx: Transaction, sender: str, run_pks: Sequence[int]) -> None:
    """Tell the other servers once this transaction is committed. PostgreSQL only."""
    told = ",".join(map(str, run_pks)) if len(run_pks) <= MAX_TOLD else _MANY
    # Nobody is promised these words: the disk need not have them first.
    tx.driver("SET LOCAL synchronous_commit = off")
    tx.driver("SELECT pg_notify(%s, %s)", (CHANNEL, f"{sender} {told}"))


@contextmanager
def listening(database: Database) -> Iterator[Listener]:
    """A connection of its own that hears the other servers. PostgreSQL only.

    Raises Unavailable when it cannot be made or is lost.
    """
    import psycopg  # noqa: PLC0415 - a server on SQLite need not have it

    with database.read() as tx:
        info: Any = tx.connection.connection.driver_connection.info  # type: ignore[union-attr]
        dsn, password = str(info.dsn), str(info.password)
    try:
        with closing(psycopg.connect(dsn, password=password, autocommit=True)) as connection:
            connection.execute(f"LISTEN {CHANNEL}")
            yield Listener(connection)
    except psycopg.Error as error:
        raise translate(error) from error


class Listener:
    """What the other servers say."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def wait(self, seconds: float) -> list[Changes]:
        """What was said, waiting at most so long for something."""
        said = self._connection.notifies(timeout=seconds, stop_after=1)
        return list(_read(notice.payload for notice in said))


def _read(payloads: Iterable[str]) -> Iterator[Changes]:
    for payload in payloads:
        sender, _, told = payload.partition(" ")
        parts = told.split(",")
        is_known = told != _MANY and all(part.isascii() and part.isdigit() for part in parts)
        yield Changes(sender, tuple(map(int, parts)) if is_known else None)
