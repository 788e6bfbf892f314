"""Where artifacts are, in MLflow's words: URIs of runs, logged models and versions, and what they mean.

`mlflow-artifacts:/<experiment>/<run>/artifacts` and `…/<experiment>/models/<model>/artifacts` are the
roots that the client is given. `mlflow-artifacts:/registry/<name>/<version>` is the frozen files of a
version. A path that the client asks for is one of these and a path below; no path reaches a file system.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import unquote, urlsplit

from assay.domain.errors import InvalidArgument, NotFound
from assay.domain.ids import parse_model_id, parse_run_id, parse_version
from assay.domain.names import MAX_LOCATION, check_artifact_path, check_model_name
from assay.domain.tracking import Experiment

SCHEME: Final = "mlflow-artifacts"
REGISTRY: Final = "registry"
ARTIFACTS: Final = "artifacts"
MODELS: Final = "models"

_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_.\-]+")
_HEX: Final = re.compile(r"~(?:[0-9a-f]{2})+")
_ROUTE: Final = "/api/2.0/mlflow-artifacts/artifacts/"
_MAX_DECODINGS: Final = 8


@dataclass(frozen=True, slots=True)
class RunPlace:
    """A path in the artifacts of a run, whose root is below `root`."""

    root: str
    run_id: str
    path: str


@dataclass(frozen=True, slots=True)
class ModelPlace:
    """A path in the files of a logged model, whose root is below `root`."""

    root: str
    model_id: str
    path: str


@dataclass(frozen=True, slots=True)
class VersionPlace:
    """A path in the frozen files of a model version."""

    model: str
    version: int
    path: str


Place: TypeAlias = RunPlace | ModelPlace | VersionPlace


def experiment_root(experiment: Experiment) -> str:
    """The URI below which an experiment's artifacts are: its own, or the server's."""
    return experiment.artifact_location or f"{SCHEME}:/{experiment.experiment_id}"


def run_root(experiment_location: str, run_id: str) -> str:
    """The URI of a run's artifacts."""
    return f"{experiment_location.rstrip('/')}/{run_id}/{ARTIFACTS}"


def model_root(experiment_location: str, model_id: str) -> str:
    """The URI of a logged model's files."""
    return f"{experiment_location.rstrip('/')}/{MODELS}/{model_id}/{ARTIFACTS}"


def version_root(model: str, version: int) -> str:
    """The URI of a version's frozen files; a name that a URI would change travels as hexadecimal."""
    name = model if _PLAIN_NAME.fullmatch(model) else "~" + model.encode().hex()
    return f"{SCHEME}:/{REGISTRY}/{name}/{version}"


def served_path(uri: str) -> str | None:
    """The path that this server serves under a URI, None when the files are somewhere else."""
    parts = urlsplit(uri)
    if parts.scheme == SCHEME:
        return parts.path.strip("/")
    if parts.scheme in ("http", "https") and _ROUTE in parts.path:
        return parts.path.partition(_ROUTE)[2].strip("/")
    return None


def find_place(path: str) -> Place:
    """What a path below `mlflow-artifacts:/` means.

    Raises InvalidArgument for an unsafe path, NotFound for one that belongs to nothing.
    """
    parts = safe_path(path).split("/")
    if parts[0] == REGISTRY and len(parts) >= 3:
        return _version_place(parts)
    for index in range(1, len(parts)):
        if parts[index] != ARTIFACTS:
            continue
        rest = relative_path("/".join(parts[index + 1 :]))
        owner = parts[index - 1]
        if index >= 2 and parts[index - 2] == MODELS and owner.startswith("m-"):
            return ModelPlace("/".join(parts[: index - 2]), parse_model_id(owner), rest)
        return RunPlace("/".join(parts[: index - 1]), parse_run_id(owner), rest)
    msg = f"The artifact path {path[:200]!r} belongs to no run, logged model or model version."
    raise NotFound(msg, field="path")


def safe_path(path: str) -> str:
    """The path without a trailing slash; InvalidArgument in whatever form it leaves its root."""
    try:
        return check_artifact_path(path.rstrip("/") if path != "/" else path)
    except InvalidArgument as error:
        raise InvalidArgument("Invalid path", field="path", reason=error.message) from None


def relative_path(path: str | None) -> str:
    """A path below a root, empty for the root itself; InvalidArgument for an unsafe one."""
    return safe_path(path) if path else ""


def check_location(location: str, field: str) -> str:
    """A legal artifact location: a plain URI or path without tricks. Raises InvalidArgument."""
    if len(location) > MAX_LOCATION:
        msg = f"'{field}' exceeds the maximum length of {MAX_LOCATION} characters"
        raise InvalidArgument(msg, field=field)
    check_uri(location, field)
    if urlsplit(location).scheme in ("runs", MODELS):
        msg = f"An artifact location cannot be a {location.partition(':')[0]}: URI: {location!r}"
        raise InvalidArgument(msg, field=field)
    return location


def check_uri(uri: str, field: str) -> str:
    """A URI without `..`, fragment, parameters, query, backslash or control character, decoded or not."""
    fault = uri_fault(uri)
    if fault is not None:
        msg = f"Invalid value {uri[:200]!r} for parameter '{field}' supplied: it {fault}."
        raise InvalidArgument(msg, field=field)
    return uri


def uri_fault(uri: str) -> str | None:
    """What `check_uri` refuses in a URI, as the rest of a sentence; None for nothing."""
    form = uri
    for _ in range(_MAX_DECODINGS):
        fault = _fault(form)
        decoded = unquote(form)
        if fault is not None or decoded == form:
            return fault
        form = decoded
    return "is encoded many times"


def _fault(uri: str) -> str | None:
    if any(ord(mark) < 32 or ord(mark) == 127 for mark in uri):
        return "holds a control character"
    if any(mark in uri for mark in "#?;\\"):
        return "holds a fragment, a query, a parameter or a backslash"
    if ".." in uri.split("/"):
        return "leaves its root"
    try:
        parts = urlsplit(uri)
    except ValueError:
        return "is not a URI"
    return "holds credentials" if "@" in parts.netloc else None


def _version_place(parts: list[str]) -> VersionPlace:
    name = parts[1]
    if _HEX.fullmatch(name) is not None:
        try:
            name = bytes.fromhex(name[1:]).decode()
        except UnicodeDecodeError:
            raise NotFound("No such registered model.", field="path") from None
    version = parse_version(parts[2])
    return VersionPlace(check_model_name(name), version, relative_path("/".join(parts[3:])))
