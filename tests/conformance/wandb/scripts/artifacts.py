"""Log, read, change, use, download and delete artifacts."""

# ruff: noqa: T201 - what a script prints last is its answer

import json
import os
import sys
from datetime import timedelta
from pathlib import Path

import wandb

project = sys.argv[1]
adapter = Path("adapter")
(adapter / "sub").mkdir(parents=True)
(adapter / "adapter_config.json").write_text('{"r": 16}')
(adapter / "adapter_model.safetensors").write_bytes(os.urandom(200_000))
(adapter / "sub" / "README.md").write_text("# adapter")
found = {}

run = wandb.init(
    project=project,
    config={"base": "Qwen/Qwen3-8B", "lr": 2e-5, "dataset_version": "sft-mix-v3"},
)
wandb.log({"train/loss": 0.82, "eval/mmlu": 0.64})
art = wandb.Artifact("qwen3-8b-sft", type="model", description="an adapter", metadata={"r": 16})
art.add_dir("./adapter")
logged = run.log_artifact(art, aliases=["best"], tags=["first"]).wait()
found["first"] = [logged.name, logged.version, sorted(logged.aliases), logged.tags, logged.state]
again = wandb.Artifact("qwen3-8b-sft", type="model")
again.add_dir("./adapter")
found["again"] = run.log_artifact(again).wait().version
(adapter / "sub" / "README.md").write_text("# another")
changed = wandb.Artifact("qwen3-8b-sft", type="model")
changed.add_dir("./adapter")
found["changed"] = run.log_artifact(changed).wait().version

data = wandb.Artifact("mix", type="dataset")
Path("rows.jsonl").write_text('{"prompt": "p"}\n')
data.add_file("rows.jsonl")
data.add_reference("mystore://bucket/more", name="more", checksum=False)
found["data"] = run.log_artifact(data).wait().version
draft = run.use_artifact("mix:latest").new_draft()
Path("extra.jsonl").write_text('{"prompt": "q"}\n')
draft.add_file("extra.jsonl")
found["draft"] = sorted(run.log_artifact(draft).wait().manifest.entries)
whole = run.use_artifact("qwen3-8b-sft:v0")
place = whole.download("fetched")
whole.verify(place)
found["fetched"] = sorted(p.relative_to(place).as_posix() for p in Path(place).rglob("*.*"))
found["same"] = (
    Path(place, "adapter_model.safetensors").read_bytes()
    == (adapter / "adapter_model.safetensors").read_bytes()
)
found["entry"] = Path(run.use_artifact("mix:v0").get_entry("rows.jsonl").download()).read_text()
near = wandb.Artifact("near", type="dataset")
near.add_reference(Path("rows.jsonl").resolve().as_uri())
run.log_artifact(near).wait()
place = Path(run.use_artifact("near:latest").download("fetched_near"))
found["near"] = [path.name for path in place.iterdir()]
run.finish()

api = wandb.Api()
best = api.artifact(f"{project}/qwen3-8b-sft:best")
found["best"] = [best.name, best.file_count, dict(best.metadata), best.description, best.digest]
found["digest"] = logged.digest
best.aliases.append("prod")
best.aliases.remove("best")
best.metadata["z"] = 2
best.tags = ["second"]
best.ttl = timedelta(days=3)
best.save()
prod = api.artifact(f"{project}/qwen3-8b-sft:prod")
found["edited"] = [sorted(prod.aliases), prod.metadata, prod.tags, prod.ttl.days]
found["types"] = sorted(kind.name for kind in api.artifact_types(project))
found["collections"] = [one.name for one in api.artifact_type("model", project).collections()]
found["versions"] = [one.version for one in api.artifacts("model", f"{project}/qwen3-8b-sft")]
found["files"] = sorted(file.name for file in prod.files())
found["logged_by"] = prod.logged_by().id == run.id
found["used_by"] = [one.id == run.id for one in prod.used_by()]
mine = api.run(f"{project}/{run.id}")
found["logged"] = sorted(one.name for one in mine.logged_artifacts())
found["used"] = sorted(one.name for one in mine.used_artifacts())
home = api.artifact_collection("model", f"{project}/qwen3-8b-sft")
home.description, home.tags = "adapters", ["team"]
home.save()
home = api.artifact_collection("model", f"{project}/qwen3-8b-sft")
found["collection"] = [home.description, home.tags, sorted(home.aliases)]
try:
    prod.delete()
except Exception as refusal:  # noqa: BLE001 - what the user sees is the answer
    found["held"] = str(refusal)
api.artifact(f"{project}/qwen3-8b-sft:v1").delete(delete_aliases=True)
found["left"] = [one.version for one in api.artifacts("model", f"{project}/qwen3-8b-sft")]
found["exists"] = [
    api.artifact_exists(f"{project}/qwen3-8b-sft:v0"),
    api.artifact_exists(f"{project}/qwen3-8b-sft:v1"),
]
print(json.dumps(found))
