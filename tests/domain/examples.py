"""Values that several domain tests start from: lineage records, JSON values, vectors."""

import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

VECTORS = Path(__file__).parent / "vectors"
FULL_COMMIT = "baa00d11c1df89de1f90a6f2a20cf72c9dd51c57"


def vectors(name: str) -> dict[str, Any]:
    """The exact expected values of one rule."""
    loaded: dict[str, Any] = json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


def a_lineage(**changes: object) -> dict[str, object]:
    """A complete lineage record with some fields changed."""
    return {
        "data_version": "md5:c7f0ef53f06f653f79d3a6a36dcfd39b.dir",
        "code_commit": FULL_COMMIT,
        "config": {"lr": 1e-05, "beta": 0.1, "epochs": 3, "name": "dpo-é"},
        "base_model": "qwen2.5-0.5b",
        "seed": 42,
        **changes,
    }


def texts(min_size: int = 0, max_size: int | None = None) -> st.SearchStrategy[str]:
    """Any text that can be kept: no lone surrogates, no NUL."""
    characters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
    return st.text(characters, min_size=min_size, max_size=max_size)


def integers() -> st.SearchStrategy[int]:
    """Integers of up to 64 digits."""
    return st.integers(-(10**64) + 1, 10**64 - 1)


def floats() -> st.SearchStrategy[float]:
    """Finite doubles."""
    return st.floats(allow_nan=False, allow_infinity=False)


def json_values(max_leaves: int = 20) -> st.SearchStrategy[Any]:
    """Any value of the strict JSON domain."""
    scalars = st.none() | st.booleans() | integers() | floats() | texts()
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts(), inner, max_size=5),
        max_leaves=max_leaves,
    )
