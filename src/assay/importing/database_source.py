"""MLflow's tracking and registry tables as a source, of any schema that has runs and metrics."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

from assay.domain.errors import InvalidArgument
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
from assay.importing.points import Point, Series, grouped
from assay.importing.rows import Rows

DEFAULT_WORKSPACE: Final = "default"
NO_STAGE: Final = frozenset({"", "None"})
MODEL_STATUS: Final = {0: "unspecified", 1: "pending", 2: "ready", 3: "failed"}
_NEEDED: Final = frozenset({"experiments", "runs", "metrics", "params", "tags"})
DELETED_STAGE: Final = "Deleted_Internal"


class DatabaseSource:
    """The history of one workspace of an MLflow database."""

    def __init__(self, rows: Rows, workspace: str = DEFAULT_WORKSPACE) -> None:
        self._rows = rows
        self._workspace = workspace
        self._tables = rows.tables()
        missing = sorted(_NEEDED - self._tables)
        if missing:
            raise InvalidArgument(
                f"This is not a database of MLflow: it has no table {missing[0]!r}.", field="from"
            )

    def size(self) -> Size:
        """How many runs and points all workspaces of the database have."""
        ((runs,),) = self._rows.stream("SELECT COUNT(*) FROM runs")
        ((points,),) = self._rows.stream("SELECT COUNT(*) FROM metrics")
        return Size(runs, points)

    def experiments(self) -> Iterator[Experiment]:
        """Every experiment by id."""
        for row in self._of_workspace("SELECT * FROM experiments ORDER BY experiment_id"):
            tags = self._pairs("experiment_tags", "experiment_id", row["experiment_id"])
            yield Experiment(
                key=str(row["experiment_id"]),
                name=row["name"],
                is_deleted=row["lifecycle_stage"] == "deleted",
                created_at_ms=row.get("creation_time") or 0,
                tags=tags,
            )

    def runs(self) -> Iterator[Run]:
        """Every run, experiment by experiment."""
        for home in [found.key for found in self.experiments()]:
            found = self._rows.stream(
                "SELECT run_uuid FROM runs WHERE experiment_id = :home ORDER BY start_time, run_uuid",
                home=int(home),
            )
            for run_id in [run_id for (run_id,) in found]:
                yield self._run(run_id)

    def logged_models(self) -> Iterator[LoggedModel]:
        """Every logged model, in the order in which they were made."""
        if "logged_models" not in self._tables:
            return
        homes = {found.key for found in self.experiments()}
        sql = "SELECT * FROM logged_models ORDER BY creation_timestamp_ms, model_id"
        for row in self._rows.select(sql):
            if str(row["experiment_id"]) in homes:
                yield self._logged_model(row)

    def models(self) -> Iterator[Model]:
        """Every registered model by name."""
        if "registered_models" not in self._tables:
            return
        for row in self._of_workspace("SELECT * FROM registered_models ORDER BY name"):
            yield Model(
                name=row["name"],
                description=row["description"] or "",
                created_at_ms=row["creation_time"] or 0,
                tags=self._named_pairs("registered_model_tags", row["name"]),
                versions=self._versions(row["name"]),
                aliases=self._aliases(row["name"]),
            )

    def close(self) -> None:
        """Let go of the database."""
        self._rows.close()

    def _of_workspace(self, sql: str, **values: object) -> list[dict[str, Any]]:
        found = self._rows.select(sql, **values)
        return [row for row in found if row.get("workspace", DEFAULT_WORKSPACE) == self._workspace]

    def _run(self, run_id: str) -> Run:
        (row,) = self._rows.select("SELECT * FROM runs WHERE run_uuid = :run", run=run_id)
        inputs, model_inputs = self._inputs(run_id)
        return Run(
            run_id=run_id,
            experiment=str(row["experiment_id"]),
            name=row.get("name") or "",
            user_name=row["user_id"] or "",
            status=str(row["status"]).lower(),
            is_deleted=row["lifecycle_stage"] == "deleted",
            started_at_ms=row["start_time"],
            ended_at_ms=row["end_time"],
            artifact_uri=row["artifact_uri"] or "",
            params=self._pairs("params", "run_uuid", run_id),
            tags=self._pairs("tags", "run_uuid", run_id),
            inputs=inputs,
            model_inputs=model_inputs,
            series=self._series(run_id),
        )

    def _series(self, run_id: str) -> dict[str, Series]:
        found = self._rows.stream(
            'SELECT "key", step, "timestamp", value, is_nan FROM metrics WHERE run_uuid = :run '
            'ORDER BY "key", step, "timestamp"',
            run=run_id,
        )
        return grouped((row[0], _point(row[1], row[2], row[3], row[4])) for row in found)

    def _inputs(self, run_id: str) -> tuple[list[Dataset], list[str]]:
        if "inputs" not in self._tables:
            return [], []
        sql = "SELECT * FROM inputs WHERE destination_id = :run OR source_id = :run"
        datasets, models = [], []
        for row in self._rows.select(sql, run=run_id):
            if row["source_type"] == "DATASET" and row["destination_type"] == "RUN":
                datasets += self._dataset(row["source_id"], row["input_uuid"])
            elif row["destination_type"] == "MODEL_INPUT":
                models.append(row["destination_id"])
        return datasets, sorted(models)

    def _dataset(self, dataset_id: str, input_id: str) -> list[Dataset]:
        tags = self._rows.select(
            "SELECT name, value FROM input_tags WHERE input_uuid = :input", input=input_id
        )
        found = self._rows.select(
            "SELECT * FROM datasets WHERE dataset_uuid = :dataset", dataset=dataset_id
        )
        return [
            Dataset(
                name=row["name"],
                digest=row["digest"],
                source_type=row["dataset_source_type"],
                source=row["dataset_source"],
                schema=row["dataset_schema"],
                profile=row["dataset_profile"],
                tags={tag["name"]: tag["value"] for tag in tags},
            )
            for row in found
        ]

    def _logged_model(self, row: dict[str, Any]) -> LoggedModel:
        model_id = row["model_id"]
        written = self._rows.stream(
            "SELECT source_id, step FROM inputs WHERE destination_id = :model "
            "AND destination_type = 'MODEL_OUTPUT' ORDER BY source_id",
            model=model_id,
        )
        return LoggedModel(
            model_id=model_id,
            experiment=str(row["experiment_id"]),
            name=row["name"],
            model_type=row["model_type"] or "",
            status=MODEL_STATUS.get(row["status"], "unspecified"),
            status_message=row["status_message"] or "",
            is_deleted=row["lifecycle_stage"] == "deleted",
            run_id=row["source_run_id"] or None,
            artifact_uri=row["artifact_location"],
            created_at_ms=row["creation_timestamp_ms"],
            updated_at_ms=row["last_updated_timestamp_ms"],
            params=self._model_pairs("logged_model_params", "param", model_id),
            tags=self._model_pairs("logged_model_tags", "tag", model_id),
            metrics=self._model_metrics(model_id),
            outputs=[(run_id, step or 0) for run_id, step in written],
        )

    def _model_pairs(self, table: str, kind: str, model_id: str) -> dict[str, str]:
        sql = f"SELECT {kind}_key, {kind}_value FROM {table} WHERE model_id = :model"  # noqa: S608 - our own words
        return {key: value or "" for key, value in self._rows.stream(sql, model=model_id)}

    def _model_metrics(self, model_id: str) -> list[ModelMetric]:
        sql = "SELECT * FROM logged_model_metrics WHERE model_id = :model"
        return [
            ModelMetric(
                key=row["metric_name"],
                value=math.nan if row["metric_value"] is None else float(row["metric_value"]),
                step=row["metric_step"],
                timestamp_ms=row["metric_timestamp_ms"],
                run_id=row["run_id"],
                dataset_name=row["dataset_name"] or "",
                dataset_digest=row["dataset_digest"] or "",
            )
            for row in self._rows.select(sql, model=model_id)
        ]

    def _versions(self, name: str) -> dict[int, Version]:
        sql = "SELECT * FROM model_versions WHERE name = :name ORDER BY version"
        found: dict[int, Version] = {}
        for row in self._of_workspace(sql, name=name):
            stage = row["current_stage"] or ""
            if stage == DELETED_STAGE:
                continue
            number = int(row["version"])
            found[number] = Version(
                version=number,
                source=row["source"] or "",
                storage=row.get("storage_location") or "",
                run_id=row["run_id"] or None,
                model_id=None,
                description=row["description"] or "",
                run_link=row.get("run_link") or "",
                stage="" if stage in NO_STAGE else stage,
                created_at_ms=row["creation_time"] or 0,
                updated_at_ms=row["last_updated_time"] or 0,
                tags=self._named_pairs("model_version_tags", name, number),
            )
        return found

    def _aliases(self, name: str) -> dict[str, int]:
        if "registered_model_aliases" not in self._tables:
            return {}
        sql = "SELECT * FROM registered_model_aliases WHERE name = :name ORDER BY alias"
        return {row["alias"]: int(row["version"]) for row in self._of_workspace(sql, name=name)}

    def _pairs(self, table: str, owner: str, value: object) -> dict[str, str]:
        sql = f'SELECT "key", value FROM {table} WHERE {owner} = :owner'  # noqa: S608 - our own words
        return {key: text or "" for key, text in self._rows.stream(sql, owner=value)}

    def _named_pairs(self, table: str, name: str, version: int | None = None) -> dict[str, str]:
        if table not in self._tables:
            return {}
        one = "" if version is None else " AND version = :version"
        values: dict[str, object] = {"name": name}
        if version is not None:
            values["version"] = version
        sql = f"SELECT * FROM {table} WHERE name = :name{one}"  # noqa: S608 - our own words
        return {row["key"]: row["value"] or "" for row in self._of_workspace(sql, **values)}


def _point(step: int | None, timestamp_ms: int, value: float | None, is_nan: object) -> Point:
    number = math.nan if is_nan or value is None else float(value)
    return (step or 0, timestamp_ms, number)
