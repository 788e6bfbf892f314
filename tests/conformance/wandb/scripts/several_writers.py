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
    for step in range(20):
        run.log({f"{role}/value": step})
    print(f"a line of {role}")
    run.finish()
    sys.exit(0)

WRITERS = 8
run = wandb.init(
    project=project, settings=wandb.Settings(mode="shared", x_primary=True, x_label="main")
)
writers = [
    subprocess.Popen(
        [sys.executable, "-W", "ignore", __file__, project, f"w{number}", run.id],
        stdout=subprocess.DEVNULL,
        env={k: v for k, v in os.environ.items() if not k.startswith("WANDB_SERVICE")},
    )
    for number in range(WRITERS)
]
run.log({"main/value": 1})
codes = [writer.wait() for writer in writers]
run.finish()
read = wandb.Api().run(f"default/{project}/{run.id}")
found = {
    key: [row[key] for row in read.scan_history(keys=[key])]
    for key in ["main/value", *(f"w{number}/value" for number in range(WRITERS))]
}
print(json.dumps({"state": read.state, "codes": codes, "found": found}))
