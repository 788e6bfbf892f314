"""How runs arrive: made if need be, given what they lack, then read back and compared."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

from assay.domain.errors import AlreadyExists
from assay.importing.delivery import (
    files_there,
    local_files,
    send_files,
    send_points,
)
from assay.importing.fresh_runs import new_run, send_fresh_runs, spelled
from assay.importing.history import Dataset, LoggedModel, ModelMetric, Run
from assay.importing.tally import Report
from assay.sdk.client import Client, url_path
from assay.sdk.transfer import file_digest

DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class State:
    """What Assay keeps of a run: itself, (points, digest) by series, digest by file."""

    run: Mapping[str, Any]
    series: Mapping[str, tuple[int, str]]
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A run on its way: the experiment that it goes to, and the folder of its files if there is one."""

    run: Run
    experiment_id: str
    folder: Path | None


Surviving: TypeAlias = Callable[[str], AbstractContextManager[None]]
"""Around what concerns one run alone: a refusal is reported, and the others go on."""


def carry_runs(
    client: Client, arrivals: Sequence[Arrival], report: Report, surviving: Surviving
) -> None:
    """Bring runs over, together as far as they go together. One in Assay's bin is only compared."""
    states = _states(client, [arrival.run.run_id for arrival in arrivals])
    fresh = [arrival for arrival in arrivals if arrival.run.run_id not in states]
    if fresh:
        send_fresh_runs(client, [(each.run, each.experiment_id) for each in fresh], report)
        states |= _states(client, [arrival.run.run_id for arrival in fresh])
    brought: list[tuple[Arrival, Mapping[str, str]]] = []
    changed: list[str] = []
    for arrival in arrivals:
        run_id = arrival.run.run_id
        with surviving(f"run {run_id}"):
            digests, is_changed = _bring(client, arrival, states.get(run_id), report)
            brought.append((arrival, digests))
            if is_changed:
                changed.append(run_id)
    if changed:
        states |= _states(client, changed)
    for arrival, digests in brought:
        state = states[arrival.run.run_id]
        _compare_files(report, arrival.run.run_id, digests, state.files)
        _compare(arrival.run, arrival.experiment_id, state, report)


def _bring(
    client: Client, arrival: Arrival, before: State | None, report: Report
) -> tuple[Mapping[str, str], bool]:
    """Send what a run lacks; the digests of its files, and whether anything was sent."""
    run = arrival.run
    path = url_path("runs", run.run_id)
    files = local_files(arrival.folder, report)
    digests = {name: file_digest(file) for name, file in files.items()}
    is_made = before is None
    if before is None:
        before = State(client.post("/runs", new_run(run, arrival.experiment_id)), {}, {})
    home = client.connection.workspace
    if before.run["workspace"] != home:
        raise AlreadyExists(
            f"its id is taken in the workspace {before.run['workspace']!r}", field="run_id"
        )
    if before.run["lifecycle"] == DELETED:
        return digests, False
    is_changed = _update(client, path, run, before.run)
    wanted = {
        key: series
        for key, series in run.series.items()
        if before.series.get(key) != (series.count, series.digest())
    }
    send_points(client, run.run_id, wanted, report)
    sent = send_files(client, path, files, digests, before.files, report)
    return digests, bool(is_made or is_changed or wanted or sent)


def carry_model_inputs(client: Client, run_id: str, model_ids: Collection[str]) -> None:
    """Say which logged models the run read, once those have arrived."""
    path = url_path("runs", run_id)
    there = client.get(path)
    missing = sorted(set(model_ids) - set(there["model_inputs"]))
    if missing and there["lifecycle"] != DELETED:
        client.post(f"{path}/inputs", {"model_ids": missing})


def carry_logged_model(
    client: Client, model: LoggedModel, experiment_id: str, folder: Path | None, report: Report
) -> None:
    """Bring a logged model over."""
    body = {
        "model_id": model.model_id,
        "experiment_id": experiment_id,
        "name": model.name,
        "created_at_ms": max(model.created_at_ms, 0),
        "updated_at_ms": max(model.updated_at_ms, 0),
        "run_id": model.run_id,
        "model_type": model.model_type,
        "status": model.status,
        "status_message": model.status_message,
        "params": dict(model.params),
        "tags": dict(model.tags),
        "metrics": [{**asdict(m), "value": spelled(m.value)} for m in model.metrics],
        "outputs": [list(output) for output in model.outputs],
    }
    there = client.request("POST", "/import/logged-models", json=body, idempotent=True).json
    path = url_path("logged-models", model.model_id)
    report.expect("logged models", _model_item(body, model))
    report.find("logged models", _model_item({**body, **_known(there)}, model))
    expected = [
        [model.model_id, *place, last[0], last[1], repr(spelled(last[2]))]
        for place, last in sorted(_last_metrics(model.metrics).items())
    ]
    kept = [_metric_item(model.model_id, metric) for metric in there["metrics"]]
    report.compare("logged model metrics", expected, [each for each in kept if each in expected])
    if there["lifecycle"] == DELETED:
        return
    files = local_files(folder, report)
    digests = {name: file_digest(file) for name, file in files.items()}
    send_files(client, path, files, digests, files_there(client, path), report)
    _compare_files(report, model.model_id, digests, files_there(client, path))


