"""Runs with all that they recorded, many at once: a handful of statements whatever their number.

On the driver, since a page of 1,000 runs reads some 20,000 rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from assay.domain.tracking import (
    Dataset,
    LatestMetric,
    ModelOutput,
    Run,
    RunInput,
    WholeRun,
)
from assay.storage.database import Transaction
from assay.storage.dialect import Engine
from assay.storage.runs import as_run

_AMONG: Final = {
    Engine.SQLITE: "IN (SELECT value FROM json_each(?))",
    Engine.POSTGRESQL: "= ANY(%s::bigint[])",
}

_RUNS = (
    "SELECT r.id, r.run_id, w.name, r.experiment_id, r.name, r.status, r.lifecycle, r.user_name,"
    " r.created_by, r.lineage, r.started_at_ms, r.ended_at_ms, r.created_at_ms"
    " FROM runs r JOIN workspaces w ON w.id = r.workspace_id WHERE r.id {among}"
)
_PARAMS = "SELECT run_pk, key, value FROM params WHERE run_pk {among} ORDER BY run_pk, key"
_TAGS = "SELECT run_pk, key, value FROM run_tags WHERE run_pk {among} ORDER BY run_pk, key"
_METRICS = (
    "SELECT run_pk, key_id, last_value, last_timestamp_ms, last_step, count,"
    " min_value, min_step, max_value, max_step FROM metric_summaries WHERE run_pk {among}"
)
_METRIC_KEYS = "SELECT id, key FROM metric_keys WHERE id {among}"
_INPUTS = "SELECT run_pk, id, dataset_id FROM run_inputs WHERE run_pk {among} ORDER BY id"
_INPUT_TAGS = (
    "SELECT input_id, key, value FROM run_input_tags WHERE input_id {among} ORDER BY input_id, key"
)
_DATASETS = (
    "SELECT id, name, digest, source_type, source, schema_text, profile FROM datasets"
    " WHERE id {among}"
)
_OUTPUTS = (
    "SELECT o.run_pk, m.model_id, o.step FROM run_outputs o"
    " JOIN logged_models m ON m.id = o.logged_model_id WHERE o.run_pk {among}"
    " ORDER BY o.run_pk, o.step, m.model_id"
)
_MODEL_INPUTS = (
    "SELECT i.run_pk, m.model_id FROM run_model_inputs i"
    " JOIN logged_models m ON m.id = i.logged_model_id WHERE i.run_pk {among}"
    " ORDER BY i.run_pk, m.model_id"
)
_NAN = float("nan")


def load_runs(tx: Transaction, pks: Sequence[int]) -> tuple[Run, ...]:
    """The runs with those keys, in that order; keys of no run are left out."""
    found = {row[0]: as_run(row) for row in _rows(tx, _RUNS, pks)}
    return tuple(found[pk] for pk in pks if pk in found)


def load_whole_runs(tx: Transaction, runs: Sequence[Run]) -> tuple[WholeRun, ...]:
    """The same runs with their latest metrics by key, params, tags, inputs and outputs."""
    pks = [run.pk for run in runs]
    metrics = _metrics(tx, pks)
    params = _mappings(_rows(tx, _PARAMS, pks))
    tags = _mappings(_rows(tx, _TAGS, pks))
    inputs = _inputs(tx, pks)
    outputs: dict[int, list[ModelOutput]] = {}
    for pk, model_id, step in _rows(tx, _OUTPUTS, pks):
        outputs.setdefault(pk, []).append(ModelOutput(model_id, step))
    model_inputs: dict[int, list[str]] = {}
    for pk, model_id in _rows(tx, _MODEL_INPUTS, pks):
        model_inputs.setdefault(pk, []).append(model_id)
    return tuple(
        WholeRun(
            run,
            tuple(metrics.get(run.pk, ())),
            params.get(run.pk, {}),
            tags.get(run.pk, {}),
            tuple(inputs.get(run.pk, ())),
            tuple(outputs.get(run.pk, ())),
            tuple(model_inputs.get(run.pk, ())),
        )
        for run in runs
    )


def load_whole_run(tx: Transaction, run: Run) -> WholeRun:
    """One run with all that it recorded."""
    return load_whole_runs(tx, [run])[0]


def _metrics(tx: Transaction, pks: Sequence[int]) -> dict[int, list[LatestMetric]]:
    rows = _rows(tx, _METRICS, pks)
    names = dict(_rows(tx, _METRIC_KEYS, {row[1] for row in rows}))
    found: dict[int, list[LatestMetric]] = {}
    for pk, key_id, value, timestamp_ms, step, count, low, low_step, high, high_step in rows:
        metric = LatestMetric(
            names[key_id],
            _NAN if value is None else value,
            timestamp_ms,
            step,
            count,
            low,
            low_step,
            high,
            high_step,
        )
        if pk in found:
            found[pk].append(metric)
        else:
            found[pk] = [metric]
    for metrics in found.values():
        metrics.sort(key=_key_of)
    return found


def _key_of(metric: LatestMetric) -> str:
    return metric.key


def _mappings(rows: Iterable[tuple[Any, ...]]) -> dict[int, dict[str, str]]:
    found: dict[int, dict[str, str]] = {}
    for owner, key, value in rows:
        if owner in found:
            found[owner][key] = value
        else:
            found[owner] = {key: value}
    return found


def _inputs(tx: Transaction, pks: Sequence[int]) -> dict[int, list[RunInput]]:
    rows = _rows(tx, _INPUTS, pks)
    tags = _mappings(_rows(tx, _INPUT_TAGS, [row[1] for row in rows]))
    # Many runs read the same dataset, whose profile may be large: it is read and held once.
    datasets = {row[0]: Dataset(*row[1:]) for row in _rows(tx, _DATASETS, {row[2] for row in rows})}
    found: dict[int, list[RunInput]] = {}
    for pk, input_id, dataset_id in rows:
        found.setdefault(pk, []).append(RunInput(datasets[dataset_id], tags.get(input_id, {})))
    return found


def _rows(tx: Transaction, sql: str, wanted: Iterable[int]) -> list[tuple[Any, ...]]:
    keys = list(wanted)
    if not keys:
        return []
    parameter = f"[{','.join(map(str, keys))}]" if tx.engine is Engine.SQLITE else keys
    return tx.driver_rows(sql.replace("{among}", _AMONG[tx.engine]), (parameter,))
