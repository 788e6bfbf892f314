"""Frames survive being cut anywhere: what is whole is read, what is not does not exist."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.domain.errors import DataCorrupted
from assay.sdk.frames import (
    HEAD,
    Begin,
    End,
    Eval,
    Frame,
    Input,
    Params,
    Points,
    Record,
    Tags,
    decode,
    encode,
    framed,
    split,
    wanted_bytes,
)

PAYLOADS = st.lists(st.binary(min_size=1, max_size=300), max_size=12)

EVERY_KIND: list[Frame] = [
    Points(-3, 1_700_000_000_000, {"loss": 0.1, "nan": float("inf")}),
    Begin("r", "e", "default", "http://h", is_primary=True, started_at_ms=5, user_name="kim"),
    Params({"lr": "1e-05"}),
    Tags({"a": "b"}),
    Record("note", 2**62, "text", 7, '"hi"'),
    Input("train", "abc", "local", "", {"context": "train"}),
    Eval("f" * 64, {"accuracy": 1, "f1": 0.25}, 10),
    End("finished", 9),
]


@given(PAYLOADS, st.data())
def test_a_file_cut_anywhere_holds_exactly_its_whole_frames(
    payloads: list[bytes], data: st.DataObject
) -> None:
    """Wherever a kill ends the file, the frames that were complete are read, and nothing else."""
    pieces = [framed(payload) for payload in payloads]
    content = b"".join(pieces)
    cut = data.draw(st.integers(0, len(content)))
    ends = [len(b"".join(pieces[: n + 1])) for n in range(len(pieces))]
    whole = sum(end <= cut for end in ends)

    read = list(split(content[:cut]))

    assert [payload for payload, _ in read] == payloads[:whole]
    assert [end for _, end in read] == ends[:whole]


@given(PAYLOADS, st.binary(max_size=64))
def test_nothing_is_read_past_what_is_not_a_frame(payloads: list[bytes], tail: bytes) -> None:
    """A frame whose checksum is wrong ends the reading, whatever comes after it."""
    broken = HEAD.pack(4, zlib.crc32(b"good") ^ 1) + b"good"
    content = b"".join(map(framed, payloads)) + broken + framed(b"after") + tail

    assert [payload for payload, _ in split(content)] == payloads


@given(st.integers(0, 200))
def test_zeros_are_no_frames(length: int) -> None:
    """A disk that lost power may show zeros where the file was to grow."""
    assert list(split(framed(b"one") + bytes(length))) == [(b"one", HEAD.size + 3)]


@pytest.mark.parametrize("frame", EVERY_KIND, ids=lambda frame: type(frame).__name__)
def test_every_kind_of_frame_is_read_as_it_was_written(frame: Frame) -> None:
    """What a run records comes out of the spool unchanged."""
    assert decode(encode(frame)) == frame


def test_a_frame_of_a_later_version_is_refused_and_not_skipped() -> None:
    """An old sync must not drop what it does not understand."""
    import msgspec

    with pytest.raises(DataCorrupted, match="upgrade"):
        decode(msgspec.msgpack.encode([99, "something new"]))


def test_a_reader_knows_how_much_it_needs_for_the_first_frame() -> None:
    """A frame larger than one read is read whole with the second."""
    content = framed(b"x" * 1000)

    assert wanted_bytes(content[:4]) == HEAD.size
    assert wanted_bytes(content[:100]) == len(content)
    assert wanted_bytes(bytes(100)) is None
