"""Scenes for tests of the command: runs with files, a suite and a gate runner's credential."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from assay.sdk.client import Client
from tests.support.suite_folders import write_suite

LINEAGE = {
    "base": "qwen2.5-0.5b",
    "dataset_version": "sha256:0a1b",
    "code_commit": "4f2c9d1",
    "seed": "7",
}
REFERENCES = {"France": "Paris", "Italy": "Roma", "Österreich": "Wien"}


def add_run(
    client: Client,
    name: str = "trial",
    *,
    experiment: str = "sweep",
    params: Mapping[str, str] = LINEAGE,
    points: Sequence[tuple[str, float, int]] = (),
    files: Mapping[str, bytes] | None = None,
    is_finished: bool = True,
) -> str:
    """A run with its points and files; answers its id."""
    body = {"experiment": experiment, "name": name, "params": dict(params)}
    run_id = str(client.post("/runs", body)["run_id"])
    if points:
        rows = [[key, value, step, 1_700_000_000_000 + step] for key, value, step in points]
        client.post(f"/runs/{run_id}/batch", {"points": rows})
    for path, content in (files or {}).items():
        client.request("PUT", f"/runs/{run_id}/files/{path}", content=content)
    if is_finished:
        client.patch(f"/runs/{run_id}", {"status": "finished"})
    return run_id


def answers(right: int) -> dict[str, bytes]:
    """The files of a candidate that knows the first `right` of three capitals."""
    known = dict(list(REFERENCES.items())[:right])
    return {"adapter/answers.json": json.dumps(known).encode()}


def add_version(client: Client, model: str, right: int, *, seed: int = 7) -> int:
    """A version of `model` that knows `right` of the three capitals; answers its number."""
    params = {**LINEAGE, "seed": str(seed)}
    run_id = add_run(client, params=params, files=answers(right))
    body = {"run_id": run_id, "artifact_path": "adapter"}
    return int(client.post(f"/models/{model}/versions", body)["version"])


def capitals(folder: Path, **parts: object) -> Path:
    """The suite folder about capitals, of three items."""
    return write_suite(folder, **parts)  # type: ignore[arg-type] # handed through


def runner_token(client: Client, workspace: str) -> str:
    """The token of a gate runner for this workspace alone."""
    name = f"runner-{workspace}"
    client.post("/principals", {"name": name, "kind": "gate", "roles": {workspace: ["gate"]}})
    return str(client.post("/tokens", {"principal": name})["token"])
