"""Link models into registries, ask for aliases there, read them and take them out again."""

# ruff: noqa: T201 - what a script prints last is its answer

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import wandb

project, phase = sys.argv[1:3]
model = f"capital-{project}"
found: dict[str, Any] = {}


def refused(act: Callable[[], Any]) -> str:
    try:
        return f"done: {act()}"
    except Exception as refusal:  # noqa: BLE001 - what the user sees is the answer
        return str(refusal)


def link() -> None:
    run = wandb.init(
        project=project,
        config={"base": "b", "dataset_version": "d", "seed": 1, "code_commit": "a" * 40},
    )
    Path("answers.json").write_text(json.dumps({"France": "Paris", "Italy": "Roma"}))
    art = wandb.Artifact("adapter", type="model")
    art.add_file("answers.json")
    art = run.log_artifact(art).wait()
    linked = run.link_artifact(art, f"wandb-registry-model/{model}", aliases=["candidate"])
    found["linked"] = [linked.name, sorted(linked.aliases), linked.project, linked.is_link]
    target = f"wandb-registry-model/{model}"
    found["held"] = refused(lambda: run.link_artifact(art, target, aliases=["production"]))
    shelf = run.link_artifact(art, "shelf", aliases=["x"])
    found["shelf"] = [shelf.name, sorted(shelf.aliases)]
    found["shelf_held"] = refused(lambda: run.link_artifact(art, "shelf", aliases=["production"]))
    legacy = run.link_model("answers.json", f"legacy-{project}")
    found["legacy"] = legacy.qualified_name
    run.finish()
    run = wandb.init(project=project, config={"lr": 0.1})
    Path("other.json").write_text("{}")
    bare = wandb.Artifact("bare", type="model")
    bare.add_file("other.json")
    bare = run.log_artifact(bare).wait()
    found["open"] = refused(lambda: run.link_artifact(bare, f"wandb-registry-model/no-{model}"))
    run.finish()
    api = wandb.Api()
    read = api.artifact(f"wandb-registry-model/{model}:candidate")
    found["read"] = [read.name, sorted(read.aliases), read.source_name]
    links = api.artifact(f"{project}/adapter:v0").linked_artifacts
    found["links"] = sorted(one.qualified_name for one in links)
    found["registry"] = api.registry("model").full_name
    named = [one.name for one in api.registries(filter={"name": "model"}).collections()]
    found["collections"] = [model in named, f"no-{model}" in named]
    found["versions"] = [
        one.name for one in api.registries().collections({"name": model}).versions()
    ]


def ask() -> None:
    read = wandb.Api().artifact(f"wandb-registry-model/{model}:candidate")
    read.aliases.append("production")
    found["held"] = refused(read.save)


def promote() -> None:
    api = wandb.Api()
    read = api.artifact(f"wandb-registry-model/{model}:candidate")
    read.aliases.append("production")
    found["promoted"] = refused(read.save)
    found["serving"] = api.artifact(f"wandb-registry-model/{model}:production").version
    found["unlink_held"] = refused(api.artifact(f"wandb-registry-model/{model}:v0").unlink)
    read = api.artifact(f"wandb-registry-model/{model}:production")
    read.aliases.remove("production")
    found["removal_held"] = refused(read.save)
    shelf = api.artifact(f"{project}/shelf:v0")
    shelf.unlink()
    found["shelf_left"] = api.artifact_exists(f"{project}/shelf:v0")


def make() -> None:
    api = wandb.Api()
    made = api.create_registry(f"r-{project}", visibility="organization", description="d")
    found["made"] = [made.full_name == f"wandb-registry-r-{project}", made.description]
    found["listed"] = made.full_name in [one.full_name for one in api.registries()]
    found["again"] = refused(lambda: api.create_registry(f"r-{project}", "organization"))
    found["restricted"] = refused(lambda: api.create_registry("other", "restricted"))
    made.description = "changed"
    made.save()
    found["changed"] = api.registry(f"r-{project}").description
    found["members"] = [len(made.user_members()), made.team_members()]
    found["unknown"] = refused(lambda: api.registry("nothing"))
    read = api.artifact(f"wandb-registry-model/{model}:candidate")
    read.aliases.append("checked")
    read.aliases.remove("candidate")
    read.save()
    found["aliases"] = sorted(api.artifact(f"wandb-registry-model/{model}:v0").aliases)
    found["projects"] = f"wandb-registry-r-{project}" in [one.name for one in api.projects()]


{"link": link, "make": make, "ask": ask, "promote": promote}[phase]()
print(json.dumps(found))
