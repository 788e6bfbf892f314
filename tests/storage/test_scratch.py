"""Mappings in a temporary file answer as a dict does, also when more is in them than is at hand."""

from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.domain.replay import AliasState
from assay.storage import scratch
from assay.storage.scratch import Scratch

KEYS = st.tuples(st.integers(0, 3), st.sampled_from(["a", "b", "c"]))
STEPS = st.lists(
    st.tuples(st.sampled_from(["set", "pop", "get"]), KEYS, st.integers(0, 9)), max_size=60
)


@given(STEPS)
def test_it_answers_as_a_dict(steps: list[tuple[str, tuple[int, str], int]]) -> None:
    """Whatever was set, read and taken out, in whatever order, with three entries at hand."""
    with (
        pytest.MonkeyPatch.context() as patched,
        closing(Scratch()) as file,
    ):
        patched.setattr(scratch, "MAX_AT_HAND", 3)
        found, expected = file.mapping(AliasState), dict[tuple[int, str], AliasState]()
        for what, key, number in steps:
            if what == "set":
                found[key] = expected[key] = AliasState(number or None, number)
            elif what == "pop":
                assert found.pop(key, None) == expected.pop(key, None)
            else:
                assert found.get(key) == expected.get(key)
        assert dict(found) == expected
        assert len(found) == len(expected)


def test_what_is_not_there_is_a_key_error() -> None:
    """Reading and deleting say so."""
    with closing(Scratch()) as file:
        counts = file.mapping(int)
        with pytest.raises(KeyError):
            counts[1]
        with pytest.raises(KeyError):
            del counts[1]
        counts[1] = 0
        del counts[1]
        assert 1 not in counts
