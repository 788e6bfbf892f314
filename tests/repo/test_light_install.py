"""`pip install assay` is the SDK and the command line: few dependencies, and quick to import."""

import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

import pytest

from tests.repo.sources import ROOT, locked_packages, project

HEAVY = {"alembic", "mlflow", "numpy", "pandas", "sqlalchemy", "starlette", "uvicorn"}
SDK_IMPORT_BUDGET_MS = 100.0
REPEATS = 7
NOT_LISTED = {"demo", "dvc", "lakefs", "signing"}


def run_python(code: str) -> str:
    completed = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT
    )
    return completed.stdout


def processor_ms(code: str) -> float:
    """Processor time of a fresh interpreter: other work on the machine does not count."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run_python(code)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


def closure(requirements: Iterable[dict[str, Any]]) -> set[str]:
    """Names of everything that the lock installs for these requirements, on any platform."""
    entries: dict[str, list[dict[str, Any]]] = {}
    for package in locked_packages():
        entries.setdefault(package["name"], []).append(package)
    reached: set[str] = set()
    waiting = list(requirements)
    while waiting:
        requirement = waiting.pop()
        name = requirement["name"]
        for package in entries[name]:
            for extra in requirement.get("extra", ()):
                waiting += package.get("optional-dependencies", {}).get(extra, ())
            if name not in reached:
                waiting += package.get("dependencies", ())
        reached.add(name)
    return reached


def locked_project() -> dict[str, Any]:
    return next(package for package in locked_packages() if package["name"] == "assay")


@pytest.mark.parametrize("module", ["assay", "assay.cli.main"])
def test_the_client_loads_no_server_code(module: str) -> None:
    """Importing the SDK or the command line pulls in no database, array or web library."""
    if module == "assay.cli.main" and not (ROOT / "src/assay/cli/main.py").exists():
        pytest.skip("the command line is not written yet")

    loaded = set(run_python(f"import sys, {module}; print(*sys.modules)").split())

    assert {name for name in loaded if name.split(".")[0] in HEAVY} == set()


def test_import_assay_takes_under_100_ms() -> None:
    """A training script pays next to nothing for `import assay`."""
    run_python("import assay")

    extra_ms = statistics.median(
        processor_ms("import assay") - processor_ms("pass") for _ in range(REPEATS)
    )

    assert extra_ms < SDK_IMPORT_BUDGET_MS


def reviewed_dependencies() -> dict[str, set[str]]:
    sections: dict[str, set[str]] = {}
    for line in (ROOT / "tests/repo/dependencies.txt").read_text(encoding="utf-8").split():
        if line.startswith("assay"):
            section = sections.setdefault(line.rstrip(":"), set())
        else:
            section.add(line)
    return sections


def test_the_dependencies_are_the_reviewed_ones() -> None:
    """What a user installs is listed in dependencies.txt, so that a new one shows in review.

    Of the demo and of what talks to other systems (dvc brings a hundred packages) the names in
    pyproject.toml are enough.
    """
    project_entry = locked_project()
    sdk = closure(project_entry["dependencies"])
    extras = {
        f"assay[{extra}]": closure(requirements) - sdk
        for extra, requirements in project_entry["optional-dependencies"].items()
        if extra not in NOT_LISTED
    }

    assert {"assay": sdk, **extras} == reviewed_dependencies()


def test_the_sdk_needs_no_server_library() -> None:
    """The plain package installs neither SQLAlchemy nor numpy nor a web framework."""
    assert closure(locked_project()["dependencies"]) & HEAVY == set()


def test_every_declared_dependency_has_a_lower_bound() -> None:
    """An environment that pip resolves freely is never older than what was tested."""
    declared = project()["project"]
    requirements = [
        *declared["dependencies"],
        *(item for extra in declared["optional-dependencies"].values() for item in extra),
    ]

    unbounded = [text for text in requirements if ">=" not in text]

    assert [text for text in unbounded if not text.startswith("assay[")] == []


def test_the_environment_of_the_tests_names_no_server() -> None:
    """Nothing that a developer exported can send a test's data elsewhere."""
    assert [name for name in os.environ if name in {"ASSAY_URL", "MLFLOW_TRACKING_URI"}] == []
