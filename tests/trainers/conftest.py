import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.server import LiveServer
from tests.trainers.training import Checkout

# `make test-trainers` brings torch; the environment of everything else has none.
collect_ignore_glob = [] if find_spec("torch") else ["test_*.py"]

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server with default settings, run by the interpreter that has Assay and no torch."""
    python = os.environ.get("ASSAY_PYTHON", str(ROOT / ".venv/bin/python"))
    with LiveServer(tmp_path_factory.mktemp("live") / "data", python=python) as running:
        yield running


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A git repository with the scripts in it."""
    return Checkout.make(tmp_path_factory.mktemp("project") / "checkout")
