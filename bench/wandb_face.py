"""What W&B's client does all day, against Assay alone: no peer of its protocol can be started here.

So each case has two rows: what it took, and what it cost the server in processor time.
"""

from __future__ import annotations

import json
import math
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.cases import Bench, Case
from bench.load import Connection

ROWS = 500
KEYS = 20
SAMPLED_RUNS = 200
SAMPLED_ROWS = 500
SAMPLES = 500
LISTED_RUNS = 10_000
CREATED_AT_ONCE = 5
PAGE = 50
"""What the client asks for at a time."""

FILES = 10_000
FILE_BYTES = 200
KEY = "local0" * 7
TIMEOUT_S = 600
_UPSERT = """mutation UpsertBucket($input: UpsertBucketInput!) {
  upsertBucket(input: $input) { bucket { id name } } }"""
_SAMPLED = """query RunSampledHistory($entity: String!, $project: String!, $name: String!,
  $specs: [JSONString!]!) { project(name: $project, entityName: $entity) {
  run(name: $name) { sampledHistory(specs: $specs) } } }"""
_RUNS = """query Runs($entity: String!, $project: String!, $cursor: String, $perPage: Int) {
  project(name: $project, entityName: $entity) { runCount runs(after: $cursor, first: $perPage,
  order: "+created_at") { edges { node { id name displayName state config summaryMetrics tags
  createdAt heartbeatAt user { name username } historyKeys } cursor }
  pageInfo { endCursor hasNextPage } } } }"""
_UPLOADER = """import sys, time, wandb
run = wandb.init(project="files")
began = time.perf_counter()
art = wandb.Artifact("many", type="dataset")
art.add_dir(sys.argv[1])
run.log_artifact(art).wait()
print(time.perf_counter() - began)
run.finish()
"""


@dataclass
class Measured:
    """One case: what it took and the server's processor time, both by the case's own measure."""

    work: Callable[[Bench], tuple[float, float]]
    cpu: float | None = None

    def took(self, bench: Bench) -> float:
        """Do the work; its figure. Raises RuntimeError for a peer."""
        if bench.server.name != "assay":
            msg = "it does not speak the protocol"
            raise RuntimeError(msg)
        figure, self.cpu = self.work(bench)
        return figure

    def cost(self, bench: Bench) -> float:
        """The processor time of the work that was done just before."""
        if self.cpu is None or bench.server.name != "assay":
            msg = "it does not speak the protocol"
            raise RuntimeError(msg)
        return self.cpu


def stream_points(bench: Bench) -> tuple[float, float]:
    """Points a second in deliveries of 500 rows of 20 keys, and processor microseconds a point."""
    name = _a_run(bench, "stream")
    deadline = time.perf_counter() + bench.seconds
    began, before, row, points = time.perf_counter(), bench.server.cpu_seconds(), 0, 0
    while time.perf_counter() < deadline:
        _deliver(bench.connection, "stream", name, row, ROWS)
        row += ROWS
        points += ROWS * KEYS
    used = bench.server.cpu_seconds() - before
    return points / (time.perf_counter() - began), used / points * 1e6


def sampled_history(bench: Bench) -> tuple[float, float]:
    """Seconds for the sampled histories of 200 runs, 20 keys each, and the server's part of them."""
    names = [_a_run(bench, "sampled") for _ in range(SAMPLED_RUNS)]
    for name in names:
        _deliver(bench.connection, "sampled", name, 0, SAMPLED_ROWS)
    spec = json.dumps({"keys": ["_step", *_keys()], "samples": SAMPLES})
    began, before = time.perf_counter(), bench.server.cpu_seconds()
    for name in names:
        place = {"entity": "default", "project": "sampled", "name": name, "specs": [spec]}
        found = _ask(bench.connection, _SAMPLED, place)["project"]["run"]["sampledHistory"][0]
        _check(len(found) == min(SAMPLES, SAMPLED_ROWS), f"{len(found)} rows")
    return time.perf_counter() - began, bench.server.cpu_seconds() - before


