"""Tails, chunks and wire payloads give back exactly the points that went in, or refuse."""

import struct
import sys
import zlib
from math import inf, nan
from random import Random

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.domain.errors import DataCorrupted, Internal
from assay.series.codec import (
    MAX_CHUNK_POINTS,
    decode_chunk,
    decode_columns_wire,
    decode_tail,
    decode_tails,
    encode_chunk,
    encode_columns_wire,
    encode_tail,
)
from assay.series.payload import varint
from assay.series.planes import pack_integers
from assay.series.points import Points, merge_sorted

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Row = tuple[int, int, float]
KeyedRow = tuple[int, int, int, float]
Identity = tuple[int, int, int]

INT64 = st.integers(-(2**63), 2**63 - 1)
FLOAT_BITS = st.integers(0, 2**64 - 1).map(
    lambda bits: struct.unpack("<d", struct.pack("<Q", bits))[0]
)
KINDS = (
    FLOAT_BITS,
    st.floats(),
    st.floats(width=32),
    st.sampled_from([0.0, -0.0, inf, -inf, nan, 5e-324, 1.7976931348623157e308]),
    st.sampled_from([0.0, -0.0, 0.5]),
    st.sampled_from([0.1, -0.1, 0.7]),
    st.integers(-5000, 5000).map(lambda k: k / 1319),
    st.integers(-(2**62), 2**62).map(float),
    st.decimals(-100, 100, places=4).map(float),
)
FLOATS = st.one_of(*KINDS)
ROWS = st.lists(
    st.tuples(st.integers(0, 2**32 - 1), INT64, INT64, FLOATS), min_size=1, max_size=120
)


def bits(values: npt.ArrayLike) -> list[int]:
    """Floats as integers, so that comparing tells NaNs and zeros apart."""
    column: list[int] = np.asarray(values, np.float64).view(np.int64).tolist()
    return column


def rows_of(points: Points) -> list[Identity]:
    """A set of rows in which equal means the same bits."""
    return list(
        zip(points.steps.tolist(), points.timestamps_ms.tolist(), bits(points.values), strict=True)
    )


def as_points(rows: list[Row]) -> Points:
    """Points out of (step, timestamp, value) rows."""
    return Points(
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows], np.int64),
        np.array([row[2] for row in rows], np.float64),
    )


def curve(values: npt.ArrayLike) -> Points:
    """Points with the steps and the slightly uneven clock of a training loop."""
    column = np.asarray(values, np.float64)
    jitter = np.random.default_rng(3).normal(180, 12, len(column)).astype(np.int64)
    return Points(np.arange(len(column)), 1_760_000_000_000 + np.cumsum(jitter), column)


# --- tail ---------------------------------------------------------------------------------------


@given(ROWS)
def test_a_tail_gives_back_every_row_in_order_of_arrival(rows: list[KeyedRow]) -> None:
    """Any uint32 key, int64 step and timestamp and any bits of a value survive, duplicates too."""
    keys, steps, times, values = (list(column) for column in zip(*rows, strict=True))
    points = decode_tail(encode_tail(keys, steps, times, values))
    assert points.key_ids.tolist() == keys
    assert points.steps.tolist() == steps
    assert points.timestamps_ms.tolist() == times
    assert bits(points.values) == bits(values)


@given(ROWS)
def test_a_tail_of_arrays_is_the_tail_of_the_same_lists(rows: list[KeyedRow]) -> None:
    """What was decoded from a batch can be encoded again without a detour through lists."""
    keys, steps, times, values = (list(column) for column in zip(*rows, strict=True))
    arrays = (np.array(keys, np.uint32), np.array(steps), np.array(times), np.array(values))
    assert encode_tail(*arrays) == encode_tail(keys, steps, times, values)


@given(st.lists(ROWS, max_size=8))
def test_many_tails_read_at_once_are_the_tails_one_after_the_other(
    batches: list[list[KeyedRow]],
) -> None:
    """Reading in bulk is faster and otherwise the same."""
    payloads = [
        encode_tail(*(list(column) for column in zip(*rows, strict=True))) for rows in batches
    ]
    points = decode_tails(payloads)
    expected = [row for rows in batches for row in rows]
    assert points.key_ids.tolist() == [row[0] for row in expected]
    assert points.steps.tolist() == [row[1] for row in expected]
    assert points.timestamps_ms.tolist() == [row[2] for row in expected]
    assert bits(points.values) == bits([row[3] for row in expected])


