"""A page that watches a run over a real connection."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import httpx2

from tests.support.server import LiveServer

GRACE_S = 8


def test_a_watcher_sees_points_and_does_not_keep_the_server(tmp_path: Path) -> None:
    """Points arrive while they are logged; a server that stops ends the stream and does not wait."""
    with LiveServer(tmp_path / "data") as server:
        run = httpx2.post(f"{server.url}/api/v1/runs", json={"experiment": "watched"}).json()
        path = f"{server.url}/api/v1/runs/{run['run_id']}"
        lines: list[str] = []
        opened, shown = threading.Event(), threading.Event()

        def watch() -> None:
            with httpx2.stream("GET", f"{path}/events", timeout=60) as answer:
                for line in answer.iter_lines():
                    lines.append(line)
                    opened.set()
                    if line.startswith("data: "):
                        shown.set()

        watcher = threading.Thread(target=watch)
        watcher.start()
        assert opened.wait(30)
        points: list[list[Any]] = [["loss", 0.5, 1, 1_000], ["loss", "NaN", 2, 1_001]]
        assert httpx2.post(f"{path}/batch", json={"points": points}).json() == {}
        assert shown.wait(30)
        began = time.monotonic()
        server.stop()
        watcher.join(30)

    assert time.monotonic() - began < GRACE_S
    assert 'data: {"points":[["loss",0.5,1,1000],["loss","NaN",2,1001]]}' in lines
