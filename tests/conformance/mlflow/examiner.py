"""The other side of a promotion, spoken natively: suites, gates, and a gate runner that hands in rows."""

import io
import json
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from assay.bundles.archive import pack
from assay.bundles.suite_folder import read_suite_folder
from tests.support.server import LiveServer
from tests.support.suite_folders import ITEMS, write_suite


class Examiner:
    """Speaks the native API as the owner of the machine, and as its gate runner."""

    def __init__(self, server: LiveServer) -> None:
        self._server = server

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = "application/x-tar" if isinstance(body, bytes) else "application/json"
        request = Request(
            f"{self._server.url}/api/v1{path}",
            data=None if body is None else data,
            method=method,
            headers={"content-type": kind, **headers},
        )
        with urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def a_gate(self, folder: Path, model: str, threshold: float = 0.5) -> str:
        """A gate named `exam` for one model, on a suite of three questions."""
        archive = io.BytesIO()
        pack(read_suite_folder(write_suite(folder / "suite")), archive)
        suite = self.ask("POST", "/suites", archive.getvalue())
        spec = {"suite": suite["fingerprint"], "metric": "accuracy", "threshold": threshold}
        self.ask("POST", "/gates", {"name": f"exam-{model}", "model": model, "spec": spec})
        return f"exam-{model}"

    def examine(self, model: str, right: int) -> str:
        """Lease the model's exam that waits and hand in `right` right answers; the outcome."""
        runner = {"authorization": f"Bearer {self._server.token('gate-runner')}"}
        while True:
            lease = self.ask("POST", "/gate-runs/lease", {"seconds": 60}, **runner)["lease"]
            assert lease is not None, f"no exam of {model} waits"
            if lease["gate_run"]["model"] == model:
                break
        rows = [
            {"item_id": item["id"], "metrics": {"accuracy": int(place < right)}}
            for place, item in enumerate(ITEMS)
        ]
        proof = {"nonce": lease["nonce"], "fence": lease["fence"]}
        path = f"/gate-runs/{lease['gate_run']['gate_run_id']}/rows"
        outcome: str = self.ask("POST", path, {**proof, "rows": rows}, **runner)["outcome"]
        return outcome

    def version(self, model: str, version: int | str = 1) -> dict[str, Any]:
        """What the native API knows of a version, its fingerprint among it."""
        found: dict[str, Any] = self.ask("GET", f"/models/{model}/versions/{version}")
        return found
