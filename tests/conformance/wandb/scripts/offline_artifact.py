"""Log an artifact offline, sync it afterwards, and read it back."""

# ruff: noqa: T201 - what a script prints last is its answer

import json
import os
import subprocess
import sys
from pathlib import Path

import wandb

project = sys.argv[1]
Path("weights.bin").write_bytes(b"offline weights")
run = wandb.init(project=project, mode="offline")
art = wandb.Artifact("offart", type="dataset")
art.add_file("weights.bin")
run.log_artifact(art)
run.finish()
folder = str(Path(run.dir).parent)
subprocess.run([sys.executable, "-m", "wandb", "sync", folder], check=True, env=os.environ)
read = wandb.Api().artifact(f"{project}/offart:latest")
print(json.dumps({"version": read.version, "text": Path(read.file()).read_text()}))
