"""A folder `mlruns` as a source: MLflow's file store, with its registry in the folder `models`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from assay.domain.errors import InvalidArgument, NotFound
from assay.importing.database_source import DELETED_STAGE, MODEL_STATUS, NO_STAGE
from assay.importing.flat_yaml import Value, read_flat
from assay.importing.history import (
    Dataset,
    Experiment,
    LoggedModel,
    Model,
    ModelMetric,
    Run,
    Size,
    Version,
)
from assay.importing.points import Point, Series

META: Final = "meta.yaml"
TRASH: Final = ".trash"
REGISTRY: Final = "models"
_STATUS: Final = {1: "running", 2: "scheduled", 3: "finished", 4: "failed", 5: "killed"}
_DEEPEST: Final = 32

Meta = dict[str, Value]


class FolderSource:
    """The history in a folder that MLflow's file store wrote."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise NotFound(f"There is no folder {str(folder)!r}.", field="from")
        self._folder = folder
        self._homes = [
            (found, meta)
            for place in (folder, folder / TRASH)
            for found, meta in _described(place)
            if "experiment_id" in meta and "run_id" not in meta
        ]
        if not self._homes and not (folder / REGISTRY).is_dir():
            raise InvalidArgument(
                f"{str(folder)!r} is not a folder of MLflow: it holds no experiment.", field="from"
            )

    def size(self) -> Size:
        """How many runs there are."""
        return Size(sum(1 for home, _ in self._homes for _ in _runs_of(home)), None)

    def experiments(self) -> Iterator[Experiment]:
        """Every experiment."""
        for home, meta in self._homes:
            yield Experiment(
                key=_text(meta, "experiment_id"),
                name=_text(meta, "name"),
                is_deleted=_is_deleted(meta),
                created_at_ms=_number(meta, "creation_time") or 0,
                tags=_texts(home / "tags"),
            )

    def runs(self) -> Iterator[Run]:
        """Every run, experiment by experiment."""
        for home, about in self._homes:
            for folder, meta in _runs_of(home):
                tags = _texts(folder / "tags")
                yield Run(
                    run_id=_text(meta, "run_id") or _text(meta, "run_uuid"),
                    experiment=_text(about, "experiment_id"),
                    name=_text(meta, "run_name") or tags.get("mlflow.runName", ""),
                    user_name=_text(meta, "user_id"),
                    status=_STATUS.get(_number(meta, "status") or 0, "finished"),
                    is_deleted=_is_deleted(meta),
                    started_at_ms=_number(meta, "start_time"),
                    ended_at_ms=_number(meta, "end_time"),
                    artifact_uri=_text(meta, "artifact_uri"),
                    params=_texts(folder / "params"),
                    tags=tags,
                    inputs=list(_inputs(home, folder)),
                    model_inputs=_model_inputs(folder),
                    series=_series(folder / "metrics"),
                    files_at=str(folder / "artifacts"),
                )

    def logged_models(self) -> Iterator[LoggedModel]:
        """Every logged model."""
        for home, about in self._homes:
            outputs = _outputs(home)
            for folder, meta in _described(home / "models"):
                model_id = _text(meta, "model_id")
                yield LoggedModel(
                    model_id=model_id,
                    experiment=_text(about, "experiment_id"),
                    name=_text(meta, "name"),
                    model_type=_text(meta, "model_type"),
                    status=MODEL_STATUS.get(_number(meta, "status") or 0, "unspecified"),
                    status_message=_text(meta, "status_message"),
                    is_deleted=_is_deleted(meta),
                    run_id=_text(meta, "source_run_id") or None,
                    artifact_uri=_text(meta, "artifact_location"),
                    created_at_ms=_number(meta, "creation_timestamp") or 0,
                    updated_at_ms=_number(meta, "last_updated_timestamp") or 0,
                    params=_texts(folder / "params"),
                    tags=_texts(folder / "tags"),
                    metrics=list(_model_metrics(folder / "metrics")),
                    outputs=outputs.get(model_id, []),
                    files_at=str(folder / "artifacts"),
                )

    def models(self) -> Iterator[Model]:
        """Every registered model."""
        for folder, meta in _described(self._folder / REGISTRY):
            yield Model(
                name=_text(meta, "name"),
                description=_text(meta, "description"),
                created_at_ms=_number(meta, "creation_timestamp") or 0,
                tags=_texts(folder / "tags"),
                versions=dict(sorted(_versions(folder))),
                aliases={
                    alias: int(version)
                    for alias, version in _texts(folder / "aliases").items()
                    if version.strip().isdigit()
                },
            )

    def close(self) -> None:
        """Nothing is held."""