def _update(client: Client, path: str, run: Run, there: Mapping[str, Any]) -> bool:
    """Send what changed in the source since the last time, or was cut off then; False for nothing."""
    known = (there["name"], there["status"], there["ended_at_ms"])
    is_changed = known != (run.name, run.status, run.ended_at_ms)
    if is_changed:
        body = {"name": run.name, "status": run.status, "ended_at_ms": run.ended_at_ms}
        client.patch(path, {key: value for key, value in body.items() if value is not None})
    for noun, values in (("params", run.params), ("tags", run.tags)):
        missing = {key: value for key, value in values.items() if there[noun].get(key) != value}
        if missing:
            client.post(f"{path}/{noun}", {noun: missing})
            is_changed = True
    inputs = {(i["dataset"]["name"], i["dataset"]["digest"]) for i in there["inputs"]}
    for given in run.inputs:
        if (given.name, given.digest) not in inputs:
            client.post(f"{path}/inputs", {"inputs": [_input(given)]})
            is_changed = True
    return is_changed


def _input(given: Dataset) -> dict[str, Any]:
    return {
        "dataset": {
            "name": given.name,
            "digest": given.digest,
            "source_type": given.source_type,
            "source": given.source,
            "schema": given.schema,
            "profile": given.profile,
        },
        "tags": dict(given.tags),
    }


def _states(client: Client, run_ids: Sequence[str]) -> dict[str, State]:
    """What Assay keeps of those runs that are there."""
    answer = client.request(
        "POST", "/import/runs/states", json={"run_ids": list(run_ids)}, idempotent=True
    ).json
    return {
        found["run"]["run_id"]: State(
            found["run"],
            {each["key"]: (each["points"], each["sha256"]) for each in found["series"]},
            found["files"],
        )
        for found in answer["runs"]
    }


def _compare(run: Run, experiment_id: str, state: State, report: Report) -> None:
    there = state.run
    fields = ("name", "status", "user_name", "started_at_ms", "ended_at_ms")
    facts = [run.run_id, experiment_id, *(getattr(run, name) for name in fields)]
    report.expect("runs", facts)
    report.find(
        "runs", [there["run_id"], there["experiment_id"], *(there[name] for name in fields)]
    )
    # What the run got in Assay beyond its source is no business of the import's.
    for section, given, kept in (
        ("params", run.params, there["params"]),
        ("tags", run.tags, there["tags"]),
    ):
        report.compare(
            section,
            ([run.run_id, key, value] for key, value in given.items()),
            ([run.run_id, key, kept[key]] for key in given if key in kept),
        )
    inputs = {(given.name, given.digest): dict(given.tags) for given in run.inputs}
    known = {(i["dataset"]["name"], i["dataset"]["digest"]): i["tags"] for i in there["inputs"]}
    report.compare(
        "inputs",
        ([run.run_id, *place, tags] for place, tags in sorted(inputs.items())),
        ([run.run_id, *place, known[place]] for place in sorted(inputs) if place in known),
    )
    for key, series in run.series.items():
        report.expect("series", [run.run_id, key])
        report.expect("points", [run.run_id, key, series.digest()], series.count)
        if key in state.series:
            points, digest = state.series[key]
            report.find("series", [run.run_id, key])
            report.find("points", [run.run_id, key, digest], points)


def _compare_files(
    report: Report, owner: str, expected: Mapping[str, str], there: Mapping[str, str]
) -> None:
    report.compare(
        "files",
        ([owner, path, digest] for path, digest in expected.items()),
        ([owner, path, there[path]] for path in expected if path in there),
    )


def _known(there: Mapping[str, Any]) -> dict[str, Any]:
    names = ("experiment_id", "name", "run_id", "model_type", "status", "params", "tags")
    return {name: there[name] for name in names}


def _last_metrics(
    metrics: Sequence[ModelMetric],
) -> dict[tuple[str, str, str, str], tuple[int, int, float]]:
    """What is kept of a logged model's metrics: the last point of each, by dataset and run."""
    found: dict[tuple[str, str, str, str], tuple[int, int, float]] = {}
    for metric in metrics:
        place = (metric.key, metric.dataset_name, metric.dataset_digest, metric.run_id)
        point = (metric.step, metric.timestamp_ms, metric.value + 0.0)
        if place not in found or _rank(point) > _rank(found[place]):
            found[place] = point
    return found


def _rank(point: tuple[int, int, float]) -> tuple[int, int, float, int]:
    step, at_ms, value = point
    return (step, at_ms, 0.0, 0) if math.isnan(value) else (step, at_ms, value, 1)


def _metric_item(model_id: str, metric: Mapping[str, Any]) -> list[Any]:
    names = ("key", "dataset_name", "dataset_digest", "run_id", "step", "timestamp_ms")
    return [model_id, *(metric[name] for name in names), repr(metric["value"])]


def _model_item(body: Mapping[str, Any], model: LoggedModel) -> list[Any]:
    return [
        model.model_id,
        *(body[name] for name in ("experiment_id", "name", "run_id", "model_type", "status")),
        {key: body["params"].get(key) for key in sorted(model.params)},
        {key: body["tags"].get(key) for key in sorted(model.tags)},
    ]
