"""Several writers of one run."""

# ruff: noqa: T201 - what a script prints last is its answer

import json
import os
import subprocess
import sys

import wandb

project, role = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "primary"
if role != "primary":
    run = wandb.init(
        project=project,
        id=sys.argv[3],
        settings=wandb.Settings(mode="shared", x_primary=False, x_label=role),
    )
    for step in range(5):
        run.log({f"{role}/value": step})
    print(f"a line of {role}")
    run.finish()
    sys.exit(0)

run = wandb.init(
    project=project, settings=wandb.Settings(mode="shared", x_primary=True, x_label="main")
)
for number in range(2):
    subprocess.run(
        [sys.executable, "-W", "ignore", __file__, project, f"w{number}", run.id],
        check=True,
        stdout=subprocess.DEVNULL,
        env={k: v for k, v in os.environ.items() if not k.startswith("WANDB_SERVICE")},
    )
run.log({"main/value": 1})
run.finish()
read = wandb.Api().run(f"default/{project}/{run.id}")
print(
    json.dumps(
        {
            "state": read.state,
            "w0": [row["w0/value"] for row in read.scan_history(keys=["w0/value"])],
            "w1": [row["w1/value"] for row in read.scan_history(keys=["w1/value"])],
            "main": [row["main/value"] for row in read.scan_history(keys=["main/value"])],
        }
    )
)
