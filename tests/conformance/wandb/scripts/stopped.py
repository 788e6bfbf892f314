"""Be stopped from elsewhere; be refused for what is not allowed."""

# ruff: noqa: T201 - what a script prints last is its answer

import json
import sys
from typing import Any

import wandb

project = sys.argv[1]
found: dict[str, Any] = {}
try:
    wandb.init(project=project, id="nowhere", resume="must")
except wandb.errors.UsageError as error:
    found["must"] = "does not exist" in str(error)
wandb.teardown()
try:
    wandb.init(project=project, entity="no-such-team")
except Exception as error:  # noqa: BLE001 - its class differs from release to release
    found["entity"] = str(error)
print(json.dumps(found))
