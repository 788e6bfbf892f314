"""What Assay's limits change about a history: said each time, and the same on every import."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from assay.domain.canonical import text_fault
from assay.domain.errors import InvalidArgument
from assay.domain.names import (
    MAX_EXPERIMENT_TAG_VALUE,
    MAX_KEY,
    MAX_LOCATION,
    MAX_PARAM_VALUE,
    MAX_REGISTRY_TAG_VALUE,
    MAX_RUN_NAME,
    MAX_TAG_VALUE,
    check_alias,
)
from assay.importing.history import Experiment, LoggedModel, Model, Run, Version
from assay.importing.points import Series
from assay.importing.tally import Report

MAX_USER_NAME: Final = 256
MAX_STATUS_MESSAGE: Final = 500
_UNPRINTED: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})


def fit_experiment(found: Experiment, report: Report) -> Experiment:
    """The experiment as it can arrive."""
    what = f"experiment {found.name!r}"
    tags = _pairs(found.tags, MAX_EXPERIMENT_TAG_VALUE, f"tag of {what}", report)
    return replace(found, tags=tags, created_at_ms=max(found.created_at_ms, 0))


def fit_run(found: Run, report: Report) -> Run:
    """The run as it can arrive."""
    what = f"run {found.run_id}"
    name = _title(found.name) or found.run_id
    if found.name and name != found.name:
        report.note_change(f"{what}: its name {found.name[:80]!r} became {name[:80]!r}")
    return replace(
        found,
        name=name[:MAX_RUN_NAME],
        user_name=_plain(found.user_name)[:MAX_USER_NAME],
        started_at_ms=_moment(found.started_at_ms),
        ended_at_ms=_moment(found.ended_at_ms),
        params=_pairs(found.params, MAX_PARAM_VALUE, f"param of {what}", report),
        tags=_pairs(found.tags, MAX_TAG_VALUE, f"tag of {what}", report),
        series=_series(found.series, what, report),
    )


def fit_logged_model(found: LoggedModel, report: Report) -> LoggedModel:
    """The logged model as it can arrive."""
    what = f"logged model {found.model_id}"
    return replace(
        found,
        status_message=_plain(found.status_message)[:MAX_STATUS_MESSAGE],
        params=_pairs(found.params, MAX_PARAM_VALUE, f"param of {what}", report),
        tags=_pairs(found.tags, MAX_TAG_VALUE, f"tag of {what}", report),
    )


def fit_model(found: Model, report: Report) -> Model:
    """The registered model as it can arrive, with its versions and aliases."""
    what = f"model {found.name!r}"
    aliases = {}
    for alias, number in found.aliases.items():
        try:
            aliases[check_alias(alias)] = number
        except InvalidArgument as refusal:
            report.note_missing(f"{what}: alias {alias!r}: {refusal.message}")
            continue
        if number not in found.versions:
            del aliases[alias]
            report.note_change(f"{what}: alias {alias!r} named version {number}, which is gone")
    return replace(
        found,
        description=_plain(found.description),
        tags=_pairs(found.tags, MAX_REGISTRY_TAG_VALUE, f"tag of {what}", report),
        versions={n: _fit_version(v, what, report) for n, v in found.versions.items()},
        aliases=aliases,
    )


def _fit_version(found: Version, model: str, report: Report) -> Version:
    what = f"version {found.version} of {model}"
    return replace(
        found,
        source=_plain(found.source)[:MAX_LOCATION],
        run_link=_plain(found.run_link)[:MAX_LOCATION],
        description=_plain(found.description),
        tags=_pairs(found.tags, MAX_REGISTRY_TAG_VALUE, f"tag of {what}", report),
    )


def _pairs(values: Mapping[str, str], longest: int, what: str, report: Report) -> dict[str, str]:
    fitted = {}
    for key, value in values.items():
        if not key or len(key) > MAX_KEY or text_fault(key) is not None:
            report.note_missing(f"{what}: the key {key[:80]!r} is not legal here")
            continue
        fitted[key] = _plain(value)[:longest]
        if fitted[key] != value:
            report.note_change(f"{what}: {key!r} was cut to {longest} characters or cleaned")
    return fitted


def _series(found: Mapping[str, Series], what: str, report: Report) -> dict[str, Series]:
    fitted = {}
    for key, series in found.items():
        if not key or len(key) > MAX_KEY or text_fault(key) is not None:
            report.note_missing(f"{what}: the metric {key[:80]!r} has a key that is not legal here")
        elif min(series.timestamps_ms, default=0) < 0:
            report.note_missing(f"{what}: the metric {key[:80]!r} has points from before 1970")
        else:
            fitted[key] = series
    return fitted


def _moment(at_ms: int | None) -> int | None:
    return None if at_ms is None or at_ms < 0 else at_ms


def _plain(text: str) -> str:
    """A text that every database keeps."""
    if text_fault(text) is None:
        return text
    return "".join(
        "\ufffd" if mark == "\0" or "\ud800" <= mark <= "\udfff" else mark for mark in text
    )


def _title(text: str) -> str:
    kept = (" " if unicodedata.category(mark) in _UNPRINTED else mark for mark in text)
    return "".join(kept) if text.strip() else ""
