"""What a spool holds and what a server has, for comparing them."""

from __future__ import annotations

from pathlib import Path

from assay.sdk.client import Client
from assay.sdk.frames import MAGIC, Frame, Points, decode, split


def spool_files(spool: Path) -> list[Path]:
    """Every spool file below a spool folder."""
    return sorted(spool.glob("*/*.spool"))


def frames_in(path: Path) -> list[Frame]:
    """The whole frames of a spool file."""
    content = path.read_bytes()
    assert content.startswith(MAGIC)
    return [decode(payload) for payload, _ in split(content[len(MAGIC) :])]


def logged(path: Path) -> list[tuple[int, dict[str, float]]]:
    """(step, values) of every points frame of a spool file."""
    return [(f.step, f.values) for f in frames_in(path) if isinstance(f, Points)]


def history(client: Client, run_id: str, key: str) -> list[tuple[int, float]]:
    """(step, value) of every point that the server has, by step."""
    found = client.get(f"/runs/{run_id}/history", key=key)
    return list(zip(found["steps"], found["values"], strict=True))


def point_count(client: Client, run_id: str, key: str) -> int:
    """How many points the server was given for a key, repetitions included."""
    found = client.get(f"/runs/{run_id}")["metrics"]
    count = found[key]["count"] if key in found else 0
    assert isinstance(count, int)
    return count
