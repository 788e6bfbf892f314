"""Find runs by what they recorded."""

# ruff: noqa: T201 - what a script prints last is its answer

import json
import sys
from typing import Any

import wandb

project = sys.argv[1]
for number in (1, 2, 3):
    run = wandb.init(
        project=project, config={"i": number, "name": f"n{number}"}, tags=[f"t{number}"]
    )
    run.log({"acc": number / 10})
    run.summary["best"] = number * 1.5
    run.finish()


def chosen(**options: Any) -> list[int]:
    return [run.config["i"] for run in wandb.Api().runs(f"default/{project}", **options)]


found = {
    "oldest_first": chosen(),
    "newest_first": chosen(order="-created_at"),
    "by_metric": chosen(order="-summary_metrics.acc"),
    "by_config": chosen(order="-config.i.value"),
    "equal": chosen(filters={"config.i": 2}),
    "value": chosen(filters={"config.i.value": {"$gte": 2}}),
    "either": chosen(filters={"$or": [{"tags": "t1"}, {"config.name": "n3"}]}),
    "metric": chosen(filters={"summary_metrics.acc": {"$gt": 0.15}}),
    "summary_alone": chosen(filters={"summary_metrics.best": {"$gte": 3}}),
    "listed": chosen(filters={"config.name": {"$in": ["n1", "n3"]}, "state": "finished"}),
    "not_listed": chosen(filters={"tags": {"$nin": ["t1"]}}),
    "pattern": chosen(filters={"config.name": {"$regex": "^n[12]$".replace("[12]", "2")}}),
    "absent": chosen(filters={"config.nothing": {"$exists": False}}),
    "none": chosen(filters={"state": "running"}),
    "count": len(wandb.Api().runs(f"default/{project}", filters={"config.i": {"$ne": 1}})),
    "paged": len(list(wandb.Api().runs(f"default/{project}", per_page=1))),
    "projects": project in [each.name for each in wandb.Api().projects("default")],
}
print(json.dumps(found))
