"""How cost grows with runs, keys and points: `python -m bench.scale [--runs N] [--seconds S]`.

One server with default settings lives through all of it, and its memory is looked at all the while.
The runs are filled in before it starts, through the services in this process: the same checks and
the same transactions as through HTTP, without the sockets. Everything else is asked over HTTP.
"""

from __future__ import annotations

import argparse
import itertools
import math
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assay.domain.metric import MetricPoint
from assay.domain.tracking import DEFAULT_WORKSPACE, RunStatus
from assay.server.bootstrap import open_data, open_services
from assay.server.settings import Settings
from assay.services.assembly import Services
from assay.services.context import Context
from bench.cases import API, now_ms, run_data
from bench.load import Connection, request_bytes, run_many
from bench.servers import Server, start_assay

MEBIBYTE = 1 << 20
PAGE = 100
DEEP_PAGE = 50
KEYS = 10_000
POINTS = 1_000_000
CLIENTS = 200
FILTER = "metrics.metric_0 > 0.2 and params.param_0 != '7' and tags.team = 'team-1'"
BEGAN_AT_MS = 1_760_000_000_000
WATCH_S = 0.2
COMPACTED_AFTER_S = 45
"""A run is compacted to the end once nothing came for 30 s."""


@dataclass
class Report:
    """Rows of the tables, and the most memory that the server had in each phase."""

    server: Server
    rows: list[tuple[str, str]] = field(default_factory=list)
    peaks: list[tuple[str, int]] = field(default_factory=list)

    def add(self, what: str, figure: str) -> None:
        """Note a figure, and say it at once."""
        self.rows.append((what, figure))
        sys.stderr.write(f"{what}: {figure}\n")

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Look at the server's memory until the phase ends."""
        ended = threading.Event()
        most = 0

        def watch() -> None:
            nonlocal most
            while True:
                most = max(most, self.server.memory_bytes()[0])
                if ended.wait(WATCH_S):
                    return

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()
            self.peaks.append((name, most))


