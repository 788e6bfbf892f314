"""The text of a checkpoint: one form, and nothing else is one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.domain.checkpoint import (
    Checkpoint,
    VerifierKey,
    checkpoint_body,
    parse_key,
    parse_note,
    signature_line,
)
from assay.domain.errors import DataCorrupted

KEY = VerifierKey("assay-ledger", bytes(range(32)))


def a_note(size: int = 7, root: bytes = bytes(32), at_ms: int = 5) -> str:
    checkpoint = Checkpoint("assay-ledger/0011223344556677", size, root, at_ms, "ab" * 32)
    return checkpoint_body(checkpoint) + "\n" + signature_line(KEY, bytes(64))


@given(st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32), st.integers(0, 2**53))
def test_a_checkpoint_is_read_as_it_was_written(size: int, root: bytes, at_ms: int) -> None:
    """Every value comes back, and the signed text is found again byte for byte."""
    text = a_note(size, root, at_ms)
    note = parse_note(text)
    assert (note.checkpoint.size, note.checkpoint.root, note.checkpoint.at_ms) == (
        size,
        root,
        at_ms,
    )
    assert text.startswith(note.body + "\n")
    assert note.signatures[0].key_id == KEY.key_id


@given(st.data())
def test_no_other_text_says_the_same(data: st.DataObject) -> None:
    """A changed character is refused, or changes what is said, signed or the signature."""
    text = a_note()
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(codec="ascii"))
    changed = text[:place] + other + text[place + 1 :]
    if changed == text:
        return
    try:
        note = parse_note(changed)
    except DataCorrupted:
        return
    assert note != parse_note(text)


def test_a_key_has_one_text() -> None:
    """Name, id and bytes belong together."""
    assert parse_key(str(KEY)) == KEY
    for wrong in ("", "assay-ledger", str(KEY)[:-4], str(KEY).replace("assay", "other")):
        with pytest.raises(DataCorrupted):
            parse_key(wrong)
