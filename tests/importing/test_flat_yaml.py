"""The reader of `meta.yaml` agrees with the library that MLflow writes it with."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from assay.domain.errors import InvalidArgument
from assay.importing.flat_yaml import read_flat

KEYS = st.from_regex(r"[A-Za-z_][\w.\-/]{0,40}", fullmatch=True)
TEXTS = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0")) | st.lists(
    st.sampled_from(["word", "'", "x: y", "\n", "# c", "-", " ", "\n\n", '"', "ü", "null"]),
    max_size=60,
).map(" ".join)
PLAIN = st.none() | st.booleans() | st.integers(-(2**63), 2**63)


@given(st.dictionaries(KEYS, TEXTS | PLAIN, min_size=1, max_size=5))
def test_every_mapping_that_mlflow_writes_is_read_back(mapping: dict[str, object]) -> None:
    """Folded lines, quotes and escapes come out as the text that went in."""
    text = yaml.dump(mapping, default_flow_style=False, allow_unicode=True, Dumper=yaml.CSafeDumper)

    assert read_flat(text) == mapping


@pytest.mark.parametrize(
    "text",
    ["a: !!python/object:os.system x\n", "a: &x 1\n", "a: *x\n", "a: |\n  b\n", "just words\n"],
)
def test_what_mlflow_never_writes_is_refused(text: str) -> None:
    """No tag is followed and nothing is guessed at."""
    with pytest.raises(InvalidArgument):
        read_flat(text)
