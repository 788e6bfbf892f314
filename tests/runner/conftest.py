"""A sandbox on every backend that this machine has, and a way to run a few lines in it."""

import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from assay.runner.sandbox import (
    Backend,
    Inside,
    Limits,
    Sandbox,
    SandboxResult,
    backend_problems,
)
from assay.runner.view import find_interpreter
from tests.runner.programs import LIMITS, RunCode


@pytest.fixture
def limits() -> Limits:
    """Limits that a small honest scorer keeps with room to spare."""
    return LIMITS


@pytest.fixture(params=[Backend.BUBBLEWRAP, Backend.NAMESPACES], ids=str)
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    """A sandbox with walls; a backend that this machine lacks is skipped by name."""
    problem = backend_problems()[request.param]
    if problem is not None:
        pytest.skip(f"{request.param} does not work here: {problem}")
    return Sandbox(request.param, find_interpreter())


@pytest.fixture
def bare() -> Sandbox:
    """No walls at all: shows that a refusal seen elsewhere is the walls' doing."""
    return Sandbox(Backend.NONE, find_interpreter())


@pytest.fixture
def out_dir(tmp_path: Path) -> Path:
    """The folder that a program may write to."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture
def run_code(tmp_path: Path, out_dir: Path) -> RunCode:
    """Run Python source in a sandbox: `run_code(sandbox, source, **changed limits)`."""
    code = tmp_path / "code"
    code.mkdir()

    def run(
        sandbox: Sandbox,
        source: str,
        *,
        arguments: tuple[str, ...] = (),
        read_only: dict[str, Path] | None = None,
        env: dict[str, str] | None = None,
        should_stop: Callable[[], bool] = lambda: False,
        **changed: float,
    ) -> SandboxResult:
        (code / "program.py").write_text(textwrap.dedent(source))
        return sandbox.run(
            [Inside("code", "program.py"), *arguments],
            limits=replace(LIMITS, **changed),
            read_only={"code": code, **(read_only or {})},
            writable_dir=out_dir,
            cwd=Inside("code"),
            env=env,
            should_stop=should_stop,
        )

    return run
