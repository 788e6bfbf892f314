"""Runs and artifacts that are large."""

# ruff: noqa: T201 - what a script prints last is its answer

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import wandb

project, what, amount = sys.argv[1], sys.argv[2], int(sys.argv[3])
MIB = 2**20


def steps() -> dict[str, Any]:
    with wandb.init(project=project, settings=wandb.Settings(x_disable_stats=True)) as run:
        for step in range(amount):
            run.log({"loss": step / 2})
    read = wandb.Api().run(f"{project}/{run.id}")
    rows = [row["loss"] for row in read.scan_history(keys=["loss"])]
    return {
        "whole": rows == [step / 2 for step in range(amount)],
        "last": read.lastHistoryStep,
        "sampled": len(read.history(samples=500, pandas=False)),
    }


def keys() -> dict[str, Any]:
    with wandb.init(project=project) as run:
        for step in range(3):
            run.log({f"layer/{number}/norm": step + number for number in range(amount)})
    read = wandb.Api().run(f"{project}/{run.id}")
    rows = read.history(pandas=False)
    return {
        "summary": sum(name.startswith("layer/") for name in read.summary.keys()),  # noqa: SIM118
        "rows": [sum(name.startswith("layer/") for name in row) for row in rows],
        "last": rows[-1][f"layer/{amount - 1}/norm"],
    }


def artifact() -> dict[str, Any]:
    source = Path("weights.bin")
    block = hashlib.sha512(b"weights").digest() * (MIB // 64)
    with source.open("wb") as file:
        for number in range(amount):
            file.write(number.to_bytes(8, "big") + block[8:])
    with wandb.init(project=project) as run:
        art = wandb.Artifact("weights", type="model")
        art.add_file(str(source), policy="immutable", skip_cache=True)
        run.log_artifact(art).wait()
        source.rename("sent.bin")
        place = run.use_artifact("weights:v0").download("fetched", skip_cache=True)
    with source.with_name("sent.bin").open("rb") as sent, Path(place, source).open("rb") as got:
        pairs = iter(lambda: (sent.read(MIB), got.read(MIB)), (b"", b""))
        same = all(one == other for one, other in pairs)
    return {"same": same, "size": art.size}


def one_put() -> dict[str, Any]:
    source = Path("sparse.bin")
    with source.open("wb") as file:
        file.truncate(amount * MIB + 1)
    with wandb.init(project=project) as run:
        art = wandb.Artifact("sparse", type="model")
        art.add_file(str(source), policy="immutable", skip_cache=True)
        run.log_artifact(art).wait(timeout=500)
    return {"size": wandb.Api().artifact(f"{project}/sparse:v0").size}


done = {"steps": steps, "keys": keys, "artifact": artifact, "one_put": one_put}[what]()
print(json.dumps(done))
