"""The office that most of these tests start from, on SQLite and on PostgreSQL."""

from pathlib import Path

import pytest

from assay.storage.database import Database
from tests.support.office import Office


@pytest.fixture
def office(tmp_path: Path, database: Database) -> Office:
    """An office with nothing in it."""
    return Office(tmp_path, database)
