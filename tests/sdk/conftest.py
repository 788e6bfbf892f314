"""Runs that keep what they record in a folder of the test, and a real server for those that send it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from assay.sdk.client import Client
from assay.sdk.run import Run
from assay.sdk.start import start_run
from tests.support.server import LiveServer


@pytest.fixture(autouse=True)
def no_git(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs do not ask git about this checkout unless a test is about that."""
    monkeypatch.setenv("ASSAY_GIT", "0")


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """Where runs keep what is not sent."""
    return tmp_path / "spool"


@pytest.fixture(scope="session")
def live_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that all tests share which do not stop it."""
    with LiveServer(tmp_path_factory.mktemp("server") / "data") as server:
        yield server


@pytest.fixture
def client(live_server: LiveServer) -> Iterator[Client]:
    """A client of the shared server."""
    with Client(live_server.url) as opened:
        yield opened


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[LiveServer]:
    """A server that the test may stop, kill and start; not started yet."""
    server = LiveServer(tmp_path / "own-server")
    yield server
    server.stop()


@pytest.fixture
def started(
    live_server: LiveServer, spool: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Run]]:
    """`start_run` against the shared server, in an experiment named after the test."""
    runs: list[Run] = []

    def start(**settings: object) -> Run:
        named = {"experiment": request.node.name[:200], "url": live_server.url, "spool": spool}
        run = start_run(**{**named, **settings})  # type: ignore[arg-type]
        runs.append(run)
        return run

    yield start
    for run in runs:
        run.finish("killed", timeout_s=5)


@pytest.fixture
def offline(spool: Path) -> Iterator[Callable[..., Run]]:
    """`start_run` without a server."""
    runs: list[Run] = []

    def start(**settings: object) -> Run:
        run = start_run("offline", mode="offline", spool=spool, **settings)  # type: ignore[arg-type]
        runs.append(run)
        return run

    yield start
    for run in runs:
        run.finish("killed")


@pytest.fixture
def free_handles() -> Callable[[], int]:
    """How many files this process has open."""
    return lambda: len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a count, of numbers
