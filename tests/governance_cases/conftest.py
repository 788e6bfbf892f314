"""Courts: on both databases, and on SQLite alone for rules that no engine has a part in."""

from pathlib import Path

import pytest

from assay.storage.database import Database
from tests.governance_cases.scene import Court


@pytest.fixture
def court(tmp_path: Path, database: Database) -> Court:
    """A court with people in it and nothing else."""
    return Court(tmp_path, database)


@pytest.fixture
def sqlite_court(tmp_path: Path, sqlite_database: Database) -> Court:
    """The same on SQLite alone."""
    return Court(tmp_path, sqlite_database)
