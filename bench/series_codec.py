"""Bytes and time that metric points cost: `python -m bench.series_codec`.

Measures the formats alone, without a database: chunks over shapes that trainers log, tails over
batch sizes, merging and thinning of a long series.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np

from assay.series.buckets import bucketed
from assay.series.codec import decode_chunk, decode_tail, decode_tails, encode_chunk, encode_tail
from assay.series.points import FloatColumn, Points, merge_sorted

SEED = 7
STARTED_AT_MS = 1_760_000_000_000


def main() -> None:
    """Print the three tables."""
    for count in (200, 4_096, 65_536):
        print_chunks(count)
    print_tails()
    print_long_series(1_000_000)


def print_chunks(count: int) -> None:
    """Print size and speed of one chunk for each shape of values."""
    print(f"\nchunk of {count:,} points     bytes a point   encode Mpoints/s   decode Mpoints/s")
    steps, timestamps_ms = training_clock(count)
    for name, values in shapes(count).items():
        points = Points(steps, timestamps_ms, values)
        chunk = encode_chunk(*points)
        decoded = decode_chunk(chunk.payload)
        assert all(a.tobytes() == b.tobytes() for a, b in zip(decoded, points, strict=True))
        encode_s = best_of(partial(encode_chunk, *points))
        decode_s = best_of(partial(decode_chunk, chunk.payload))
        print(
            f"{name:28}{len(chunk.payload) / count:12.2f}"
            f"{count / encode_s / 1e6:19.1f}{count / decode_s / 1e6:19.1f}"
        )


def print_tails() -> None:
    """Print size and speed of tails from Python lists, five keys a step."""
    print("\ntail of n points          bytes a point          encode µs          decode µs")
    random = np.random.default_rng(SEED)
    for count in (1, 6, 48, 1_000, 10_000):
        columns = (
            [number % 5 for number in range(count)],
            [1_000 + number // 5 for number in range(count)],
            [STARTED_AT_MS + number // 5 * 183 for number in range(count)],
            random.random(count).tolist(),
        )
        payload = encode_tail(*columns)
        encode_s = best_of(partial(encode_tail, *columns))
        decode_s = best_of(partial(decode_tail, payload))
        print(
            f"{count:<28,}{len(payload) / count:12.2f}{encode_s * 1e6:19.2f}{decode_s * 1e6:19.2f}"
        )
    singles = [encode_tail([1], [step], [STARTED_AT_MS], [0.5]) for step in range(100_000)]
    print(
        f"100,000 tails of one point read at once: {best_of(lambda: decode_tails(singles)) * 1e3:.1f} ms"
    )


def print_long_series(count: int) -> None:
    """Print the time of merging and of thinning a long series."""
    random = np.random.default_rng(SEED)
    points = Points(*training_clock(count), random.random(count))
    pieces = [points.rows(slice(start, start + 65_536)) for start in range(0, count, 65_536)]
    shuffled = points.rows(random.permutation(count))
    print(f"\nseries of {count:,} points")
    for name, work in {
        "merge its chunks": lambda: merge_sorted(pieces),
        "merge its chunks, any order": lambda: merge_sorted(pieces[::-1]),
        "merge it shuffled": lambda: merge_sorted([shuffled]),
        "320 buckets over steps": lambda: bucketed(*points, buckets=320),
        "320 buckets over time": lambda: bucketed(*points, buckets=320, axis="time"),
    }.items():
        print(f"{name:28}{best_of(work) * 1e3:12.1f} ms")


def training_clock(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return steps and the slightly uneven timestamps of a loop of 180 ms a step."""
    jitter = np.random.default_rng(SEED).normal(180, 12, count).astype(np.int64).clip(1)
    return np.arange(count), STARTED_AT_MS + np.cumsum(jitter)


def shapes(count: int) -> dict[str, FloatColumn]:
    """Return what trainers log, by the way in which the values come about."""
    random = np.random.default_rng(SEED)
    index = np.arange(count)
    loss = (0.6 + 2.2 * np.exp(-3 * index / count)) * (1 + random.normal(0, 0.02, count))
    memory_pages = np.repeat(random.integers(15_700_000, 15_900_000, count // 50 + 1), 50)[:count]
    return {
        "loss, float64": loss,
        "loss, from float32": loss.astype(np.float32).astype(np.float64),
        "loss, four decimals": np.round(loss, 4),
        "loss, moving average": moving_average(loss),
        "random walk, float64": np.cumsum(random.normal(0, 1, count)),
        "uniform noise, 53 bits": random.random(count),
        "learning rate, cosine": 2.5e-5 * (1 + np.cos(np.pi * index / count)),
        "learning rate, linear": 5e-5 * (count - index) / count,
        "accuracy, k of 1319": random.binomial(1319, 0.7, count) / 1319,
        "accuracy of 48, float32": (
            (random.binomial(48, 0.7, count) / np.float32(48)).astype(np.float32).astype(np.float64)
        ),
        "epoch, step of 1047": index / 1047,
        "GPU utilisation, percent": random.integers(80, 101, count).astype(np.float64),
        "GPU memory, GiB": memory_pages * 4096 / 2**30,
        "GPU power, two decimals": np.round(300 + random.normal(0, 20, count), 2),
        "constant": np.full(count, 0.1),
    }


def moving_average(values: FloatColumn) -> FloatColumn:
    """Return the exponential moving average that a trainer computes in plain floats."""
    smooth, averages = float(values[0]), []
    for value in values.tolist():
        smooth = 0.98 * smooth + 0.02 * value
        averages.append(smooth)
    return np.array(averages)


def best_of(work: Callable[[], object], *, seconds: float = 0.15) -> float:
    """Return the shortest time of `work` in seconds, over as many runs as fit."""
    shortest, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        started = time.perf_counter()
        work()
        shortest = min(shortest, time.perf_counter() - started)
    return shortest


if __name__ == "__main__":
    main()
