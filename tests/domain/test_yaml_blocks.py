"""The reader of configs agrees with the library that clients write them with."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from assay.domain.errors import InvalidArgument, LimitExceeded
from assay.domain.yaml_blocks import MAX_CHARACTERS, MAX_DEPTH, read_blocks

KEYS = st.from_regex(r"[A-Za-z_][\w.\-/]{0,20}", fullmatch=True)
TEXTS = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), max_size=40)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
    | st.sampled_from(
        ["a: b", "- x", "word " * 30, "it's", '"', "${env}", "#", "\n\n", "~", "0x1f"]
    )
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(KEYS, VALUES, min_size=1, max_size=5))
def test_every_config_that_a_client_dumps_is_read_back(config: dict[str, Any]) -> None:
    """Nested lists and mappings, folded lines, quotes and escapes come out as what went in."""
    plain = json.loads(json.dumps(config))
    text = yaml.dump(plain)

    assert read_blocks(text) == yaml.safe_load(text)


def test_a_config_that_a_person_wrote_is_read() -> None:
    """Comments and empty lines of their own, lists at the indent of their key, a leading marker."""
    lines = ["---", "# sweep", "method: grid", "", "parameters:", "  x:", "    values:"]
    text = "\n".join([*lines, "    - 1", "    - 2.5", "  # y", "  y:", "    value: a b", ""])

    assert read_blocks(text) == yaml.safe_load(text)


@pytest.mark.parametrize("text", ["a: !!python/object:os.system x\n", "a: &x 1\n", "a: {b: 1}\n"])
def test_what_is_not_block_style_is_refused(text: str) -> None:
    """No tag is followed, no anchor resolved and no flow collection guessed at."""
    with pytest.raises(InvalidArgument):
        read_blocks(text)


def test_depth_is_bounded() -> None:
    """A text of dashes cannot exhaust the stack."""
    with pytest.raises(LimitExceeded):
        read_blocks("- " * (MAX_DEPTH + 5) + "1")


@pytest.mark.timeout(20)
@pytest.mark.parametrize("line", ["x", "- x", "'x'", "a: 'b", '"'])
def test_the_longest_text_is_read_in_time(line: str) -> None:
    """However many lines a text within quotes has, each is looked at once."""
    text = 'a: "' + f"{line}\n" * (MAX_CHARACTERS // (len(line) + 1) - 5)

    with pytest.raises(InvalidArgument):
        read_blocks(text)
