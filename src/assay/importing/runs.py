"""How a run arrives: made if need be, given what it lacks, then read back and compared."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

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


def carry_run(
    client: Client, run: Run, experiment_id: str, folder: Path | None, report: Report
) -> None:
    """Bring a run over. One that is in Assay's bin is only compared."""
    path = url_path("runs", run.run_id)
    there = find(client, path)
    if there is None:
        there = client.post("/runs", _new_run(run, experiment_id))
    if there["lifecycle"] != DELETED:
        _update(client, path, run, there)
        _send_inputs(client, path, run, there)
        sent = _digests(client, run.run_id) if there["metrics"] else {}
        wanted = {
            key: series
            for key, series in run.series.items()
            if sent.get(key) != (series.count, series.digest())
        }
        send_points(client, run.run_id, wanted, report)
    files = local_files(folder, report)
    kept = files_there(client, path)
    if there["lifecycle"] == DELETED:
        kept_before, files_expected = kept, _hashed(files)
    else:
        files_expected = send_files(client, path, files, kept, report)
        kept_before = files_there(client, path) if files else kept
    _compare_files(report, run.run_id, files_expected, kept_before)
    _compare(client, path, run, experiment_id, report)


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
    digests = send_files(client, path, files, files_there(client, path), report)
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


def _update(client: Client, path: str, run: Run, there: Mapping[str, Any]) -> None:
    """What changed in the source since the last time, or was cut off then."""
    known = (there["name"], there["status"], there["ended_at_ms"])
    if known != (run.name, run.status, run.ended_at_ms):
        body = {"name": run.name, "status": run.status, "ended_at_ms": run.ended_at_ms}
        client.patch(path, {key: value for key, value in body.items() if value is not None})
    params = {k: v for k, v in run.params.items() if there["params"].get(k) != v}
    if params:
        client.post(f"{path}/params", {"params": params})
    tags = {k: v for k, v in run.tags.items() if there["tags"].get(k) != v}
    if tags:
        client.post(f"{path}/tags", {"tags": tags})


def _send_inputs(client: Client, path: str, run: Run, there: Mapping[str, Any]) -> None:
    known = {(i["dataset"]["name"], i["dataset"]["digest"]) for i in there["inputs"]}
    for given in run.inputs:
        if (given.name, given.digest) not in known:
            client.post(f"{path}/inputs", {"inputs": [_input(given)]})


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


def _digests(client: Client, run_id: str) -> dict[str, tuple[int, str]]:
    found = client.get(url_path("import", "runs", run_id, "digests"))["series"]
    return {series["key"]: (series["points"], series["sha256"]) for series in found}


def _compare(client: Client, path: str, run: Run, experiment_id: str, report: Report) -> None:
    there = client.get(path)
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
    kept_series = _digests(client, run.run_id) if run.series else {}
    for key, series in run.series.items():
        report.expect("series", [run.run_id, key])
        report.expect("points", [run.run_id, key, series.digest()], series.count)
        if key in kept_series:
            points, digest = kept_series[key]
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


def _hashed(files: Mapping[str, Path]) -> dict[str, str]:
    return {path: file_digest(file) for path, file in files.items()}


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
