"""Peers that `make bench` installs for itself, apart from the project's own environment.

FastTrackML brings a whole MLflow of its own, so it gets a virtual environment below `.bench/`, made
the first time that it is measured.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

from bench.servers import Server, free_port, start

HOME = Path(__file__).resolve().parent.parent / ".bench"
FASTTRACKML = "fasttrackml==0.6.0"
INSTALL_LIMIT_S = 600


def start_fasttrackml(folder: Path) -> Server:
    """FastTrackML's Go server on SQLite. RuntimeError when it cannot be installed.

    Settings are the default ones but for durability: left alone, its driver acknowledges a write that
    a power cut takes back, which neither Assay nor MLflow does.
    """
    binary = _installed()
    port = free_port()
    data = folder / "fasttrackml"
    data.mkdir(parents=True)
    argv = [str(binary), "server", "--listen-address", f"127.0.0.1:{port}", "--log-level", "error"]
    argv += ["--database-uri", f"sqlite://{data / 'fasttrackml.db'}?_synchronous=FULL"]
    argv += ["--default-artifact-root", str(data / "artifacts")]
    return start("fasttrackml", argv, port, folder)


def _installed() -> Path:
    home = HOME / "fasttrackml"
    binary = home / "bin" / "fml"
    ready = home / ".installed"
    if ready.is_file():
        return binary
    sys.stderr.write(f"installing {FASTTRACKML} into {home.relative_to(HOME.parent)} … ")
    sys.stderr.flush()
    try:
        venv.create(home, with_pip=True, clear=True)
        done = subprocess.run(
            [home / "bin" / "python", "-m", "pip", "install", "-qq", "--no-input", FASTTRACKML],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=INSTALL_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        msg = f"{FASTTRACKML} cannot be installed: {error}"
        raise RuntimeError(msg) from error
    if done.returncode != 0 or not binary.is_file():
        msg = f"{FASTTRACKML} cannot be installed: {done.stderr[-500:]}"
        raise RuntimeError(msg)
    ready.touch()
    sys.stderr.write("done\n")
    return binary
