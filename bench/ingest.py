"""What metric points cost in this process: `python -m bench.ingest [--database URL]`.

Writes through the ingest queue into a real database with durable commits, packs it, reads it back,
and counts the bytes that stay on the disk.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import uvloop

from assay.blobs.local import LocalBlobStore
from assay.domain.access import LOCAL_OWNER
from assay.domain.metric import MetricPoint
from assay.domain.tracking import DEFAULT_EXPERIMENT_ID, DEFAULT_WORKSPACE, Policy
from assay.services.batch import Columns
from assay.services.compaction import Compaction
from assay.services.context import Context
from assay.services.ingest import Ingest
from assay.services.live import Live
from assay.services.metrics import Metrics
from assay.services.platform import Platform
from assay.services.runs import Runs
from assay.services.workspaces import Workspaces
from assay.storage.database import SqliteDatabase, open_database
from assay.storage.migrate import migrate
from bench.series_codec import SEED, best_of, shapes, training_clock

WRITERS = 16
BATCH = 1_000
LONG_RUNS = 3
LONG_STEPS = 50_000


class Rig:
    """Everything between a face and the disk."""

    def __init__(self, folder: Path, address: str) -> None:
        self.database = open_database(address)
        migrate(self.database, now_ms())
        platform = Platform(
            database=self.database,
            blobs=LocalBlobStore(folder / "blobs"),
            now_ms=now_ms,
            token_hex=secrets.token_hex,
            policy=Policy(),
        )
        Workspaces(platform, None).ensure_defaults(now_ms())  # type: ignore[arg-type]
        self.runs = Runs(platform)
        self.compaction = Compaction(platform)
        self.ingest = Ingest(platform, Live(), self.compaction)
        self.metrics = Metrics(platform)
        self.context = Context(LOCAL_OWNER, DEFAULT_WORKSPACE, "bench", now_ms())
        self.ingest.start()

    def new_run(self) -> tuple[int, str]:
        """A fresh run: its key in the database and its id."""
        run = self.runs.create(self.context, experiment_id=DEFAULT_EXPERIMENT_ID).run
        return run.pk, run.run_id

    def size_bytes(self) -> int:
        """The database on the disk, free pages included; only SQLite's is one file."""
        assert isinstance(self.database, SqliteDatabase)
        return self.database.path.stat().st_size

    def close(self) -> None:
        """Write what is left and let go."""
        self.ingest.close()
        self.compaction.close()
        self.database.close()


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.ingest", description=__doc__)
    parser.add_argument("--database", help="where to write; default: a SQLite file of its own")
    parser.add_argument(
        "--folder", type=Path, help="where that file goes; default: the temporary folder"
    )
    options = parser.parse_args()
    with opened(options.folder, options.database) as rig:
        uvloop.run(print_single_points(rig))
        for keys in (10, 100, 1_000):
            uvloop.run(print_batches(rig, keys, writers=WRITERS))
        uvloop.run(print_batches(rig, 10, writers=1))
    with opened(options.folder, options.database) as rig:
        print_reads(rig)
    with opened(options.folder, options.database) as rig:
        print_long_runs(rig)


@contextmanager
def opened(folder: Path | None, address: str | None) -> Iterator[Rig]:
    """A rig on a database, which is fresh unless an address is given."""
    with tempfile.TemporaryDirectory(prefix="assay-ingest-", dir=folder) as made:
        rig = Rig(Path(made), address or str(Path(made) / "assay.db"))
        try:
            yield rig
        finally:
            rig.close()


class Stopwatch:
    """Time that passes, and what of it the processors spent here: the latter bears a busy machine."""

    def __init__(self) -> None:
        self._began_s = time.perf_counter()
        self._cpu_s = time.process_time()

    def print(self, name: str, count: int, unit: str) -> None:
        """One line of the table."""
        rate = count / (time.perf_counter() - self._began_s)
        cpu_us = (time.process_time() - self._cpu_s) / count * 1e6
        print(f"{name:52}{rate:12,.0f} {unit:10}{cpu_us:9.2f} µs of processor each")


