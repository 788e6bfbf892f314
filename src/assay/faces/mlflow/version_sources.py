"""What a version's `source` means: which files of which run, logged model or version it names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from assay.domain.errors import InvalidArgument, NotFound
from assay.domain.ids import parse_model_id, parse_run_id
from assay.domain.registry import ModelVersion
from assay.faces.endpoint import Call
from assay.faces.mlflow.locations import Locations
from assay.faces.mlflow.registry_views import Stage, parse_stage
from assay.faces.mlflow.roots import (
    MODELS,
    ModelPlace,
    RunPlace,
    VersionPlace,
    find_place,
    relative_path,
    served_path,
    uri_fault,
)

RUNS: Final = "runs"
LATEST: Final = "latest"
_LOCAL: Final = ("", "file")
_NOT_HERE: Final = (
    "To use a local path as a model version source, it has to be inside the artifact directory of "
    "the run, and no run of this server keeps its artifacts on a local path; write "
    "runs:/<run_id>/<folder>"
)
_ABSOLUTE: Final = (
    "If supplying a source as an http, https, local file path, ftp, objectstore, or "
    "mlflow-artifacts uri, it must be absolute and plain"
)


@dataclass(frozen=True, slots=True)
class Origin:
    """What is registered: a folder of a run, a logged model, a copy of a version, or a foreign place."""

    source: str
    run_id: str | None = None
    artifact_path: str | None = None
    logged_model_id: str | None = None
    copied: ModelVersion | None = None


def read_origin(
    call: Call, locations: Locations, source: str, run_id: str | None, model_id: str | None
) -> Origin:
    """The origin that a source names. Raises InvalidArgument when the ids beside it disagree."""
    fault = uri_fault(source)
    if fault is not None:
        raise _bad(source, f"{_ABSOLUTE}; it {fault}")
    parts = urlsplit(source)
    if parts.scheme == RUNS:
        found = _from_run_uri(source)
    elif parts.scheme == MODELS:
        found = _from_model_uri(call, source)
    elif served_path(source) is not None:
        found = _from_artifact_uri(call, locations, source)
    elif parts.scheme in _LOCAL:
        raise _bad(source, _NOT_HERE)
    else:
        return Origin(source, run_id=run_id, logged_model_id=model_id)
    if found.copied is not None:
        _agree(source, "run_id", run_id, found.copied.run_id)
        _agree(source, "model_id", model_id, found.copied.logged_model_id)
        return found
    if found.logged_model_id is not None:
        _agree(source, "model_id", model_id, found.logged_model_id)
        return Origin(source, run_id=run_id, logged_model_id=found.logged_model_id)
    _agree(source, "run_id", run_id, found.run_id)
    return Origin(
        source, run_id=found.run_id, artifact_path=found.artifact_path, logged_model_id=model_id
    )


def _from_run_uri(source: str) -> Origin:
    parts = urlsplit(source)
    run_id, _, path = parts.path.lstrip("/").partition("/")
    if parts.netloc or not run_id:
        raise _bad(source, "write runs:/<run_id>/<folder>")
    return Origin(source, run_id=parse_run_id(run_id), artifact_path=_path(source, path))


def _from_model_uri(call: Call, source: str) -> Origin:
    parts = urlsplit(source)
    name, _, rest = parts.path.strip("/").partition("/")
    if parts.netloc or not name:
        raise _bad(
            source, "write models:/<model_id>, models:/<name>/<version> or models:/<name>@<alias>"
        )
    if not rest and name.startswith("m-") and "@" not in name:
        return Origin(source, logged_model_id=parse_model_id(name, "source"))
    versions = call.services.versions
    name, at, alias = name.partition("@")
    if at:
        return _copy(versions.get_by_alias(call.context, name, alias))
    if rest.isascii() and rest.isdigit():
        return _copy(versions.get_version(call.context, name, rest))
    return _copy(_newest(call, source, name, rest))


def _newest(call: Call, source: str, name: str, stage: str) -> ModelVersion:
    found = call.services.versions.latest(call.context, [name])[name]
    if stage.lower() != LATEST:
        wanted = _stage(source, stage)
        found = tuple(version for version in found if parse_stage(version.stage) is wanted)
    if not found:
        msg = f"No version of {name[:300]!r} matches {source[:300]!r}."
        raise NotFound(msg, field="source")
    return max(found, key=lambda version: version.version)


def _stage(source: str, text: str) -> Stage:
    if not text:
        raise _bad(source, "write models:/<name>/<version> or models:/<name>@<alias>")
    return parse_stage(text, "source")


def _from_artifact_uri(call: Call, locations: Locations, source: str) -> Origin:
    path = served_path(source)
    assert path is not None
    place = find_place(path)
    if isinstance(place, VersionPlace):
        if place.path:
            raise _bad(source, "a version is copied as a whole")
        return _copy(call.services.versions.get_version(call.context, place.model, place.version))
    if isinstance(place, ModelPlace):
        if place.path:
            raise _bad(source, "a logged model is registered as a whole")
        return Origin(source, logged_model_id=place.model_id)
    check_root(call, locations, place)
    return Origin(source, run_id=place.run_id, artifact_path=place.path)


def check_root(call: Call, locations: Locations, place: RunPlace | ModelPlace) -> None:
    """Pass, or NotFound when the path puts a run or logged model below another experiment."""
    services = call.services
    if isinstance(place, RunPlace):
        experiment_id = services.runs.get_info(call.context, place.run_id).experiment_id
        what = f"Run {place.run_id!r}"
    else:
        found = services.logged_models.get(call.context, place.model_id, allow_deleted=True)
        experiment_id = found.experiment_id
        what = f"Logged model {place.model_id!r}"
    if served_path(locations.of(call, experiment_id)) != place.root:
        msg = f"{what} has no artifacts below {place.root[:200]!r}."
        raise NotFound(msg, field="path")


def _copy(version: ModelVersion) -> Origin:
    return Origin(
        source=f"{MODELS}:/{version.model}/{version.version}",
        run_id=version.run_id,
        artifact_path=version.artifact_path,
        logged_model_id=version.logged_model_id,
        copied=version,
    )


def _path(source: str, path: str) -> str:
    try:
        return relative_path(path)
    except InvalidArgument:
        raise _bad(source, "its folder is not a path below the run") from None


def _agree(source: str, field: str, given: str | None, meant: str | None) -> None:
    if given is not None and given != meant:
        raise _bad(source, f"{field} must identify the run or model that it names")


def _bad(source: str, why: str) -> InvalidArgument:
    return InvalidArgument(
        f"Invalid model version source: {source[:300]!r}: {why}.",
        field="source",
    )