def main() -> None:
    """Fill, measure, print markdown."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("--runs", type=int, default=100_000, help="runs of the largest search")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long the clients come")
    options = parser.parse_args()
    sizes = sorted({max(options.runs // 100, 1), max(options.runs // 10, 1), options.runs})
    with tempfile.TemporaryDirectory(prefix="assay-scale-") as name:
        folder = Path(name)
        experiments, filled_s = fill(folder / "assay", sizes)
        server = start_assay(folder)
        try:
            report = Report(server)
            report.add(
                f"filling {sum(sizes):,} runs through the services",
                f"{filled_s:,.0f} s, {sum(sizes) / filled_s:,.0f} runs/s",
            )
            report.add("start to ready with them", f"{server.ready_after_s:.2f} s")
            connection = Connection(server.port)
            growth = [searches(report, connection, size, experiments[size]) for size in sizes]
            wide_run(report, connection)
            long_series(report, connection, folder / "assay" / "assay.db")
            crowd(report, connection, options.seconds)
        finally:
            server.stop()
    print_tables(report, growth)


def fill(data: Path, sizes: list[int]) -> tuple[dict[int, str], float]:
    """An experiment for each size, with so many runs of 10 params, 6 metrics and a tag."""
    lock = open_data(data)
    services = open_services(Settings(data=data))
    services.start()
    try:
        context = _context(services)
        began = time.perf_counter()
        experiments = {}
        for size in sizes:
            made = services.experiments.create(context, f"search-{size}")
            experiments[size] = made.experiment_id
            with ThreadPoolExecutor(8) as pool:
                work = pool.map(
                    lambda number, place=made.experiment_id: _fill_run(services, place, number),
                    range(size),
                )
                for number, _ in enumerate(work, 1):
                    if number % 10_000 == 0:
                        sys.stderr.write(f"filled {number:,} of {size:,} runs\n")
        return experiments, time.perf_counter() - began
    finally:
        services.close()
        services.platform.database.close()
        lock.close()


def _fill_run(services: Services, experiment_id: str, number: int) -> None:
    data, context = run_data(number), _context(services)
    made = services.runs.create(
        context,
        experiment_id=experiment_id,
        name=f"run-{number}",
        status=RunStatus.FINISHED,
        ended_at_ms=context.now_ms,
        params={param["key"]: param["value"] for param in data["params"]},
        tags={tag["key"]: tag["value"] for tag in data["tags"]},
    )
    points = [
        MetricPoint(each["key"], each["value"], each["timestamp"], each["step"])
        for each in data["metrics"]
    ]
    services.ingest.submit_sync(context, made.run.run_id, points)


def _context(services: Services) -> Context:
    return Context(services.auth.authenticate(None), DEFAULT_WORKSPACE, "bench", now_ms())


def searches(report: Report, connection: Connection, size: int, experiment: str) -> list[str]:
    """Milliseconds of the first page, of page 50, of an ordinary listing, and of one more run."""
    body = {
        "experiment_ids": [experiment],
        "filter": FILTER,
        "order_by": ["metrics.metric_1 DESC"],
        # About 19 runs of 100 match: small enough that there is a page 50.
        "max_results": min(max(size // 350, 1), PAGE),
    }
    with report.phase(f"search of {size:,} runs"):
        first_ms = median_ms(lambda: search(connection, body))
        token = ""
        for _ in range(DEEP_PAGE - 1):
            token = search(connection, {**body, "page_token": token}).get("next_page_token", token)
        deep = {**body, "page_token": token}
        assert search(connection, deep)["runs"]
        deep_ms = median_ms(lambda: search(connection, deep))
        listing = {"experiment_ids": [experiment], "max_results": min(1_000, size)}
        page_ms = median_ms(lambda: search(connection, listing))
        made = {"experiment_id": experiment, "start_time": now_ms()}
        create_ms = median_ms(lambda: connection.call("POST", f"{API}/runs/create", made))
    figures = (first_ms, deep_ms, page_ms, create_ms)
    report.add(f"search of {size:,}", ", ".join(f"{figure:.1f} ms" for figure in figures))
    return [f"{size:,}", str(body["max_results"]), *(f"{figure:.1f}" for figure in figures)]


def search(connection: Connection, body: dict[str, Any]) -> Any:
    """One runs/search."""
    return connection.call("POST", f"{API}/runs/search", body)


def wide_run(report: Report, connection: Connection) -> None:
    """One run with 10,000 metric keys."""
    with report.phase(f"a run of {KEYS:,} keys"):
        run = new_run(connection)
        began = time.perf_counter()
        for first in range(0, KEYS, 1_000):
            log_batch(connection, run, [(f"key/{key}", 1) for key in range(first, first + 1_000)])
        report.add(f"log {KEYS:,} keys of one run", _ms(time.perf_counter() - began))
        began = time.perf_counter()
        for first in range(0, KEYS, 1_000):
            log_batch(connection, run, [(f"key/{key}", 2) for key in range(first, first + 1_000)])
        report.add("log the same keys again", _ms(time.perf_counter() - began))
        path = f"{API}/runs/get?run_id={run}"
        assert len(connection.call("GET", path)["run"]["data"]["metrics"]) == KEYS
        report.add("get that run", f"{median_ms(lambda: connection.call('GET', path)):.1f} ms")
        path = f"{API}/metrics/get-history?run_id={run}&metric_key=key/5000"
        assert len(connection.call("GET", path)["metrics"]) == 2
        report.add(
            "read one of its histories", f"{median_ms(lambda: connection.call('GET', path)):.1f} ms"
        )


def long_series(report: Report, connection: Connection, database: Path) -> None:
    """One series of 1,000,000 points: written, read in three ways, weighed."""
    with report.phase(f"a series of {POINTS:,} points, written"):
        before = _disk_bytes(database)
        run = new_run(connection)
        began = time.perf_counter()
        for first in range(0, POINTS, 1_000):
            log_batch(connection, run, [("loss", step) for step in range(first, first + 1_000)])
        taken = time.perf_counter() - began
        report.add(f"log {POINTS:,} points", f"{taken:.1f} s, {POINTS / taken:,.0f} points/s")
    with report.phase(f"a series of {POINTS:,} points, read"):
        binary = f"/api/v1/runs/{run}/history?key=loss&format=binary"
        size = len(_get(connection, binary))
        report.add(
            f"history, binary ({size / MEBIBYTE:.0f} MiB)",
            f"{median_ms(lambda: _get(connection, binary)):.0f} ms",
        )
        began = time.perf_counter()
        assert paged(connection, run) == POINTS
        report.add("history, MLflow's pages of 25,000", _ms(time.perf_counter() - began))
        body = {"run_ids": [run], "keys": ["loss"], "buckets": 320}
        report.add(
            "320 buckets",
            f"{median_ms(lambda: connection.call('POST', '/api/v1/runs/buckets', body)):.1f} ms",
        )
    with report.phase("compaction, idle"):
        time.sleep(COMPACTED_AFTER_S)
    grown = _disk_bytes(database) - before
    report.add("bytes a point on disk, that series", f"{grown / POINTS:.2f}")
    _get(connection, binary)
    report.add(
        "320 buckets, compacted",
        f"{median_ms(lambda: connection.call('POST', '/api/v1/runs/buckets', body)):.1f} ms",
    )


def paged(connection: Connection, run: str) -> int:
    """All points of a series through MLflow's pages."""
    token, count = "", 0
    while True:
        path = f"{API}/metrics/get-history?run_id={run}&metric_key=loss&max_results=25000"
        page = connection.call("GET", path + (f"&page_token={token}" if token else ""))
        count += len(page["metrics"])
        token = page.get("next_page_token", "")
        if not token:
            return count


