"""The ground rules for every test: a clean environment, loopback only, one hypothesis profile."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.support.databases", "tests.support.tracking"]

OWN_PREFIXES = ("ASSAY_", "MLFLOW_", "WANDB_")
LOOPBACK = ("127.", "::1", "localhost", "::ffff:127.")

settings.register_profile(
    "assay",
    # Two shared cores make the duration of a single example say nothing about the code.
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
    # New examples come from the runs at home; a run that judges a commit judges it the same twice.
    derandomize=bool(os.environ.get("CI")),
)
settings.load_profile("assay")


def _refuse_to_leave_this_machine(event: str, arguments: tuple[object, ...]) -> None:
    if event != "socket.connect":
        return
    address = arguments[1]
    if isinstance(address, tuple) and not str(address[0]).startswith(LOOPBACK):
        message = f"a test tried to connect to {address!r}; tests talk to this machine only"
        raise PermissionError(message)


sys.addaudithook(_refuse_to_leave_this_machine)


def pytest_configure(config: pytest.Config) -> None:
    """Start from an environment that says nothing about this machine or its user."""
    for name in [name for name in os.environ if name.startswith(OWN_PREFIXES)]:
        del os.environ[name]
    home = Path(tempfile.mkdtemp(prefix="assay-tests-"))
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))
    for name in ("CONFIG", "DATA", "STATE", "RUNTIME"):
        folder = home / name.lower()
        folder.mkdir(mode=0o700)
        variable = "XDG_RUNTIME_DIR" if name == "RUNTIME" else f"XDG_{name}_HOME"
        os.environ[variable] = str(folder)
    os.environ |= {
        "DO_NOT_TRACK": "true",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "Test Author",
        "GIT_AUTHOR_EMAIL": "author@example.org",
        "GIT_COMMITTER_NAME": "Test Author",
        "GIT_COMMITTER_EMAIL": "author@example.org",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "NO_COLOR": "1",
    }


@pytest.fixture(autouse=True, scope="module")
def _clean_environment() -> Iterator[None]:
    """Clients write where their server is into the environment; the next module must not read it."""
    before = {name: os.environ[name] for name in os.environ if name.startswith(OWN_PREFIXES)}
    yield
    for name in [name for name in os.environ if name.startswith(OWN_PREFIXES)]:
        del os.environ[name]
    os.environ.update(before)
