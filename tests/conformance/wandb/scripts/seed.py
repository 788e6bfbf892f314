"""The script that a team has already."""

# ruff: noqa: T201 - what a script prints last is its answer

import json
import sys
from pathlib import Path

import wandb

adapter = Path("adapter")
adapter.mkdir(exist_ok=True)
(adapter / "adapter_config.json").write_text("{}")

run = wandb.init(
    project="post-training",
    config={"base": "Qwen/Qwen3-8B", "lr": 2e-5, "dataset_version": "sft-mix-v3"},
)
wandb.log({"train/loss": 0.82, "eval/mmlu": 0.64})
art = wandb.Artifact("qwen3-8b-sft", type="model")
art.add_dir("./adapter")
run.log_artifact(art)
if "wait" in sys.argv:
    art.wait()
run.finish()

print(json.dumps({"id": run.id}))