def _described(place: Path) -> Iterator[tuple[Path, Meta]]:
    """The folders of a place that have a `meta.yaml`, by name."""
    if not place.is_dir():
        return
    for folder in sorted(place.iterdir()):
        if (folder / META).is_file():
            yield folder, read_flat((folder / META).read_text("utf-8"))


def _runs_of(home: Path) -> Iterator[tuple[Path, Meta]]:
    for folder, meta in _described(home):
        if "run_id" in meta or "run_uuid" in meta:
            yield folder, meta


def _files(place: Path) -> Iterator[tuple[str, Path]]:
    """The files below a place, by path; a key with a slash is a folder and a file."""
    if place.is_dir():
        for file in sorted(place.rglob("*")):
            if file.is_file() and len(file.relative_to(place).parts) <= _DEEPEST:
                yield file.relative_to(place).as_posix(), file


def _texts(place: Path) -> dict[str, str]:
    return {key: file.read_bytes().decode("utf-8", "replace") for key, file in _files(place)}


def _series(place: Path) -> dict[str, Series]:
    found = {}
    for key, file in _files(place):
        with file.open(encoding="utf-8") as lines:
            found[key] = Series.of(_point(key, line) for line in lines if line.strip())
    return {key: series for key, series in found.items() if series.count}


def _point(key: str, line: str) -> Point:
    parts = line.split()
    try:
        return (int(parts[2]) if len(parts) > 2 else 0, int(parts[0]), float(parts[1]))
    except (ValueError, IndexError):
        raise InvalidArgument(
            f"The metric {key!r} holds a line that is no point: {line[:80]!r}"
        ) from None


def _inputs(home: Path, folder: Path) -> Iterator[Dataset]:
    for _, meta in _described(folder / "inputs"):
        place = home / "datasets" / _text(meta, "source_id")
        if meta.get("source_type") != "DATASET" or not (place / META).is_file():
            continue
        about = read_flat((place / META).read_text("utf-8"))
        tags = meta.get("tags")
        schema, profile = about.get("schema"), about.get("profile")
        yield Dataset(
            name=_text(about, "name"),
            digest=_text(about, "digest"),
            source_type=_text(about, "source_type"),
            source=_text(about, "source"),
            schema=None if schema is None else str(schema),
            profile=None if profile is None else str(profile),
            tags=tags if isinstance(tags, dict) else {},
        )


def _model_inputs(folder: Path) -> list[str]:
    return sorted(
        _text(meta, "destination_id")
        for _, meta in _described(folder / "inputs")
        if meta.get("destination_type") == "MODEL_INPUT"
    )


def _outputs(home: Path) -> dict[str, list[tuple[str, int]]]:
    found: dict[str, list[tuple[str, int]]] = {}
    for folder, about in _runs_of(home):
        for _, meta in _described(folder / "outputs"):
            entry = (_text(about, "run_id"), _number(meta, "step") or 0)
            found.setdefault(_text(meta, "destination_id"), []).append(entry)
    return found


def _model_metrics(place: Path) -> Iterator[ModelMetric]:
    for key, file in _files(place):
        for line in file.read_text("utf-8").splitlines():
            parts = line.split(" ")
            if len(parts) < 4:
                raise InvalidArgument(f"The metric {key!r} of a logged model is cut short.")
            yield ModelMetric(
                key=key,
                value=float(parts[1]),
                step=int(parts[2]),
                timestamp_ms=int(parts[0]),
                run_id=parts[3],
                dataset_name=" ".join(parts[4:-1]),
                dataset_digest=parts[-1] if len(parts) > 5 else "",
            )


def _versions(folder: Path) -> Iterator[tuple[int, Version]]:
    for place, meta in _described(folder):
        number = _number(meta, "version")
        if number is None or not place.name.startswith("version-"):
            continue
        stage = _text(meta, "current_stage")
        if stage == DELETED_STAGE:
            continue
        yield (
            number,
            Version(
                version=number,
                source=_text(meta, "source"),
                storage=_text(meta, "storage_location"),
                run_id=_text(meta, "run_id") or None,
                model_id=_text(meta, "model_id") or None,
                description=_text(meta, "description"),
                run_link=_text(meta, "run_link"),
                stage="" if stage in NO_STAGE else stage,
                created_at_ms=_number(meta, "creation_timestamp") or 0,
                updated_at_ms=_number(meta, "last_updated_timestamp") or 0,
                tags=_texts(place / "tags"),
            ),
        )


def _text(meta: Meta, key: str) -> str:
    value = meta.get(key)
    return "" if value is None or isinstance(value, dict | list) else str(value)


def _number(meta: Meta, key: str) -> int | None:
    value = meta.get(key)
    if isinstance(value, str) and value.lstrip("-").isdigit():
        return int(value)
    return int(value) if isinstance(value, int | float) else None


def _is_deleted(meta: Meta) -> bool:
    return meta.get("lifecycle_stage") == "deleted"
