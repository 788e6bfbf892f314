"""Log every chart of `wandb.plot`, and send an alert."""

# ruff: noqa: T201 - what a script prints last is its answer

import json
import sys

import numpy as np
import wandb

project = sys.argv[1]
run = wandb.init(project=project)
table = wandb.Table(data=[[i, i * i, i / 3] for i in range(20)], columns=["x", "y", "z"])
chances = np.array([[0.5, 0.5], [0.2, 0.8], [0.6, 0.4]])
charts = {
    "line": wandb.plot.line(table, "x", "y", title="L"),
    "bar": wandb.plot.bar(table, "x", "y"),
    "scatter": wandb.plot.scatter(table, "x", "y"),
    "histogram": wandb.plot.histogram(table, "z"),
    "series": wandb.plot.line_series(xs=[0, 1], ys=[[1, 2], [2, 3]], keys=["a", "b"]),
    "matrix": wandb.plot.confusion_matrix(y_true=[0, 1], preds=[0, 1], class_names=["a", "b"]),
    "roc": wandb.plot.roc_curve([0, 1, 1], chances, labels=["a", "b"]),
    "pr": wandb.plot.pr_curve([0, 1, 1], chances, labels=["a", "b"]),
}
for name, chart in charts.items():
    wandb.log({name: chart})
run.alert("Loss", "It rises.", level=wandb.AlertLevel.WARN)
wandb.log({"after": 1})
run.finish()
api = wandb.Api()
read = api.run(f"{project}/{run.id}")
try:
    api.create_custom_chart(
        entity="default",
        name="own",
        display_name="Own",
        spec_type="vega2",
        access="private",
        spec={"mark": "bar"},
    )
    said = "made"
except Exception as refusal:  # noqa: BLE001 - what the user sees is the answer
    said = str(refusal)
found = {
    "id": run.id,
    "state": read.state,
    "last": read.lastHistoryStep,
    "tables": sorted(key for key in dict(read.summary) if key.endswith("_table")),
    "shown": sorted(json.loads(read.json_config)["_wandb"]["value"]["visualize"]),
    "own": said,
}
print(json.dumps(found))
