"""What the house rules are applied to: the files of the checkout, read once and parsed at most once."""

import ast
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "assay"


@dataclass(frozen=True)
class Module:
    """One Python file, with its path relative to the checkout."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """What the file says. Made when it is asked for: all of them take hundreds of megabytes."""
        return ast.parse(self.text, self.path)

    @property
    def line_count(self) -> int:
        """How many lines an editor shows."""
        return len(self.text.splitlines())

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        """Every function and method, nested ones included."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node

    def classes(self) -> Iterator[ast.ClassDef]:
        """Every class, nested ones included."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ClassDef):
                yield node


@cache
def modules(*folders: str) -> tuple[Module, ...]:
    """The Python files under the folders, in the order of their paths."""
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return tuple(_read(path) for path in found)


@cache
def _read(path: Path) -> Module:
    return Module(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))


@cache
def project() -> dict[str, Any]:
    """The contents of pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@cache
def locked_packages() -> tuple[dict[str, Any], ...]:
    """The package entries of uv.lock."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    return tuple(lock["package"])


@cache
def tracked_texts() -> dict[str, str]:
    """Path and text of every file that git tracks, binary files left out."""
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    texts = {}
    for name in filter(None, listing.split("\0")):
        path = ROOT / name
        if path.is_file():
            content = path.read_bytes()
            if b"\0" not in content:
                texts[name] = content.decode("utf-8")
    return texts
