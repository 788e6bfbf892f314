"""Blocks keep the points of many series, and say so when they are not what was written."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.domain.errors import DataCorrupted
from assay.domain.metric import MetricPoint
from assay.series.blocks import (
    MAX_BLOCK_POINTS,
    Tail,
    decode_block,
    decode_rows,
    encode_blocks,
    is_block,
    keys_of,
)
from assay.series.codec import encode_tail
from assay.series.points import Points, merge_sorted
from tests.support.metric_points import (
    columns_of,
    identities,
    metric_points,
    ordered_identities,
)

SERIES = st.dictionaries(
    st.integers(0, 2**32 - 1), st.lists(metric_points(), min_size=1, max_size=12), max_size=6
)


def in_order(series: dict[int, list[MetricPoint]]) -> list[tuple[int, Points]]:
    """Series as `encode_blocks` takes them."""
    return [(key, merge_sorted([columns_of(points)])) for key, points in sorted(series.items())]


def raw_row(key_id: int, points: list[MetricPoint]) -> bytes:
    """Points of one series as they came."""
    columns = columns_of(points)
    return encode_tail([key_id] * columns.row_count, *columns)


def one_block() -> bytes:
    """A small block."""
    points = Points(np.arange(9), np.arange(9) * 7, np.arange(9) / 3)
    return encode_blocks([(3, points), (8, points)])[0].payload


@given(SERIES)
def test_a_block_gives_back_every_series(series: dict[int, list[MetricPoint]]) -> None:
    """Keys, steps, timestamps and the bits of values survive, series by series."""
    payloads = [block.payload for block in encode_blocks(in_order(series))]

    tail = Tail(payloads)

    assert {key: identities(tail.of_key(key)) for key in series} == {
        key: ordered_identities(points) for key, points in series.items()
    }
    assert keys_of(payloads) == set(series)
    assert all(map(is_block, payloads))


@given(SERIES, SERIES)
def test_blocks_and_raw_rows_are_read_together(
    packed: dict[int, list[MetricPoint]], raw: dict[int, list[MetricPoint]]
) -> None:
    """A point that is in a block and in a raw row is one point."""
    payloads = [
        *(block.payload for block in encode_blocks(in_order(packed))),
        *(raw_row(key, points) for key, points in raw.items()),
        *(raw_row(key, points) for key, points in packed.items()),
    ]

    tail = Tail(payloads)

    for key in packed.keys() | raw.keys():
        expected = ordered_identities([*packed.get(key, []), *raw.get(key, [])])
        assert identities(tail.of_key(key)) == expected
    assert set(decode_rows(payloads).key_ids.tolist()) == packed.keys() | raw.keys()


def test_a_key_without_points_reads_as_empty() -> None:
    """Outside the keys of a block or between them, there are no points."""
    tail = Tail([one_block()])

    assert [tail.of_key(key).row_count for key in (2, 3, 5, 8, 9)] == [0, 9, 0, 9, 0]


def test_more_points_than_a_block_holds_become_several() -> None:
    """A series may continue in the next block."""
    count = MAX_BLOCK_POINTS + 10
    points = Points(np.arange(count), np.arange(count), np.zeros(count))

    blocks = encode_blocks([(1, points)])

    assert [block.points for block in blocks] == [MAX_BLOCK_POINTS, 10]
    assert identities(Tail([block.payload for block in blocks]).of_key(1)) == identities(points)


@given(st.data())
def test_a_changed_byte_is_noticed(data: st.DataObject) -> None:
    """A block whose bytes changed on the disk is refused, never read as other points."""
    payload = bytearray(one_block())
    position = data.draw(st.integers(1, len(payload) - 1))
    payload[position] ^= data.draw(st.integers(1, 255))

    with pytest.raises(DataCorrupted):
        decode_block(bytes(payload))


@pytest.mark.parametrize("size", range(40))
def test_a_cut_block_is_noticed(size: int) -> None:
    """A block that ends too early is refused."""
    with pytest.raises(DataCorrupted):
        decode_rows([one_block()[:size] or b"\x22"])
