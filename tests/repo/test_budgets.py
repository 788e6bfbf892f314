"""Sizes and names that keep every file small enough to hold in one's head."""

import ast

import pytest

from tests.repo.sources import PACKAGE, ROOT, Module, modules

MODULE_LINES = 500
FUNCTION_LINES = 60
PUBLIC_METHODS = 20
NAMELESS = {
    *("base", "common", "helper", "helpers", "manager", "managers"),
    *("misc", "shared", "stuff", "tools", "util", "utils"),
}

PRODUCT = modules("src", "bench", "tests/support")
EVERYTHING = modules("src", "bench", "tests")


def by_path(module: Module) -> str:
    return module.path


def is_public(name: str) -> bool:
    return not name.startswith("_")


def line_count(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    assert node.end_lineno is not None
    return node.end_lineno - node.lineno + 1


@pytest.mark.parametrize("module", EVERYTHING, ids=by_path)
def test_a_module_has_at_most_500_lines(module: Module) -> None:
    """A module that outgrows its line in the design is two modules."""
    assert module.line_count <= MODULE_LINES


@pytest.mark.parametrize("module", PRODUCT, ids=by_path)
def test_a_function_has_at_most_60_lines(module: Module) -> None:
    """A function is read without scrolling."""
    too_long = {
        f"{function.name}:{function.lineno}": line_count(function)
        for function in module.functions()
        if line_count(function) > FUNCTION_LINES
    }

    assert too_long == {}


@pytest.mark.parametrize("module", PRODUCT, ids=by_path)
def test_a_class_has_at_most_20_public_methods(module: Module) -> None:
    """A class is one noun, not a department."""
    too_wide = {}
    for node in module.classes():
        methods = [
            item.name
            for item in node.body
            if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef) and is_public(item.name)
        ]
        if len(methods) > PUBLIC_METHODS:
            too_wide[node.name] = len(methods)

    assert too_wide == {}


def test_modules_and_packages_are_named_by_a_noun() -> None:
    """No module is called after being useful: the noun it holds is its name."""
    nameless = {
        module.path for module in EVERYTHING if NAMELESS & set(module.path[:-3].split("/")[1:])
    }

    assert nameless == set()


def test_every_folder_of_modules_is_a_package() -> None:
    """A folder with modules has an `__init__.py`, so that it can say what lives there."""
    folders = {path.parent for path in PACKAGE.rglob("*.py")}

    without = {str(folder.relative_to(ROOT)) for folder in folders} - {
        str(path.parent.relative_to(ROOT)) for path in PACKAGE.rglob("__init__.py")
    }

    assert without == set()


@pytest.mark.parametrize(
    "module", [m for m in modules("src") if m.path.endswith("/__init__.py")], ids=by_path
)
def test_every_package_says_what_lives_there(module: Module) -> None:
    """A package's docstring says what lives in it and what does not."""
    assert ast.get_docstring(module.tree)


@pytest.mark.parametrize("module", modules("src"), ids=by_path)
def test_every_module_says_what_it_holds(module: Module) -> None:
    """A module starts with a docstring."""
    assert ast.get_docstring(module.tree)


@pytest.mark.parametrize("module", modules("tests"), ids=by_path)
def test_every_test_states_its_rule(module: Module) -> None:
    """A test's docstring is the sentence that breaks when the test does."""
    silent = [
        function.name
        for function in module.functions()
        if function.name.startswith("test_") and not ast.get_docstring(function)
    ]

    assert silent == []
