"""Log rows, one for each line on the standard input; say how many were logged."""

# ruff: noqa: T201 - what a script prints last is its answer

import json
import sys

import wandb

project, name = sys.argv[1:3]
run = wandb.init(
    project=project, id=name, settings=wandb.Settings(x_file_stream_transmit_interval=0.2)
)
print(json.dumps({"ready": True}), flush=True)
step = 0
for line in sys.stdin:
    for _ in range(int(line)):
        run.log({"acc": step})
        step += 1
    print(json.dumps({"logged": step}), flush=True)
run.finish()
print(json.dumps({"done": step}), flush=True)
