"""The work that is compared: the same requests of MLflow's wire, sent to every server in turn."""

from __future__ import annotations

import itertools
import json
import math
import random
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from bench.load import Connection, Script, request_bytes, run_many, run_one, run_scripts
from bench.servers import Server

API = "/api/2.0/mlflow"
RUNS = 2_000
HISTORY_POINTS = 100_000
REQUESTS_A_RUN = 3
PAGE = 25_000
"""What the real client asks for at a time."""


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the table: `better` says whether more or less of `unit` is wanted."""

    name: str
    unit: str
    better: str
    goal: str
    measure: Callable[[Bench], float]


@dataclass
class Bench:
    """One server under measurement, and what has been put into it."""

    server: Server
    seconds: float
    connection: Connection = field(init=False)
    experiment: str = ""
    search_experiment: str = ""
    history_run: str = ""
    artifact_path: str = ""

    def __post_init__(self) -> None:
        self.connection = Connection(self.server.port)
        made = self.call("experiments/create", {"name": "bench"})
        self.experiment = made["experiment_id"]

    def call(self, path: str, body: Any) -> Any:
        """One POST of the tracking API."""
        return self.connection.call("POST", f"{API}/{path}", body)

    def new_run(self, experiment: str = "", **fields: Any) -> str:
        """A fresh run's id."""
        body = self.run_fields(experiment, **fields)
        return str(self.call("runs/create", body)["run"]["info"]["run_id"])

    def run_fields(self, experiment: str = "", **fields: Any) -> dict[str, Any]:
        """What a new run is made of."""
        return {"experiment_id": experiment or self.experiment, "start_time": now_ms(), **fields}


def now_ms() -> int:
    """Epoch milliseconds."""
    return time.time_ns() // 1_000_000


def _log_metric(run: str, step: int) -> bytes:
    body = {
        "run_id": run,
        "key": "loss",
        "value": 1 / (step + 1),
        "timestamp": now_ms(),
        "step": step,
    }
    return request_bytes("POST", f"{API}/runs/log-metric", body)


def log_metric_alone(bench: Bench) -> float:
    """log-metric requests per second, one connection."""
    run = bench.new_run()
    requests = (_log_metric(run, step) for step in itertools.count())
    return run_one(bench.server.port, requests, bench.seconds).per_second


