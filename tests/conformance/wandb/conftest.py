"""Servers, and scripts that the unmodified wandb client runs against them in processes of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.wandb.answers import check_answers
from tests.support.databases import PostgresqlCluster
from tests.support.front import Front
from tests.support.server import LiveServer

SCRIPTS = Path(__file__).with_name("scripts")
KEY = "local0" * 7
"""A key of the form that the client takes; a local server accepts any."""

PYTHONS = [path for path in os.environ.get("ASSAY_WANDB_PYTHONS", "").split(":") if path]
"""Pythons with other releases of the client, for the same scripts."""

TIMEOUT_S = 110
Script = Callable[..., Any]
_numbers = count(1)


def client_environment(url: str, folder: Path, key: str = KEY) -> dict[str, str]:
    """What tells the client where the server is, and keeps everything else of it in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("WANDB_", "ASSAY_"))}
    return {
        **kept,
        "HOME": str(folder),
        "WANDB_API_KEY": key,
        "WANDB_BASE_URL": url,
        "WANDB_CACHE_DIR": str(folder / "cache"),
        "WANDB_CONFIG_DIR": str(folder / "config"),
        "WANDB_CONSOLE": "wrap",
        "WANDB_DATA_DIR": str(folder / "staging"),
        "WANDB_DIR": str(folder),
        "WANDB_ERROR_REPORTING": "false",
        "WANDB_SILENT": "true",
    }


def run_script(
    name: str, url: str, folder: Path, *arguments: str, python: str = sys.executable, key: str = KEY
) -> Any:
    """What a script printed last, read as JSON; whatever it was answered must have been whole."""
    with Front(url) as front:
        found = run_directly(name, front.url, folder, *arguments, python=python, key=key)
    check_answers(front.exchanges)
    return found


def run_directly(
    name: str,
    url: str,
    folder: Path,
    *arguments: str,
    python: str = sys.executable,
    key: str = KEY,
    timeout_s: int = TIMEOUT_S,
) -> Any:
    """What a script printed last; nothing stands between it and the server."""
    done = subprocess.run(
        [python, "-W", "ignore", str(SCRIPTS / f"{name}.py"), *arguments],
        env=client_environment(url, folder, key),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4_000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server with default settings, on SQLite, shared by all tests: each has its own project."""
    with LiveServer(tmp_path_factory.mktemp("live") / "data") as running:
        yield running


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def either_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    """A server with default settings, once on each database."""
    if request.param == "sqlite":
        yield request.getfixturevalue("server")
        return
    cluster = request.getfixturevalue("postgresql_cluster")
    assert isinstance(cluster, PostgresqlCluster)
    name = cluster.create()
    data = tmp_path_factory.mktemp("either") / "data"
    with LiveServer(data, "--database", cluster.url(name)) as running:
        yield running
    cluster.drop(name)


@pytest.fixture
def script(tmp_path: Path, server: LiveServer) -> Script:
    """Runs a script in a project of its own against the shared server."""

    def run(name: str, *arguments: str, **options: Any) -> Any:
        project = f"{name}-{next(_numbers)}"
        return run_script(name, server.url, tmp_path / "client", project, *arguments, **options)

    return run