async def print_single_points(rig: Rig) -> None:
    """One point a submit, from tasks that each wait for their own."""
    for writers in (1, WRITERS):
        runs = [rig.new_run()[1] for _ in range(writers)]
        count = 1_500 * writers

        async def write(run_id: str, points: int) -> None:
            for step in range(points):
                point = MetricPoint("loss", 1 / (step + 1), 1_000 + step, step)
                await rig.ingest.submit(rig.context, run_id, [point])

        watch = Stopwatch()
        await asyncio.gather(*(write(run_id, count // writers) for run_id in runs))
        watch.print(f"submits of 1 point, {writers} at a time", count, "submits/s")


async def print_batches(rig: Rig, keys: int, *, writers: int, count: int = 400) -> None:
    """Batches of 1,000 points, each writer into a run of its own."""
    runs = [rig.new_run()[1] for _ in range(writers)]
    prepared = [a_batch(keys, number) for number in range(count // writers)]

    async def write(run_id: str) -> None:
        for columns in prepared:
            points = Columns.of(*columns)
            await rig.ingest.submit(rig.context, run_id, points)

    watch = Stopwatch()
    await asyncio.gather(*map(write, runs))
    points = len(prepared) * writers * BATCH
    watch.print(f"batches of 1,000 points, {keys:,} keys, {writers} at a time", points, "points/s")


Lists = tuple[list[str], list[int], list[int], list[float]]


def a_batch(keys: int, number: int) -> Lists:
    """What a face has after decoding: lists, steps in order, the keys of each step together."""
    per_key = BATCH // keys
    steps = [step for step in range(number * per_key, (number + 1) * per_key) for _ in range(keys)]
    values = np.random.default_rng(number).random(BATCH).tolist()
    names = [f"train/metric_{key}" for key in range(keys)] * per_key
    return names, steps, [1_760_000_000_000 + 183 * step for step in steps], values


def print_long_runs(rig: Rig) -> None:
    """Long runs of everything that trainers log: bytes on the disk, and reading them back."""
    before_bytes = rig.size_bytes() if isinstance(rig.database, SqliteDatabase) else None
    steps, timestamps_ms = training_clock(LONG_STEPS)
    series = shapes(LONG_STEPS)
    points = LONG_RUNS * LONG_STEPS * len(series)
    runs = [rig.new_run() for _ in range(LONG_RUNS)]
    print(f"\nlong runs: {points:,} points in {LONG_RUNS * len(series)} series")
    watch = Stopwatch()
    for start in range(0, LONG_STEPS, 100):
        rows = slice(start, start + 100)
        columns = interleaved(series, steps[rows], timestamps_ms[rows], rows)
        for run_pk, run_id in runs:
            rig.ingest.submit_sync(rig.context, run_id, columns)
            if start % 2_500 == 2_400:
                rig.compaction.compact_run(run_pk)
    for run_pk, _ in runs:
        rig.compaction.compact_run(run_pk, is_idle=True)
    watch.print("written one after the other and packed meanwhile", points, "points/s")
    one_of_many_s = best_of(lambda: rig.metrics.history(rig.context, runs[0][1], "constant"))
    print(f"read one series of {LONG_STEPS:,} points {one_of_many_s * 1e3:29.2f} ms")
    if before_bytes is not None:
        print_sizes(rig, before_bytes, points)


def interleaved(
    series: dict[str, np.ndarray], steps: np.ndarray, timestamps_ms: np.ndarray, rows: slice
) -> Columns:
    """Some steps of all series, step by step, as a trainer sends them."""
    keys = list(series) * len(steps)
    values = np.column_stack([values[rows] for values in series.values()]).ravel()
    width = len(series)
    repeated: Sequence[list[int]] = [
        np.repeat(column, width).tolist() for column in (steps, timestamps_ms)
    ]
    return Columns.of(keys, repeated[0], repeated[1], values.tolist())


def print_sizes(rig: Rig, before_bytes: int, points: int) -> None:
    """Bytes a point, of the whole file and of what is in use in it."""
    rig.compaction.shrink(keep_pages=0)
    with rig.database.write() as tx:
        free = tx.driver("PRAGMA freelist_count").scalar_one()
        page_bytes = tx.driver("PRAGMA page_size").scalar_one()
    with rig.database.read() as tx:
        chunk_bytes = tx.driver("SELECT sum(length(payload)) FROM metric_chunks").scalar_one()
    # Closing brings the write-ahead log into the file.
    rig.close()
    grown = rig.size_bytes() - before_bytes
    print(f"file                                   {grown / points:14.2f} bytes a point")
    print(f"of that free pages                {free * page_bytes / points:14.2f} bytes a point")
    print(f"payload of chunks                 {chunk_bytes / points:14.2f} bytes a point")


def print_reads(rig: Rig) -> None:
    """A history of 100,000 points and a chart of it."""
    print()
    steps, timestamps_ms = training_clock(100_000)
    values = np.cumsum(np.random.default_rng(SEED).normal(0, 1, 100_000))
    run_pk, long_id = rig.new_run()
    for start in range(0, 100_000, 10_000):
        rows = slice(start, start + 10_000)
        keys = ["loss"] * 10_000
        columns = Columns.of(
            keys, steps[rows].tolist(), timestamps_ms[rows].tolist(), values[rows].tolist()
        )
        rig.ingest.submit_sync(rig.context, long_id, columns)
    for state in ("as it came", "packed"):
        history_s = best_of(lambda: rig.metrics.history_wire(rig.context, long_id, "loss"))
        chart_s = best_of(lambda: rig.metrics.buckets(rig.context, [long_id], ["loss"], 320))
        pages_s = best_of(lambda: read_pages(rig, long_id))
        print(
            f"100,000 points, {state:11} binary {history_s * 1e3:.2f} ms, 320 buckets "
            f"{chart_s * 1e3:.2f} ms, four pages of 25,000 {pages_s * 1e3:.2f} ms"
        )
        rig.compaction.compact_run(run_pk, is_idle=True)


def read_pages(rig: Rig, run_id: str) -> int:
    """The whole series as MLflow's client reads it."""
    token, points = None, 0
    while True:
        page = rig.metrics.history_page(
            rig.context, run_id, "loss", max_results=25_000, page_token=token
        )
        points += page.points.row_count
        token = page.next_token
        if token is None:
            return points


def now_ms() -> int:
    """Epoch milliseconds."""
    return time.time_ns() // 1_000_000


if __name__ == "__main__":
    main()