def test_a_batch_of_one_step_costs_a_key_and_a_value_a_point() -> None:
    """Equal steps and timestamps are kept once."""
    payload = encode_tail(list(range(200)), [7] * 200, [1_760_000_000_000] * 200, [0.5] * 200)
    assert len(payload) <= 200 * (1 + 8) + 32


@pytest.mark.parametrize(
    "columns",
    [
        ([], [], [], []),
        ([1], [1, 2], [1, 2], [0.5, 0.5]),
        ([1, 1], [1, 2**63], [1, 2], [0.5, 0.5]),
        ([1, 1], [-(2**63) - 1, 2**63], [1, 2], [0.5, 0.5]),
        ([1, 2**32], [1, 1], [1, 2], [0.5, 0.5]),
        ([2**32], [1], [1], [0.5]),
        ([1] * 60, [2**63, *range(59)], [1] * 60, [0.5] * 60),
    ],
    ids=[
        "empty",
        "ragged",
        "step beyond int64",
        "steps beyond 64 bits",
        "one key beyond uint32",
        "the key beyond uint32",
        "long, beyond int64",
    ],
)
def test_a_tail_refuses_columns_that_it_could_not_give_back(
    columns: tuple[list[int], list[int], list[int], list[float]],
) -> None:
    """What does not fit is refused, never cut."""
    with pytest.raises(Internal):
        encode_tail(*columns)


@given(st.binary(max_size=200))
def test_bytes_that_are_no_tail_are_refused_or_read_within_their_size(payload: bytes) -> None:
    """A foreign payload never asks for more memory than a few times its own size."""
    try:
        points = decode_tail(payload)
    except DataCorrupted:
        return
    assert points.row_count * 8 <= len(payload)


@pytest.mark.parametrize("count", [1, 2, 500])
def test_a_tail_that_is_cut_or_prolonged_is_refused(count: int) -> None:
    """The declared size must be the size."""
    payload = encode_tail([3] * count, list(range(count)), [9] * count, [0.25] * count)
    for broken in (payload[:-1], payload + b"\0", payload[:5], b"", b"\x7f" + payload[1:]):
        with pytest.raises(DataCorrupted):
            decode_tail(broken)


def test_rows_of_a_tail_are_found_by_key() -> None:
    """A series is its own rows and nobody else's, in order of arrival."""
    points = decode_tail(encode_tail([7, 2, 7], [1, 1, 0], [5, 5, 6], [0.1, 0.2, 0.3]))
    assert rows_of(points.of_key(7)) == rows_of(as_points([(1, 5, 0.1), (0, 6, 0.3)]))
    assert [(key, series.row_count) for key, series in points.by_key()] == [(2, 1), (7, 2)]
    assert points.of_key(5).row_count == 0


# --- chunk --------------------------------------------------------------------------------------


@given(st.lists(st.tuples(INT64, INT64, FLOATS), min_size=1, max_size=200))
def test_a_chunk_gives_back_the_set_of_its_points_in_order(rows: list[Row]) -> None:
    """Any int64 and any float survive bit for bit, except that all NaNs are one NaN."""
    merged = merge_sorted([as_points(rows)])
    chunk = encode_chunk(*as_points(rows))
    assert rows_of(decode_chunk(chunk.payload)) == rows_of(merged)
    assert chunk.count == merged.row_count
    assert (chunk.min_step, chunk.max_step) == (min(r[0] for r in rows), max(r[0] for r in rows))
    assert chunk.min_timestamp_ms == min(r[1] for r in rows)
    assert chunk.max_timestamp_ms == max(r[1] for r in rows)


@settings(max_examples=300)
@given(st.one_of(*(st.lists(kind, min_size=1, max_size=60) for kind in KINDS)))
def test_values_of_one_kind_come_back_bit_for_bit(values: list[float]) -> None:
    """Each model of values (float32, ratio, dictionary, all 64 bits) is exact where it applies."""
    points = curve(values)
    expected = merge_sorted([points])
    assert rows_of(decode_chunk(encode_chunk(*points).payload)) == rows_of(expected)


