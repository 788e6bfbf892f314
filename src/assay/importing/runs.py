"""How a run arrives: made if need be, given what it lacks, then read back and compared."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from assay.domain.errors import AlreadyExists
from assay.importing.delivery import (
    files_there,
    find,
    local_files,
    send_files,
    send_points,
)
from assay.importing.history import Dataset, LoggedModel, Run
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


def carry_run(
    client: Client, run: Run, experiment_id: str, folder: Path | None, report: Report
) -> None:
    """Bring a run over. One that is in Assay's bin is only compared."""
    path = url_path("runs", run.run_id)
    files = local_files(folder, report)
    digests = {name: file_digest(file) for name, file in files.items()}
    before = _state(client, run.run_id)
    if before is None:
        before = State(client.post("/runs", _new_run(run, experiment_id)), {}, {})
    home = client.connection.workspace
    if before.run["workspace"] != home:
        raise AlreadyExists(
            f"its id is taken in the workspace {before.run['workspace']!r}", field="run_id"
        )
    after: State | None = before
    if before.run["lifecycle"] != DELETED:
        is_changed = _update(client, path, run, before.run)
        wanted = {
            key: series
            for key, series in run.series.items()
            if before.series.get(key) != (series.count, series.digest())
        }
        send_points(client, run.run_id, wanted, report)
        sent = send_files(client, path, files, digests, before.files, report)
        # What a fresh run was made with is compared too: as the server has it, not as it answered.
        if is_changed or wanted or sent or not before.series:
            after = _state(client, run.run_id)
    assert after is not None
    _compare_files(report, run.run_id, digests, after.files)
    _compare(run, experiment_id, after, report)


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
    if there["lifecycle"] == DELETED:
        return
    files = local_files(folder, report)
    digests = {name: file_digest(file) for name, file in files.items()}
    send_files(client, path, files, digests, files_there(client, path), report)
    _compare_files(report, model.model_id, digests, files_there(client, path))


def spelled(value: float) -> float | str:
    """A value as JSON can say it."""
    if math.isfinite(value):
        return value
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _new_run(run: Run, experiment_id: str) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "experiment_id": experiment_id,
        "name": run.name,
        "user_name": run.user_name,
        "status": run.status,
        "started_at_ms": run.started_at_ms,
        "ended_at_ms": run.ended_at_ms,
        "params": dict(run.params),
        "tags": dict(run.tags),
    }


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


def _state(client: Client, run_id: str) -> State | None:
    found = find(client, f"/import{url_path('runs', run_id)}")
    if found is None:
        return None
    series = {each["key"]: (each["points"], each["sha256"]) for each in found["series"]}
    return State(found["run"], series, found["files"])


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


def _model_item(body: Mapping[str, Any], model: LoggedModel) -> list[Any]:
    return [
        model.model_id,
        *(body[name] for name in ("experiment_id", "name", "run_id", "model_type", "status")),
        {key: body["params"].get(key) for key in sorted(model.params)},
        {key: body["tags"].get(key) for key in sorted(model.tags)},
    ]