def list_runs(bench: Bench) -> tuple[float, float]:
    """Seconds for `api.runs()` over 10,000 runs, in pages as the client takes them."""
    config = json.dumps({f"p{n}": {"value": n} for n in range(20)})
    for start in range(0, LISTED_RUNS, CREATED_AT_ONCE):
        parts, given = [], {}
        for n in range(start, start + CREATED_AT_ONCE):
            summary = json.dumps({"loss": 1 / (n + 1), "acc": n / LISTED_RUNS})
            given[f"i{n}"] = {
                "modelName": "listed",
                "entityName": "default",
                "name": f"listed{n}",
                "config": config,
                "summaryMetrics": summary,
                "state": "finished",
            }
            parts.append(f"m{n}: upsertBucket(input: $i{n}) {{ bucket {{ id }} }}")
        declared = ", ".join(f"${name}: UpsertBucketInput!" for name in given)
        _ask(bench.connection, f"mutation Many({declared}) {{ {' '.join(parts)} }}", given)
    began, before, seen = time.perf_counter(), bench.server.cpu_seconds(), 0
    cursor: str | None = None
    while True:
        place = {"entity": "default", "project": "listed", "cursor": cursor, "perPage": PAGE}
        page = _ask(bench.connection, _RUNS, place)["project"]["runs"]
        seen += len(page["edges"])
        cursor = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    _check(seen == LISTED_RUNS, f"{seen} runs")
    return time.perf_counter() - began, bench.server.cpu_seconds() - before


def many_files(bench: Bench) -> tuple[float, float]:
    """Seconds until an artifact of 10,000 small files is committed, logged by the real client."""
    with tempfile.TemporaryDirectory(prefix="assay-bench-files-") as place:
        folder = Path(place, "files")
        folder.mkdir()
        source = random.Random(7)  # noqa: S311 - the same bytes every time
        for n in range(FILES):
            (folder / f"{n}.bin").write_bytes(source.randbytes(FILE_BYTES))
        kept = {k: v for k, v in os.environ.items() if not k.startswith("WANDB_")}
        environment = {
            **kept,
            "HOME": place,
            "WANDB_API_KEY": KEY,
            "WANDB_BASE_URL": bench.server.url,
            "WANDB_DIR": place,
            "WANDB_ERROR_REPORTING": "false",
            "WANDB_SILENT": "true",
        }
        before = bench.server.cpu_seconds()
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", _UPLOADER, str(folder)],
            env=environment,
            cwd=place,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        _check(done.returncode == 0, done.stderr[-500:])
        return float(done.stdout.split()[-1]), bench.server.cpu_seconds() - before


def _a_run(bench: Bench, project: str) -> str:
    name = f"{project}{random.getrandbits(40):010x}"
    given = {"modelName": project, "name": name, "entityName": "default"}
    _ask(bench.connection, _UPSERT, {"input": given})
    return name


def _deliver(connection: Connection, project: str, name: str, first: int, count: int) -> None:
    """Rows that cost this process little to write: what is measured is the server."""
    lines = [
        f'{{"_step":{step},"_timestamp":{1_700_000_000 + step},{_VALUES[step % len(_VALUES)]}}}'
        for step in range(first, first + count)
    ]
    body = {"files": {"wandb-history.jsonl": {"offset": first, "content": lines}}}
    connection.call("POST", f"/files/default/{project}/{name}/file_stream", body)


def _keys() -> list[str]:
    return [f"train/metric_{n}" for n in range(KEYS)]


def _ask(connection: Connection, query: str, variables: dict[str, Any]) -> Any:
    answer = connection.call("POST", "/graphql", {"query": query, "variables": variables})
    _check("errors" not in answer, str(answer.get("errors"))[:500])
    return answer["data"]


def _check(is_right: bool, what: str) -> None:  # noqa: FBT001 - a fact, not a switch
    if not is_right:
        msg = f"the answer is not what was asked for: {what}"
        raise RuntimeError(msg)


_VALUES = [
    json.dumps({key: math.sin(step / 50) + n for n, key in enumerate(_keys())})[1:-1]
    for step in range(SAMPLED_ROWS)
]
_STREAM, _SAMPLE, _LIST, _MANY = (
    Measured(work) for work in (stream_points, sampled_history, list_runs, many_files)
)
CASES = (
    Case("wandb: file_stream, 20 keys", "points/s", "more", "", _STREAM.took),
    Case("wandb:   CPU of file_stream", "µs/point", "less", "", _STREAM.cost),
    Case("wandb: 200 runs x 20 keys sampled", "s", "less", "", _SAMPLE.took),
    Case("wandb:   CPU of sampling", "s of CPU", "less", "", _SAMPLE.cost),
    Case("wandb: api.runs() over 10,000", "s", "less", "", _LIST.took),
    Case("wandb:   CPU of api.runs()", "s of CPU", "less", "", _LIST.cost),
    Case("wandb: artifact of 10,000 files", "s", "less", "", _MANY.took),
    Case("wandb:   CPU of the artifact", "s of CPU", "less", "", _MANY.cost),
)
