"""Which package may import which, and what the domain and the rules must never reach for."""

import ast
import sys

import pytest
from importlinter import cli as importlinter

from tests.repo.sources import ROOT, Module, modules, project

DOMAIN = modules("src/assay/domain")
CLIENTS = {"assay.demo", "assay.importing", "assay.runner", "assay.sdk"}
IMPURE_CALLS = {"now", "utcnow", "today", "uuid1", "uuid4", "open", "getenv", "print", "input"}
DESERIALISERS = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "joblib"}


def imported_names(module: Module) -> set[str]:
    names = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add("." * node.level + (node.module or ""))
    return names


def called_names(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                names.add(node.func.id)
            elif isinstance(node.func, ast.Attribute):
                names.add(node.func.attr)
    return names


def test_imports_point_down_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every import contract of pyproject.toml is kept."""
    monkeypatch.chdir(ROOT)

    outcome = importlinter.lint_imports(config_filename="pyproject.toml", no_cache=True)

    assert outcome == importlinter.EXIT_STATUS_SUCCESS, capsys.readouterr().out


def test_the_contracts_name_every_layer() -> None:
    """A new package under `assay` is placed in the layers or named as a client of them."""
    contracts = project()["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    placed = {name.strip() for layer in layers for name in layer.split("|")} | CLIENTS

    packages = {
        f"assay.{path.parent.name}" for path in (ROOT / "src" / "assay").glob("*/__init__.py")
    }

    assert packages == placed


@pytest.mark.parametrize("module", DOMAIN, ids=lambda module: module.path)
def test_the_domain_imports_the_standard_library_and_itself(module: Module) -> None:
    """Rules need no dependency, so that anybody can check them."""
    foreign = {
        name
        for name in imported_names(module)
        if name.split(".")[0] not in sys.stdlib_module_names and not name.startswith("assay.domain")
    }

    assert foreign == set()


@pytest.mark.parametrize("module", DOMAIN, ids=lambda module: module.path)
def test_the_domain_asks_no_clock_and_opens_no_file(module: Module) -> None:
    """What a rule needs to know about the world is an argument."""
    assert called_names(module.tree) & IMPURE_CALLS == set()


@pytest.mark.parametrize("module", modules("src"), ids=lambda module: module.path)
def test_nothing_unpickles_or_evaluates(module: Module) -> None:
    """No bytes that came from outside are ever turned into code."""
    unpicklers = {name for name in imported_names(module) if name.split(".")[0] in DESERIALISERS}
    evaluated = {
        node.func.id
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"eval", "exec", "compile", "__import__"}
    }

    assert unpicklers | evaluated == set()