def log_metric_together(bench: Bench) -> float:
    """log-metric requests per second, 16 connections into 16 runs."""
    runs = [bench.new_run() for _ in range(16)]
    return run_many(
        bench.server.port, 16, lambda i: _log_metric(runs[i % 16], i // 16), bench.seconds
    ).per_second


def _batches(run: str, keys: int) -> Iterator[bytes]:
    per_key = 1_000 // keys
    for first in itertools.count(0, per_key):
        metrics = [
            {
                "key": f"train/metric_{key}",
                "value": math.exp(-step / 5_000) + random.random() / 100,  # noqa: S311
                "timestamp": now_ms(),
                "step": step,
            }
            for step in range(first, first + per_key)
            for key in range(keys)
        ]
        yield request_bytes("POST", f"{API}/runs/log-batch", {"run_id": run, "metrics": metrics})


def log_batch(bench: Bench) -> float:
    """Points per second in log-batch requests of 1,000 metrics (10 keys, 100 steps)."""
    timing = run_one(bench.server.port, _prepared(bench.new_run(), 10), bench.seconds)
    return timing.per_second * 1_000


def log_batch_together(bench: Bench) -> float:
    """The same from 16 connections into 16 runs."""
    bodies = [_prepared(bench.new_run(), 10, 60) for _ in range(16)]
    scripts = [_script(requests) for requests in bodies]
    return run_scripts(bench.server.port, scripts, bench.seconds).per_second * 1_000


def _script(requests: Iterator[bytes]) -> Script:
    for request in requests:  # noqa: UP028 - an iterator cannot be sent the answers
        yield request


def log_batch_wide(bench: Bench) -> float:
    """Points per second in log-batch requests of 1,000 metrics with 1,000 keys."""
    timing = run_one(bench.server.port, _prepared(bench.new_run(), 1_000), bench.seconds)
    return timing.per_second * 1_000


def _prepared(run: str, keys: int, count: int = 500) -> Iterator[bytes]:
    # Prepared before the clock starts, so that the generator's JSON is not what is measured.
    return iter(list(itertools.islice(_batches(run, keys), count)))


def create_and_log(bench: Bench) -> float:
    """Runs per second: create, one batch of 10 params and 6 metrics, finish."""
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < bench.seconds:
        fill_run(bench, bench.new_run(), count)
        count += 1
    return count / (time.perf_counter() - began)


def create_and_log_together(bench: Bench) -> float:
    """The same from 16 connections."""
    scripts = [_sweep(bench, number) for number in range(16)]
    timing = run_scripts(bench.server.port, scripts, bench.seconds)
    return timing.per_second / REQUESTS_A_RUN


def _sweep(bench: Bench, first: int) -> Script:
    for number in itertools.count(first, 16):
        made = yield _post("runs/create", bench.run_fields())
        run = json.loads(made)["run"]["info"]["run_id"]
        yield _post("runs/log-batch", {"run_id": run, **run_data(number)})
        yield _post("runs/update", {"run_id": run, "status": "FINISHED", "end_time": now_ms()})


def _post(path: str, body: Any) -> bytes:
    return request_bytes("POST", f"{API}/{path}", body)


def fill_run(bench: Bench, run: str, number: int) -> None:
    """The params and metrics of a run of a sweep, then its end."""
    bench.call("runs/log-batch", {"run_id": run, **run_data(number)})
    bench.call("runs/update", {"run_id": run, "status": "FINISHED", "end_time": now_ms()})


def run_data(number: int) -> dict[str, Any]:
    """10 params, 6 metrics and a tag that differ from run to run."""
    picked = random.Random(number)  # noqa: S311
    params = [{"key": f"param_{i}", "value": str(picked.randrange(20))} for i in range(10)]
    metrics = [
        {"key": f"metric_{i}", "value": picked.random(), "timestamp": now_ms(), "step": 100}
        for i in range(6)
    ]
    tags = [{"key": "team", "value": f"team-{number % 4}"}]
    return {"params": params, "metrics": metrics, "tags": tags}


def _search_body(bench: Bench, **fields: Any) -> dict[str, Any]:
    return {"experiment_ids": [bench.search_experiment], **fields}


def search(bench: Bench) -> float:
    """Median milliseconds of a search by metric, param and tag, ordered by a metric."""
    _fill_search(bench)
    body = _search_body(
        bench,
        filter="metrics.metric_0 > 0.2 and params.param_0 = '7' and tags.team = 'team-1'",
        order_by=["metrics.metric_1 DESC"],
        max_results=100,
    )
    assert bench.call("runs/search", body)["runs"]
    return _median_ms(lambda: bench.call("runs/search", body), 15)


def page_of_runs(bench: Bench) -> float:
    """Median milliseconds of a page of 1,000 whole runs."""
    _fill_search(bench)
    body = _search_body(bench, max_results=1_000)
    assert len(bench.call("runs/search", body)["runs"]) == 1_000
    return _median_ms(lambda: bench.call("runs/search", body), 7)


def _fill_search(bench: Bench) -> None:
    if bench.search_experiment:
        return
    name = {"name": "search"}
    bench.search_experiment = str(bench.call("experiments/create", name)["experiment_id"])
    if bench.server.name == "mlflow":
        # Through its own API this takes minutes; the rows are the ones that the API writes.
        from bench.stock import fill_runs

        fill_runs(bench.server.data / "mlflow.db", bench.search_experiment, RUNS)
        return
    for number in range(RUNS):
        fill_run(bench, bench.new_run(bench.search_experiment), number)


def history(bench: Bench) -> float:
    """Median milliseconds for 100,000 points of one metric through the paged API."""
    run = bench.new_run()
    for first in range(0, HISTORY_POINTS, 1_000):
        metrics = [
            {"key": "loss", "value": math.exp(-s / 30_000), "timestamp": now_ms(), "step": s}
            for s in range(first, first + 1_000)
        ]
        bench.call("runs/log-batch", {"run_id": run, "metrics": metrics})
    bench.history_run = run
    return _median_ms(lambda: _read_history(bench, run), 3)


def _read_history(bench: Bench, run: str) -> None:
    token, count = "", 0
    while True:
        path = f"{API}/metrics/get-history?run_id={run}&metric_key=loss&max_results={PAGE}"
        page = bench.connection.call("GET", path + (f"&page_token={token}" if token else ""))
        count += len(page["metrics"])
        token = page.get("next_page_token", "")
        if not token:
            break
    assert count == HISTORY_POINTS, count


def chart(bench: Bench) -> float:
    """Median milliseconds for 320 points of a 100,000-point series."""
    if not bench.history_run:
        history(bench)
    path = (
        "/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval"
        f"?run_ids={bench.history_run}&metric_key=loss&max_results=320"
    )
    assert bench.connection.call("GET", path)["metrics"]
    return _median_ms(lambda: bench.connection.call("GET", path), 9)


def alias_move(bench: Bench) -> float:
    """Median milliseconds of a durable move of an unprotected alias."""
    run = bench.new_run()
    lineage = ("base", "dataset_version", "code_commit", "lr")
    params = [{"key": key, "value": "x"} for key in lineage]
    bench.call(
        "runs/log-batch", {"run_id": run, "params": [*params, {"key": "seed", "value": "1"}]}
    )
    path = f"/api/2.0/mlflow-artifacts/artifacts/{bench.experiment}/{run}/artifacts/adapter/w.bin"
    _put(bench, path, b"x")
    bench.call("registered-models/create", {"name": "bench-model"})
    for _ in range(2):
        body = {"name": "bench-model", "source": f"runs:/{run}/adapter", "run_id": run}
        if bench.server.name == "mlflow":
            body["source"] = f"mlflow-artifacts:/{bench.experiment}/{run}/artifacts/adapter"
        bench.call("model-versions/create", body)
    versions = itertools.cycle(("1", "2"))

    def move() -> None:
        body = {"name": "bench-model", "alias": "candidate", "version": next(versions)}
        bench.call("registered-models/alias", body)

    return _median_ms(move, 15)


def _put(bench: Bench, path: str, content: bytes) -> None:
    head = f"PUT {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(content)}\r\n\r\n"
    status, answer = bench.connection.send(head.encode() + content)
    if status != 200:
        msg = f"PUT of an artifact answered {status}: {answer[:200]!r}"
        raise RuntimeError(msg)


def artifact_put(bench: Bench) -> float:
    """MiB per second of a 256 MiB upload."""
    piece = random.Random(0).randbytes(1 << 20)  # noqa: S311
    content = piece * 256
    run = bench.new_run()
    path = f"/api/2.0/mlflow-artifacts/artifacts/{bench.experiment}/{run}/artifacts/weights.bin"
    began = time.perf_counter()
    _put(bench, path, content)
    taken = time.perf_counter() - began
    bench.artifact_path = path
    return 256 / taken


def artifact_get(bench: Bench) -> float:
    """MiB per second of its download."""
    if not bench.artifact_path:
        msg = "nothing was uploaded"
        raise RuntimeError(msg)
    began = time.perf_counter()
    status, content = bench.connection.send(request_bytes("GET", bench.artifact_path))
    taken = time.perf_counter() - began
    assert status == 200
    assert len(content) == 256 << 20
    return 256 / taken


def start_up(bench: Bench) -> float:
    """Seconds from the command to the first answer of /health."""
    return bench.server.ready_after_s


def memory(bench: Bench) -> float:
    """MiB of memory (proportional set size of all processes) before any load."""
    return bench.server.memory_bytes()[0] / (1 << 20)


def _median_ms(act: Callable[[], Any], times: int) -> float:
    act()
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        act()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1000


CASES = (
    Case("start to ready", "s", "less", "≤ 1.5 s", start_up),
    Case("idle memory", "MiB", "less", "≤ 150 MiB", memory),
    Case("log-metric, 1 connection", "req/s", "more", "", log_metric_alone),
    Case("log-metric, 16 connections", "req/s", "more", "≥ 30 x, 2 x", log_metric_together),
    Case("log-batch of 1,000 (10 keys)", "points/s", "more", "≥ 80 x, 10 x", log_batch),
    Case("log-batch of 1,000, 16 connections", "points/s", "more", "", log_batch_together),
    Case("log-batch of 1,000 (1,000 keys)", "points/s", "more", "", log_batch_wide),
    Case("create + log a run, 1 connection", "runs/s", "more", "≥ 60 x, 2 x", create_and_log),
    Case("create + log, 16 connections", "runs/s", "more", "≥ 60 x, 2 x", create_and_log_together),
    Case("search of 2,000 runs", "ms", "less", "≤ 5 ms", search),
    Case("page of 1,000 whole runs", "ms", "less", "≤ 60 ms", page_of_runs),
    Case("history of 100,000 points", "ms", "less", "≤ 200 ms", history),
    Case("chart sample, 320 of 100,000", "ms", "less", "≤ 10 ms", chart),
    Case("alias move, durable", "ms", "less", "≤ 10 ms", alias_move),
    Case("artifact PUT, 256 MiB", "MiB/s", "more", "≥ 3 x", artifact_put),
    Case("artifact GET, 256 MiB", "MiB/s", "more", "≥ 3 x", artifact_get),
)
