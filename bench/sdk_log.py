"""What one `log` of ten metrics costs the training loop: `python -m bench.sdk_log`.

Each situation is measured in an interpreter of its own. With a pause between calls, as a training has
one, the processor's caches are cold and the sender works beside; the bare write of as many bytes, with
the same pause, is the yardstick for that.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.servers import start_assay

CALLS = 20_000
METRICS = 10
STEP_S = 0.0002
GOAL_US = 10.0


def report() -> None:
    """Print the table, and the cost of `import assay`."""
    print(f"\nSDK: log() of {METRICS} metrics, {CALLS:,} calls, goal {GOAL_US:.0f} µs median")
    print(f"{'situation':<28}{'median':>12}{'p99':>12}{'p99.9':>12}{'longest':>12}")
    with tempfile.TemporaryDirectory(prefix="assay-bench-") as folder:
        server = start_assay(Path(folder))
        try:
            for pause, how in ((0.0, "back to back"), (STEP_S, "with pauses")):
                _row(f"sending, {how}", _measured("log", "online", server.url, folder, pause))
                _row(
                    f"numpy scalars, {how}", _measured("numpy", "online", server.url, folder, pause)
                )
        finally:
            server.stop()
        _row("server away, back to back", _measured("log", "online", server.url, folder, 0.0))
        _row("offline, back to back", _measured("log", "offline", server.url, folder, 0.0))
        _row("bare write, back to back", _measured("write", "offline", server.url, folder, 0.0))
        _row("bare write, with pauses", _measured("write", "offline", server.url, folder, STEP_S))
    print(f"import assay{_import_ms():>28,.1f} ms")


def measure(what: str, mode: str, url: str, folder: str, pause_s: float) -> list[float]:
    """Microseconds of every call of one situation."""
    import assay

    values: dict[str, object] = {f"train/metric_{n}": n + 0.5 for n in range(METRICS)}
    if what == "numpy":
        import numpy as np

        values = {key: np.float32(value) for key, value in values.items()}
    run = assay.start_run("bench", mode=mode, url=url, spool=folder)
    handle = os.open(Path(folder) / "bare", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    content = bytes(262)
    costs = []
    for step in range(CALLS):
        begun = time.perf_counter_ns()
        if what == "write":
            os.write(handle, content)
        else:
            run.log(values, step=step)
        costs.append((time.perf_counter_ns() - begun) / 1_000)
        if pause_s:
            time.sleep(pause_s)
    os.close(handle)
    run.finish()
    return costs


def _measured(what: str, mode: str, url: str, folder: str, pause_s: float) -> list[float]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.sdk_log", what, mode, url, folder, str(pause_s)],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "ASSAY_GIT": "0"},
    )
    costs: list[float] = json.loads(done.stdout)
    return costs


def _row(name: str, costs: list[float]) -> None:
    ordered = sorted(costs)
    cells = [ordered[int(len(ordered) * share)] for share in (0.5, 0.99, 0.999)]
    print(f"{name:<28}" + "".join(f"{cell:>9,.1f} µs" for cell in [*cells, ordered[-1]]))


def _import_ms() -> float:
    code = "import time; t = time.perf_counter(); import assay; print(time.perf_counter() - t)"
    times = [
        float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout)
        for _ in range(5)
    ]
    return 1_000 * min(times)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        report()
    else:
        *where, pause = sys.argv[1:]
        what, mode, url, folder = where
        print(json.dumps(measure(what, mode, url, folder, float(pause))))
