"""The office that most of these tests start from, on SQLite and on PostgreSQL."""

from pathlib import Path

import pytest

from assay.storage.database import Database
from tests.support.office import Office


@pytest.fixture
def office(tmp_path: Path, database: Database) -> Office:
    """An office with nothing in it."""
    return Office(tmp_path, database)


@pytest.fixture
def sqlite_office(tmp_path: Path, sqlite_database: Database) -> Office:
    """An office on SQLite alone, for cases of a rule that no engine has a part in."""
    return Office(tmp_path, sqlite_database)


@pytest.fixture
def postgresql_office(tmp_path: Path, postgresql_database: Database) -> Office:
    """An office on PostgreSQL alone, for what only a network can do."""
    return Office(tmp_path, postgresql_database)
