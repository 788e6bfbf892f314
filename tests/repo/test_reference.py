"""The rendered reference pages say what the code says."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_spec = importlib.util.spec_from_file_location(
    "render_reference", ROOT / "tools" / "render_reference.py"
)
assert _spec is not None
assert _spec.loader is not None
render_reference = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(render_reference)


@pytest.mark.parametrize("name", sorted(render_reference.PAGES))
def test_a_reference_page_is_what_the_code_renders(name: str) -> None:
    """After a change of routes or errors, `python tools/render_reference.py` has been run."""
    rendered = render_reference.PAGES[name]()

    committed = (ROOT / "docs" / "reference" / name).read_text("utf-8")

    assert committed == rendered