def crowd(report: Report, connection: Connection, seconds: float) -> None:
    """200 clients that log, each into its own run, one request after the other."""
    runs = [new_run(connection) for _ in range(CLIENTS)]

    def request(number: int) -> bytes:
        point = {"key": "loss", "value": 1 / number, "timestamp": now_ms(), "step": number}
        return request_bytes(
            "POST", f"{API}/runs/log-metric", {"run_id": runs[number % CLIENTS], **point}
        )

    with report.phase(f"{CLIENTS} clients"):
        timing = run_many(report.server.port, CLIENTS, request, seconds)
    report.add(
        f"{CLIENTS} clients for {seconds:.0f} s",
        f"{timing.per_second:,.0f} requests/s, p50 {timing.median_ms:.0f} ms,"
        f" p99 {timing.p99_ms:.0f} ms, 0 errors in {timing.requests:,}",
    )


def new_run(connection: Connection) -> str:
    """A run in the default experiment."""
    body = {"experiment_id": "0", "start_time": now_ms()}
    return str(connection.call("POST", f"{API}/runs/create", body)["run"]["info"]["run_id"])


def log_batch(connection: Connection, run: str, points: list[tuple[str, int]]) -> None:
    """One request with a point for each (key, step)."""
    metrics = [
        {"key": key, "value": loss(step), "timestamp": BEGAN_AT_MS + 100 * step, "step": step}
        for key, step in points
    ]
    connection.call("POST", f"{API}/runs/log-batch", {"run_id": run, "metrics": metrics})


def loss(step: int) -> float:
    """A falling curve with the noise of a real one in all of its digits."""
    return math.exp(-step / 300_000) * (1 + random.gauss(0, 0.02))


def median_ms(act: Callable[[], Any], times: int = 9) -> float:
    """Median milliseconds, after one that does not count."""
    act()
    taken = []
    for _ in itertools.repeat(None, times):
        began = time.perf_counter()
        act()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1_000


def _get(connection: Connection, path: str) -> bytes:
    status, content = connection.send(request_bytes("GET", path))
    if status != 200:
        msg = f"GET {path} answered {status}: {content[:300]!r}"
        raise RuntimeError(msg)
    return content


def _ms(seconds: float) -> str:
    return f"{seconds * 1_000:,.0f} ms"


def _disk_bytes(database: Path) -> int:
    # What the database holds: free pages are used again, and the log is emptied into the file.
    import sqlite3

    with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30) as connection:
        ask = [f"PRAGMA {name}" for name in ("page_count", "freelist_count", "page_size")]
        pages, free, size = (int(connection.execute(sql).fetchone()[0]) for sql in ask)
    return (pages - free) * size


def print_tables(report: Report, growth: list[list[str]]) -> None:
    """Markdown: growth with runs, single figures, memory by phase."""
    head = ("runs", "page size", "first page, ms", f"page {DEEP_PAGE}, ms", "1,000 runs, ms")
    _print_table((*head, "create a run, ms"), growth)
    _print_table(("work", "figure"), report.rows)
    peaks = [(name, f"{size / MEBIBYTE:.0f}") for name, size in report.peaks]
    _print_table(("phase", "peak memory of the server (PSS), MiB"), peaks)


def _print_table(head: tuple[str, ...], rows: list[Any]) -> None:
    print(f"\n| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
