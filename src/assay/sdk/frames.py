"""What a run writes down: frames, each of a length, a checksum and a MessagePack payload.

A file of frames may end anywhere, since a process may be killed anywhere: what is not a whole frame
with the right checksum is not there. A frame of no bytes does not exist, so zeros are no frames.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Final, TypeAlias

import msgspec

from assay.domain.errors import DataCorrupted

MAGIC: Final = b"ASSAYSPOOL1\n"
MAX_FRAME_BYTES: Final = 16 << 20
HEAD: Final = struct.Struct("<II")

POINTS_TAG: Final = 0


class Points(msgspec.Struct, array_like=True, tag=POINTS_TAG, gc=False):
    """Metrics of one step. `log` writes the same bytes without making one of these."""

    step: int
    timestamp_ms: int
    values: dict[str, float]


class Begin(msgspec.Struct, array_like=True, tag=1):
    """Whose run this is and how it started: the first frame of every spool.

    A secondary writer joins a run that another process answers for: it names and ends nothing.
    Without an experiment the run is expected to be there already.
    `lineage` is strict JSON, what the code stated; `url` is where it was meant to go.
    """

    run_id: str
    experiment: str | None
    workspace: str
    url: str
    is_primary: bool
    started_at_ms: int
    user_name: str
    name: str | None = None
    parent_run_id: str | None = None
    lineage: str | None = None
    params: dict[str, str] = {}
    tags: dict[str, str] = {}


class Params(msgspec.Struct, array_like=True, tag=2):
    """Params, as text."""

    values: dict[str, str]


class Tags(msgspec.Struct, array_like=True, tag=3):
    """Tags; a later one of the same key takes the place of an earlier one."""

    values: dict[str, str]


class Record(msgspec.Struct, array_like=True, tag=4):
    """A text or a table at a step; `payload` is JSON."""

    key: str
    step: int
    kind: str
    timestamp_ms: int
    payload: str


class Input(msgspec.Struct, array_like=True, tag=5):
    """A dataset that the run reads."""

    name: str
    digest: str
    source_type: str
    source: str
    tags: dict[str, str]


class Eval(msgspec.Struct, array_like=True, tag=6):
    """Scores that the run claims for itself on a suite."""

    suite: str
    metrics: dict[str, int | float]
    items: int | None


class End(msgspec.Struct, array_like=True, tag=7):
    """How the run ended."""

    status: str
    ended_at_ms: int


Frame: TypeAlias = Points | Begin | Params | Tags | Record | Input | Eval | End

_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(Frame)


def encode(frame: Frame) -> bytes:
    """The payload of a frame."""
    return _encoder.encode(frame)


def decode(payload: bytes | memoryview) -> Frame:
    """The frame of a payload. Raises DataCorrupted for one that this version does not know."""
    try:
        frame: Frame = _decoder.decode(payload)
    except msgspec.DecodeError as error:
        raise DataCorrupted(
            "The spool holds a frame that this version of Assay cannot read; upgrade it to sync.",
            reason=str(error),
        ) from None
    return frame


def framed(payload: bytes) -> bytes:
    """A payload with its length and checksum before it, ready to be appended."""
    return HEAD.pack(len(payload), zlib.crc32(payload)) + payload


def split(content: bytes) -> Iterator[tuple[bytes, int]]:
    """(payload, offset of its end) of every whole frame from the start of `content`."""
    position, size = 0, len(content)
    while size - position >= HEAD.size:
        length, checksum = HEAD.unpack_from(content, position)
        start = position + HEAD.size
        end = start + length
        if not 0 < length <= MAX_FRAME_BYTES or end > size:
            return
        payload = content[start:end]
        if zlib.crc32(payload) != checksum:
            return
        yield payload, end
        position = end


def wanted_bytes(content: bytes) -> int | None:
    """How long `content` must be to hold its first frame; None if that cannot be one."""
    if len(content) < HEAD.size:
        return HEAD.size
    length, _ = HEAD.unpack_from(content)
    return HEAD.size + length if 0 < length <= MAX_FRAME_BYTES else None
