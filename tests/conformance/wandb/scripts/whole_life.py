"""Write a run of every kind of value, read it back, resume it, log one offline and sync that."""

# ruff: noqa: T201 - what a script prints last is its answer

import json
import os
import subprocess
import sys
from pathlib import Path

import wandb

project = sys.argv[1]
run = wandb.init(
    project=project,
    config={"lr": 0.1, "base": "b", "nested": {"k": [1, 2]}},
    group="g",
    job_type="train",
    tags=["t"],
    notes="n",
)
for step in range(12):
    run.log({"a": step / 2, "nest": {"b": step}})
run.log({"bad": float("nan"), "high": float("inf")})
run.log({"h": wandb.Histogram([1, 2, 3])})
run.summary["best"] = 5
print("a line of the console")
name = run.id
run.finish()

read = wandb.Api().run(f"default/{project}/{name}")
rows = list(read.scan_history())
found = {
    "version": wandb.__version__,
    "state": read.state,
    "config": dict(read.config),
    "best": read.summary["best"],
    "group": read.group,
    "job_type": read.job_type,
    "tags": list(read.tags),
    "notes": read.notes,
    "last_step": read.lastHistoryStep,
    "history": [row.get("a") for row in read.history(pandas=False)],
    "scanned": [row.get("a") for row in rows],
    "nested": rows[3]["nest"],
    "special": [str(rows[12]["bad"]), str(rows[12]["high"])],
    "histogram": rows[13]["h"]["_type"],
    "one_key": [row["a"] for row in read.scan_history(keys=["a"])],
    "files": sorted(file.name for file in read.files()),
    "system": len(read.history(stream="system", pandas=False)) > 0,
    "found": [
        each.id for each in wandb.Api().runs(f"default/{project}", filters={"config.lr": 0.1})
    ]
    == [name],
}
if hasattr(read, "console_logs"):
    lines = list(read.console_logs())
    found["console"] = "a line of the console" in [line.content for line in lines]
read.file("config.yaml").download("downloaded")
found["config_file"] = "lr" in Path("downloaded/config.yaml").read_text()

run = wandb.init(project=project, id=name, resume="must")
run.log({"a": 9})
run.finish()
read = wandb.Api().run(f"default/{project}/{name}")
found["resumed"] = [row.get("a") for row in read.scan_history()][-1]
found["rows_after"] = len(list(read.scan_history()))

os.environ["WANDB_MODE"] = "offline"
run = wandb.init(project=project, config={"off": 1})
run.log({"a": 1})
name, folder = run.id, str(Path(run.dir).parent)
run.finish()
os.environ["WANDB_MODE"] = "online"
subprocess.run(
    [sys.executable, "-W", "ignore", "-m", "wandb", "sync", folder],
    check=True,
    stdout=subprocess.DEVNULL,
)
read = wandb.Api().run(f"default/{project}/{name}")
found["offline"] = [dict(read.config), read.summary["a"], read.state]
print(json.dumps(found))
