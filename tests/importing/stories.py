"""MLflow histories, made by the real package: what a team that moves has."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LoggedModelOutput,
    Metric,
    Param,
    RunTag,
)

ODD_NAME = "größe: a/b 'c' \"d\""
HOME = "größe: a/b #1"
FACTS = {"base": "tiny", "dataset_version": "v1", "seed": "42", "lr": "0.1"}
COMMIT = "a" * 40


@dataclass
class Story:
    """A history and the names by which a test finds things in it."""

    uri: str
    client: MlflowClient
    runs: dict[str, str] = field(default_factory=dict)
    model_id: str = ""


def tell(uri: str) -> Story:
    """Experiments, runs, a registry: once through everything that MLflow keeps."""
    # Models are looked up where the global address says.
    mlflow.set_tracking_uri(uri)
    client = MlflowClient(uri, uri)
    story = Story(uri, client)
    home = client.create_experiment(HOME, tags={"team": "ü\nb", "long": "word " * 60})
    _finished_run(story, home)
    _other_runs(story, home)
    _registry(story, home)
    gone = client.create_experiment("gone")
    story.runs["in the bin"] = client.create_run(gone).info.run_id
    client.delete_experiment(gone)
    return story


def _finished_run(story: Story, home: str) -> None:
    client = story.client
    run = client.create_run(home, run_name=ODD_NAME, start_time=1_600_000_000_000)
    run_id = story.runs["finished"] = run.info.run_id
    points = [
        *(
            Metric("loss/train a", 1 / (step + 1), 1_600_000_000_000 + step, step)
            for step in range(50)
        ),
        Metric("loss/train a", math.nan, 1_600_000_001_000, 50),
        Metric("loss/train a", math.inf, 1_600_000_001_000, 51),
        Metric("loss/train a", -math.inf, 1_600_000_001_000, 52),
        *(Metric("same", value, 1_600_000_000_000, 0) for value in (2.0, -1.0, 0.0)),
        Metric("back", 1.0, 1_600_000_000_005, -3),
    ]
    params = [
        Param(key, value) for key, value in {**FACTS, "text": "a\n b: 'c'", "empty": ""}.items()
    ]
    tags = [RunTag("mlflow.source.git.commit", COMMIT), RunTag("note", "- x: [1]\n# y")]
    client.log_batch(run_id, points, params, tags)
    client.log_inputs(
        run_id,
        [
            DatasetInput(
                Dataset(
                    "corpus", "d1", "local", '{"uri": "x"}', '{"s": "' + "word " * 60 + '"}', None
                ),
                [InputTag("mlflow.data.context", "train")],
            )
        ],
    )
    client.log_text(run_id, '{"a": 1}', "model/deep/weights.json")
    client.log_text(run_id, "", "model/empty")
    client.log_text(run_id, "ü", "notes of today.txt")
    client.set_terminated(run_id, end_time=1_600_000_002_000)


def _other_runs(story: Story, home: str) -> None:
    client = story.client
    parent = {"mlflow.parentRunId": story.runs["finished"]}
    story.runs["nested"] = client.create_run(home, tags=parent).info.run_id
    client.set_terminated(story.runs["nested"], status="FAILED")
    story.runs["running"] = client.create_run(home).info.run_id
    story.runs["deleted"] = client.create_run(home).info.run_id
    client.log_metric(story.runs["deleted"], "loss", 0.5)
    client.delete_run(story.runs["deleted"])


def _registry(story: Story, home: str) -> None:
    client, run_id = story.client, story.runs["finished"]
    logged = client.create_logged_model(
        home, name="adapter", source_run_id=run_id, params={"k": "v"}, tags={"a": "b"}
    )
    story.model_id = logged.model_id
    client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, 3)])
    client.log_metric(
        run_id, "acc", 0.5, step=3, model_id=logged.model_id, dataset_name="n", dataset_digest="d"
    )
    client.finalize_logged_model(logged.model_id, "READY")
    _put_logged_file(logged.artifact_location)
    client.create_registered_model("scorer", tags={"area": "x"}, description="it scores")
    root = client.get_run(run_id).info.artifact_uri
    versions = [
        client.create_model_version(
            "scorer", f"{root}/model", run_id, tags={"x": "y"}, description="d"
        ),
        client.create_model_version("scorer", f"{root}/model/deep", run_id),
        client.create_model_version("scorer", "s3://bucket/elsewhere", None),
        client.create_model_version("scorer", f"models:/{story.model_id}", model_id=story.model_id),
    ]
    client.delete_model_version("scorer", versions[1].version)
    client.set_registered_model_alias("scorer", "production", versions[2].version)
    client.set_registered_model_alias("scorer", "candidate", versions[0].version)
    with pytest.warns(FutureWarning, match="stages"):
        client.transition_model_version_stage("scorer", versions[0].version, "Staging")


def _put_logged_file(location: str) -> None:
    folder = Path(location.removeprefix("file://"))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "MLmodel").write_text("flavors: {}\n")


def contents(place: Path) -> dict[str, tuple[bytes, int]]:
    """Every file below a place, or the place itself, with the moment of its last change."""
    files = [place] if place.is_file() else [file for file in place.rglob("*") if file.is_file()]
    return {str(file): (file.read_bytes(), file.stat().st_mtime_ns) for file in files}
