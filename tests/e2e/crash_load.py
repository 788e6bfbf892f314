"""What goes on while the server is being killed: three workers that remember what was acknowledged.

Each repeats a request that got no answer until it gets one, as any client would, and so learns that
repeating changes nothing.
"""

from __future__ import annotations

import hashlib
import io
import json
import random
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from assay.bundles.archive import pack
from assay.bundles.suite_folder import read_suite_folder
from assay.sdk.client import Client, file_path
from assay.sdk.errors import ServerUnreachable
from tests.support.server import LiveServer
from tests.support.suite_folders import write_suite

ITEMS = 200
POINTS = 25
MODEL = "digits"
LINEAGE = {
    "data_version": "sha256:0",
    "code_commit": "0" * 40,
    "config": {"lr": 1e-05},
    "base_model": "base",
    "seed": 1,
}

T = TypeVar("T")


@dataclass
class Load:
    """The workers and what the server has acknowledged to them."""

    server: LiveServer
    stop: threading.Event = field(default_factory=threading.Event)
    up: threading.Event = field(default_factory=threading.Event)
    acknowledged: int = 0
    batches: int = 0
    files: dict[str, str] = field(default_factory=dict)
    promotions: list[tuple[int, int]] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)
    run_id: str = "a" * 32
    _news: threading.Condition = field(default_factory=threading.Condition)
    _threads: list[threading.Thread] = field(default_factory=list)
    _clients: list[Client] = field(default_factory=list)

    def client(self, token: str | None = None) -> Client:
        """A client that gives up at once: the workers decide what is repeated."""
        made = Client(self.server.url, token, retries=0, timeout_s=30)
        self._clients.append(made)
        return made

    def set_up(self) -> None:
        """A run, and a gate that every version passes with the score that it is given."""
        client = self.client()
        client.post("/runs", {"experiment": "crash", "run_id": self.run_id, "lineage": LINEAGE})
        items = [{"id": f"{i:04d}", "input": i, "reference": i} for i in range(ITEMS)]
        with tempfile.TemporaryDirectory() as folder:
            bundle = io.BytesIO()
            pack(read_suite_folder(write_suite(Path(folder) / "suite", items=items)), bundle)
        suite = client.request("POST", "/suites", content=bundle.getvalue()).json
        spec = {
            "suite": suite["fingerprint"],
            "metric": "accuracy",
            "direction": "maximize",
            "threshold": 0,
        }
        client.post("/gates", {"name": "exam", "spec": spec})
        self.up.set()

    def begin(self) -> None:
        """Start the workers."""
        for work in (self._log_metrics, self._put_files, self._promote):
            thread = threading.Thread(target=self._guard, args=(work,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def wait_for(self, more: int) -> None:
        """Return after so many more acknowledgements, or as soon as a worker failed."""
        with self._news:
            wanted = self.acknowledged + more
            self._news.wait_for(lambda: self.acknowledged >= wanted or self.failures, timeout=60)
        if self.failures:
            raise self.failures[0]

    def end(self) -> None:
        """Let the workers finish what they are at."""
        self.stop.set()
        self.up.set()
        for thread in self._threads:
            thread.join(60)
        for client in self._clients:
            client.close()
        if self.failures:
            raise self.failures[0]

    def _guard(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - told to the thread that waits
            with self._news:
                self.failures.append(error)
                self._news.notify_all()

    def _insist(self, act: Callable[[], T]) -> T:
        """Repeat until there is an answer; a server that is down is waited for."""
        while True:
            self.up.wait(60)
            try:
                answer = act()
            except ServerUnreachable:
                continue
            with self._news:
                self.acknowledged += 1
                self._news.notify_all()
            return answer

    def _log_metrics(self) -> None:
        client = self.client()
        while not self.stop.is_set():
            first = self.batches * POINTS
            points = [["loss", 1 / (step + 1), step, step] for step in range(first, first + POINTS)]
            body = {"writer": "worker", "sequence": self.batches + 1, "points": points}
            self._insist(lambda body=body: client.post(f"/runs/{self.run_id}/batch", body))  # type: ignore[misc]
            self.batches += 1

    def _put_files(self) -> None:
        client, picked = self.client(), random.Random(1)
        for number in range(10**6):
            if self.stop.is_set():
                return
            content = picked.randbytes(picked.randrange(1, 200_000))
            name = f"files/{number % 50:02d}.bin"
            path = f"/runs/{self.run_id}/files/{file_path(name)}"
            self._insist(
                lambda path=path, content=content: client.request("PUT", path, content=content)  # type: ignore[misc]
            )
            self.files[name] = hashlib.sha256(content).hexdigest()

    def _promote(self) -> None:
        client, runner = self.client(), self.client(self.server.token("gate-runner"))
        for right in range(1, ITEMS + 1):
            if self.stop.is_set():
                return
            version = self._a_scored_version(client, runner, right)
            body = {"version": version}
            move = self._insist(
                lambda client=client, body=body, right=right: (
                    client.request(  # type: ignore[misc]
                        "POST",
                        f"/models/{MODEL}/promote",
                        json=body,
                        headers={"Idempotency-Key": f"promotion-{right}"},
                    ).json
                )
            )
            self.promotions.append((move["revision"], version))

    def _a_scored_version(self, client: Client, runner: Client, right: int) -> int:
        name = f"candidates/{right}/answers.json"
        path = f"/runs/{self.run_id}/files/{file_path(name)}"
        content = json.dumps({"right": right}).encode()
        self._insist(lambda: client.request("PUT", path, content=content))
        made = self._insist(
            lambda: (
                client.request(
                    "POST",
                    f"/models/{MODEL}/versions",
                    json={"run_id": self.run_id, "artifact_path": f"candidates/{right}"},
                    headers={"Idempotency-Key": f"version-{right}"},
                ).json
            )
        )
        version = int(made["version"])
        body = {"model": MODEL, "version": version}
        while True:
            asked = self._insist(lambda: client.post("/gate-runs", body))
            if asked["verdict"] is not None and asked["verdict"]["outcome"] == "pass":
                return version
            self._examine(runner, right)

    def _examine(self, runner: Client, right: int) -> None:
        lease: dict[str, Any] | None = self._insist(
            lambda: runner.post("/gate-runs/lease", {"seconds": 5})
        )["lease"]
        if lease is None:
            # The answer to an earlier lease was lost with the server; it comes back when it expires.
            self.stop.wait(0.2)
            return
        rows = [
            {"item_id": f"{i:04d}", "metrics": {"accuracy": int(i < right)}} for i in range(ITEMS)
        ]
        body = {"nonce": lease["nonce"], "fence": lease["fence"], "rows": rows}
        path = f"/gate-runs/{lease['gate_run']['gate_run_id']}/rows"
        try:
            runner.post(path, body)
        except ServerUnreachable:
            # Written or not: asking for the exam again tells.
            return
