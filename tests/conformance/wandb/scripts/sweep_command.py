"""A sweep by the client's commands: made from a file, worked on twice, stopped; `… PROJECT`."""

# ruff: noqa: T201 - what a script prints last is its answer

import json
import subprocess
import sys
from pathlib import Path

import wandb

project = sys.argv[1]
Path("sweep.yaml").write_text(
    f"""# a comment
program: trial.py
project: {project}
method: grid
command: ["{sys.executable}", "-W", "ignore", "${{program}}", "${{args}}"]
metric: {{name: loss, goal: minimize}}
parameters:
  lr:
    values: [0.1, 0.2, 0.3]
"""
)
Path("trial.py").write_text(
    "import sys, wandb\n"
    "run = wandb.init()\n"
    "run.log({'loss': run.config['lr'], 'flags': len(sys.argv)})\n"
    "run.finish()\n"
)


def command(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "wandb", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


command("sweep", "sweep.yaml")
(sweep,) = wandb.Api().project(project).sweeps()
path = f"{project}/{sweep.id}"
command("agent", "--count", "1", path)
command("agent", "--count", "1", path)
command("sweep", "--pause", path)
paused = wandb.Api().sweep(path).state
command("sweep", "--resume", path)
command("sweep", "--stop", path)
found = wandb.Api().sweep(path)
print(
    json.dumps(
        {
            "rates": [run.config["lr"] for run in found.runs],
            "flags": [run.summary["flags"] for run in found.runs],
            "paused": paused,
            "state": found.state,
        }
    )
)