@given(st.lists(st.tuples(INT64, INT64, FLOATS), min_size=1, max_size=40), st.randoms())
def test_one_set_of_points_has_one_chunk(rows: list[Row], random: Random) -> None:
    """Neither order nor repetition of the points changes a byte."""
    shuffled = rows * 2
    random.shuffle(shuffled)
    assert encode_chunk(*as_points(shuffled)) == encode_chunk(*as_points(rows))


SIZE = 20_000
NOISE = np.random.default_rng(11)
INDEX = np.arange(SIZE)
LOSS = (0.6 + 2.2 * np.exp(-3 * INDEX / SIZE)) * (1 + NOISE.normal(0, 0.02, SIZE))
SHAPES = {
    "float64 loss": (LOSS, 8.0),
    "float32 loss": (LOSS.astype(np.float32).astype(np.float64), 4.0),
    "loss of four decimals": (np.round(LOSS, 4), 2.5),
    "random walk": (np.cumsum(NOISE.normal(0, 1, SIZE)), 8.0),
    "all 53 bits random": (NOISE.random(SIZE), 8.0),
    "cosine schedule": (2.5e-5 * (1 + np.cos(np.pi * INDEX / SIZE)), 3.0),
    "linear schedule": (5e-5 * (SIZE - INDEX) / SIZE, 1.5),
    "accuracy k of 1319": (NOISE.binomial(1319, 0.7, SIZE) / 1319, 2.5),
    "few float32 values": (
        (NOISE.binomial(48, 0.7, SIZE).astype(np.float32) / np.float32(48)).astype(np.float64),
        2.0,
    ),
    "utilisation in percent": (NOISE.integers(80, 101, SIZE).astype(np.float64), 2.0),
    "constant": (np.full(SIZE, 0.1), 1.0),
    "infinities and NaN": (
        np.where(INDEX % 100 == 7, nan, np.where(INDEX % 90 == 3, -inf, LOSS)),
        8.0,
    ),
    "both zeros": (np.where(INDEX % 2, -0.0, 0.0), 2.0),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_realistic_curves_come_back_exactly_within_their_budget_of_bytes(shape: str) -> None:
    """At most eight bytes a point, clock included, however the values came about."""
    values, bytes_a_point = SHAPES[shape]
    points = curve(values)
    chunk = encode_chunk(*points)
    assert rows_of(decode_chunk(chunk.payload)) == rows_of(points)
    assert len(chunk.payload) <= bytes_a_point * SIZE


def test_the_largest_chunk_comes_back_and_a_larger_one_is_refused() -> None:
    """The limit on points is the limit on what one payload can make a reader allocate."""
    points = curve(np.random.default_rng(5).random(MAX_CHUNK_POINTS + 1))
    full = points.rows(slice(0, MAX_CHUNK_POINTS))
    assert rows_of(decode_chunk(encode_chunk(*full).payload)) == rows_of(full)
    with pytest.raises(Internal):
        encode_chunk(*points)
    with pytest.raises(Internal):
        encode_chunk(*Points.empty())


@settings(max_examples=300)
@given(st.data())
def test_a_chunk_with_a_changed_byte_is_refused(data: st.DataObject) -> None:
    """The checksum catches what the structure alone would read as other numbers."""
    payload = bytearray(encode_chunk(*curve(LOSS[:50])).payload)
    position = data.draw(st.integers(0, len(payload) - 1))
    payload[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(DataCorrupted):
        decode_chunk(bytes(payload))


def with_checksum(body: bytes | bytearray) -> bytes:
    """A chunk whose checksum is right whatever its body says."""
    return bytes(body) + struct.pack("<I", zlib.crc32(body))


@settings(max_examples=400)
@given(st.data())
def test_a_forged_chunk_is_refused_or_read_within_the_limit(data: st.DataObject) -> None:
    """A right checksum over nonsense ends in a refusal, not in another error or a big array."""
    shape = data.draw(st.sampled_from(sorted(SHAPES)))
    body = bytearray(encode_chunk(*curve(SHAPES[shape][0][:300])).payload[:-4])
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    del body[data.draw(st.integers(2, len(body))) :]
    try:
        points = decode_chunk(with_checksum(body))
    except DataCorrupted:
        return
    assert points.row_count <= MAX_CHUNK_POINTS


def packed(*numbers: int) -> bytes:
    """A packed column of integers."""
    return pack_integers(np.array(numbers, np.int64), max_order=0)


@pytest.mark.parametrize(
    "values",
    [
        b"\x09" + packed(1, 2),
        b"\x01" + packed(1, 2**40),
        b"\x02\x00" + packed(1, 2),
        b"\x02" + varint(2**60) + packed(1, 2),
        b"\x03\x02" + packed(5, 6) + packed(0, 2),
        b"\x03\x02" + packed(5, 6) + packed(-1, 0),
        b"\x03\x00" + packed(0, 0),
        b"\x00\x00\x40\x01\x00\x02ab",
        b"\x00\x00\x00\x09\x00" + b"\x02ab" * 9,
        b"\x00\x00\x00\x01\x00\x01a",
        b"\x00\x02\x00\x00\x00",
        b"\x00\x01" + b"\xff" * 10 + b"\x00\x00\x00",
    ],
    ids=[
        "unknown model",
        "float32 of more than 32 bits",
        "denominator zero",
        "denominator that no float holds",
        "position beyond the dictionary",
        "position before the dictionary",
        "empty dictionary",
        "shift by 64 bits",
        "nine planes",
        "a plane that is no frame",
        "more differences than rows",
        "an integer of more than 64 bits",
    ],
)
def test_a_column_of_values_that_cannot_be_is_refused(values: bytes) -> None:
    """Also under a right checksum, for each way in which the models can be misled."""
    with pytest.raises(DataCorrupted):
        decode_chunk(with_checksum(b"\x21\x02" + packed(1, 2) + packed(1, 2) + values))


def test_a_frame_that_unpacks_to_more_than_it_should_is_refused() -> None:
    """A few bytes that would become gigabytes are cut off after as many as there are rows."""
    bomb = zstd.compress(bytes(1 << 24))
    column = bytes([0, 0, 1, 0]) + varint(len(bomb)) + bomb
    clock = pack_integers(np.arange(40_000), max_order=2)
    body = b"\x21" + varint(40_000) + clock + clock + b"\x00" + column
    with pytest.raises(DataCorrupted):
        decode_chunk(with_checksum(body))


@given(st.binary(max_size=60))
def test_arbitrary_bytes_under_the_head_of_a_chunk_are_refused_or_read(payload: bytes) -> None:
    """No input makes the decoder fail in any other way than its own."""
    for body in (payload, b"\x21" + payload, b"\x21\x02\x00\x00\x00" + payload):
        try:
            assert decode_chunk(with_checksum(body)).row_count <= MAX_CHUNK_POINTS
        except DataCorrupted:
            continue


# --- wire ---------------------------------------------------------------------------------------


@given(st.lists(st.tuples(INT64, INT64, FLOATS), max_size=50))
def test_a_wire_payload_has_the_layout_that_a_browser_maps(rows: list[Row]) -> None:
    """Eight bytes of head, then three columns of eight bytes a row, each at a multiple of eight."""
    payload = encode_columns_wire(*as_points(rows))
    count = len(rows)
    assert struct.unpack_from("<B3xI", payload) == (0x31, count)
    assert list(struct.unpack_from(f"<{count}q", payload, 8)) == [row[0] for row in rows]
    assert list(struct.unpack_from(f"<{count}q", payload, 8 + 8 * count)) == [
        row[1] for row in rows
    ]
    assert payload[8 + 16 * count :] == struct.pack(f"<{count}d", *(row[2] for row in rows))
    assert rows_of(decode_columns_wire(payload)) == rows_of(as_points(rows))


def test_a_wire_payload_of_another_size_is_refused() -> None:
    """Cut, prolonged, empty or of another format: none of it is mapped."""
    payload = encode_columns_wire(*curve([0.5, 0.25]))
    for broken in (payload[:-1], payload + b"\0", payload[:7], b"", b"\x21" + payload[1:]):
        with pytest.raises(DataCorrupted):
            decode_columns_wire(broken)
