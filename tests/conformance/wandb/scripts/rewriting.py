"""Rewind a run, fork another, change, stop and delete."""

# ruff: noqa: T201 - what a script prints last is its answer

import json
import sys
from typing import Any

import wandb

project = sys.argv[1]


def make() -> str:
    run = wandb.init(project=project, config={"x": 1})
    for step in range(10):
        run.log({"acc": step})
    run.finish()
    return run.id


def accuracies(name: str) -> list[Any]:
    return [row.get("acc") for row in wandb.Api().run(f"default/{project}/{name}").scan_history()]


rewound, source = make(), make()
found: dict[str, Any] = {"before": accuracies(rewound)}
run = wandb.init(project=project, resume_from=f"{rewound}?_step=5")
run.log({"acc": 55})
run.finish()
found["rewound"] = accuracies(rewound)

run = wandb.init(project=project, fork_from=f"{source}?_step=3")
run.log({"acc": 77})
fork = run.id
run.finish()
found["fork"] = accuracies(fork)
found["source"] = accuracies(source)

read = wandb.Api().run(f"default/{project}/{fork}")
read.tags = ["kept"]
read.notes = "changed"
read.config["x"] = 2
read.update()
read.summary["late"] = 7
read.summary.update()
read = wandb.Api().run(f"default/{project}/{fork}")
found["changed"] = [read.tags, read.notes, read.config["x"], read.summary["late"]]
read.delete()
try:
    wandb.Api().run(f"default/{project}/{fork}").load(force=True)
    found["deleted"] = False
except (ValueError, wandb.errors.CommError):
    found["deleted"] = True
found["left"] = sorted(run.id for run in wandb.Api().runs(f"default/{project}")) == sorted(
    [rewound, source]
)
print(json.dumps(found))
