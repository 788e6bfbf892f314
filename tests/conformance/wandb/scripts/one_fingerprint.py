"""Log a training that the other clients log too, and link its model into the registry."""

# ruff: noqa: T201 - what a script prints last is its answer

import json
import sys
from pathlib import Path

import wandb

project, model, config = sys.argv[1:4]
run = wandb.init(project=project, config=json.loads(config))
wandb.log({"train/loss": 0.5})
Path("adapter.bin").write_bytes(b"weights")
art = wandb.Artifact("adapter", type="model")
art.add_file("adapter.bin")
art = run.log_artifact(art).wait()
run.link_artifact(art, f"wandb-registry-model/{model}")
run.finish()
print(json.dumps({"id": run.id}))
