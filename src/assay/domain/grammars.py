"""What each search may say: the grammars of runs, experiments, models, versions, logged models."""

from __future__ import annotations

from typing import Final

from assay.domain.filters import (
    EQUALITY_OPERATORS,
    LIST_OPERATORS,
    NULL_OPERATORS,
    NUMERIC_OPERATORS,
    TEXT_OPERATORS,
    Grammar,
    Kind,
    Rule,
)

_METRIC: Final = Rule(Kind.REAL, NUMERIC_OPERATORS)
_TEXT: Final = Rule(Kind.TEXT, TEXT_OPERATORS)
_NULLABLE: Final = Rule(Kind.TEXT, TEXT_OPERATORS | NULL_OPERATORS)
_LISTED: Final = Rule(Kind.TEXT, TEXT_OPERATORS | LIST_OPERATORS)
_ID: Final = Rule(Kind.TEXT, EQUALITY_OPERATORS | LIST_OPERATORS)
_MOMENT: Final = Rule(Kind.MOMENT, NUMERIC_OPERATORS)
_INTEGER: Final = Rule(Kind.INTEGER, NUMERIC_OPERATORS)

_ATTRIBUTE: Final = {"attribute": "attribute", "attributes": "attribute", "attr": "attribute"}
_TAG: Final = {"tag": "tag", "tags": "tag"}
_PARAM: Final = {"param": "param", "params": "param", "parameter": "param", "parameters": "param"}
_METRICS: Final = {"metric": "metric", "metrics": "metric"}


def _alias(rule: Rule, name: str) -> Rule:
    return Rule(rule.kind, rule.operators, name, rule.lower, rule.is_orderable)


_RUN_NAME: Final = _alias(_TEXT, "run_name")
_STARTED: Final = _alias(_MOMENT, "start_time")
_DATASET_KEY: Final = Rule(Kind.TEXT, TEXT_OPERATORS | LIST_OPERATORS, is_orderable=False)

RUNS: Final = Grammar(
    subject="runs",
    prefixes={
        **_ATTRIBUTE,
        **_TAG,
        **_PARAM,
        **_METRICS,
        "run": "attribute",
        "dataset": "dataset",
        "datasets": "dataset",
    },
    open={"metric": _METRIC, "param": _NULLABLE, "tag": _NULLABLE},
    closed={
        "attribute": {
            "run_id": _LISTED,
            "run_name": _TEXT,
            "run name": _RUN_NAME,
            "Run name": _RUN_NAME,
            "Run Name": _RUN_NAME,
            "user_id": _TEXT,
            "status": Rule(Kind.TEXT, TEXT_OPERATORS, lower=True),
            "artifact_uri": _TEXT,
            "start_time": _MOMENT,
            "created": _STARTED,
            "Created": _STARTED,
            "end_time": _MOMENT,
        },
        "dataset": {"name": _DATASET_KEY, "digest": _DATASET_KEY, "context": _DATASET_KEY},
    },
)
"""Metrics compare their latest value; statuses are folded to lower case, as they are stored."""

EXPERIMENTS: Final = Grammar(
    subject="experiments",
    prefixes={**_ATTRIBUTE, **_TAG, "experiment": "attribute"},
    open={"tag": Rule(Kind.TEXT, TEXT_OPERATORS | NULL_OPERATORS, is_orderable=False)},
    closed={
        "attribute": {
            "name": _TEXT,
            "experiment_id": _ID,
            "creation_time": _INTEGER,
            "last_update_time": _INTEGER,
        }
    },
)

_UPDATED: Final = _alias(_INTEGER, "last_updated_timestamp")
_REGISTRY_TAG: Final = Rule(Kind.TEXT, TEXT_OPERATORS, is_orderable=False)

REGISTERED_MODELS: Final = Grammar(
    subject="registered models",
    prefixes={**_ATTRIBUTE, **_TAG},
    open={"tag": _REGISTRY_TAG},
    closed={
        "attribute": {
            "name": _LISTED,
            "creation_timestamp": _INTEGER,
            "last_updated_timestamp": _INTEGER,
            "timestamp": _UPDATED,
        }
    },
)

MODEL_VERSIONS: Final = Grammar(
    subject="model versions",
    prefixes={**_ATTRIBUTE, **_TAG},
    open={"tag": _REGISTRY_TAG},
    closed={
        "attribute": {
            "name": _LISTED,
            "run_id": _LISTED,
            "source_path": _LISTED,
            "version_number": _INTEGER,
            "creation_timestamp": _INTEGER,
            "last_updated_timestamp": _INTEGER,
            "fingerprint": _ID,
        }
    },
)

_CREATED: Final = _alias(_INTEGER, "creation_timestamp")

LOGGED_MODELS: Final = Grammar(
    subject="logged models",
    prefixes={**_ATTRIBUTE, **_TAG, **_PARAM, **_METRICS},
    open={"metric": _METRIC, "param": _TEXT, "tag": _TEXT},
    closed={
        "attribute": {
            "name": _LISTED,
            "model_id": _LISTED,
            "model_type": _LISTED,
            "source_run_id": _LISTED,
            "status": Rule(Kind.TEXT, EQUALITY_OPERATORS | LIST_OPERATORS, lower=True),
            "creation_timestamp": _INTEGER,
            "creation_time": _CREATED,
            "last_updated_timestamp": _INTEGER,
            "last_updated_time": _UPDATED,
        }
    },
)
"""Statuses (`pending`, `ready`, `failed`) are folded to lower case, as they are stored."""
