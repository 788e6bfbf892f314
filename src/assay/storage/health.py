"""Statements on the findings of RL health and on its thresholds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select, update

from assay.domain.health import Detector, Finding
from assay.storage import dialect
from assay.storage.database import Transaction
from assay.storage.dialect import Engine
from assay.storage.tables.health import health_findings, health_thresholds
from assay.storage.tables.tracking import runs, workspaces


@dataclass(frozen=True, slots=True)
class KeptFinding:
    """A finding as it stands: `cleared_at_ms` is None while the detector still sees it."""

    run_id: str
    finding: Finding
    found_at_ms: int
    updated_at_ms: int
    cleared_at_ms: int | None


_ALL = select(
    runs.c.run_id,
    health_findings.c.detector,
    health_findings.c.key,
    health_findings.c.first_step,
    health_findings.c.last_step,
    health_findings.c.numbers,
    health_findings.c.message,
    health_findings.c.found_at_ms,
    health_findings.c.updated_at_ms,
    health_findings.c.cleared_at_ms,
).join_from(health_findings, runs)
_OF_RUN = _ALL.where(health_findings.c.run_pk == bindparam("run_pk")).order_by(
    health_findings.c.detector, health_findings.c.key
)
_OF_EXPERIMENT = (
    _ALL.where(
        runs.c.experiment_id == bindparam("experiment_pk"),
        health_findings.c.cleared_at_ms.is_(None),
        health_findings.c.id < bindparam("before"),
    )
    .add_columns(health_findings.c.id)
    .order_by(health_findings.c.id.desc())
    .limit(bindparam("limit"))
)
_KNOWN = select(health_findings.c.detector, health_findings.c.key).where(
    health_findings.c.run_pk == bindparam("run_pk")
)
_CLEAR = (
    update(health_findings)
    .where(
        health_findings.c.run_pk == bindparam("of_run"),
        health_findings.c.detector == bindparam("of_detector"),
        health_findings.c.key == bindparam("of_key"),
        health_findings.c.cleared_at_ms.is_(None),
    )
    .values(cleared_at_ms=bindparam("now_ms"))
)
_PLACES = (
    select(runs.c.id, runs.c.run_id, workspaces.c.id, workspaces.c.name)
    .join_from(runs, workspaces)
    .where(runs.c.id.in_(bindparam("pks", expanding=True)))
)
_THRESHOLDS = select(health_thresholds.c.thresholds).where(
    health_thresholds.c.workspace_id == bindparam("workspace_pk")
)


def _upsertion(engine: Engine) -> Any:
    kept = ("first_step", "last_step", "numbers", "message", "updated_at_ms", "cleared_at_ms")
    names = ("run_pk", "detector", "key", "found_at_ms", *kept)
    statement = dialect.insert(engine, health_findings).values(
        {name: bindparam(name) for name in names}
    )
    return statement.on_conflict_do_update(
        index_elements=["run_pk", "detector", "key"],
        set_={name: statement.excluded[name] for name in kept},
    )


_UPSERT = {engine: _upsertion(engine) for engine in Engine}


@dataclass(frozen=True, slots=True)
class RunPlace:
    """Where a run is."""

    run_pk: int
    run_id: str
    workspace_pk: int
    workspace: str


def places_of(tx: Transaction, run_pks: Iterable[int]) -> tuple[RunPlace, ...]:
    """Ids and workspaces of the runs with these keys; those that are gone are left out."""
    return tuple(RunPlace(*row) for row in tx.execute(_PLACES, {"pks": list(run_pks)}))


def known_findings(tx: Transaction, run_pk: int) -> set[tuple[str, str]]:
    """Detector and key of all that was ever found in a run."""
    return {(row[0], row[1]) for row in tx.execute(_KNOWN, {"run_pk": run_pk})}


def keep_findings(tx: Transaction, run_pk: int, found: Sequence[Finding], now_ms: int) -> None:
    """Write the findings down as they stand now, in place of earlier ones of the same series."""
    if not found:
        return
    rows = [
        {
            "run_pk": run_pk,
            "detector": finding.detector.value,
            "key": finding.key,
            "first_step": finding.first_step,
            "last_step": finding.last_step,
            "numbers": json.dumps(dict(finding.numbers), sort_keys=True),
            "message": finding.message,
            "found_at_ms": now_ms,
            "updated_at_ms": now_ms,
            "cleared_at_ms": None,
        }
        for finding in found
    ]
    tx.execute(_UPSERT[tx.engine], rows)


def clear_findings(
    tx: Transaction, run_pk: int, gone: Iterable[tuple[str, str]], now_ms: int
) -> None:
    """Mark what is no longer seen."""
    rows = [
        {"of_run": run_pk, "of_detector": detector, "of_key": key, "now_ms": now_ms}
        for detector, key in sorted(gone)
    ]
    if rows:
        tx.execute(_CLEAR, rows)


def list_findings(tx: Transaction, run_pk: int) -> tuple[KeptFinding, ...]:
    """All that was ever found in a run, by detector and key."""
    return tuple(_kept(row) for row in tx.execute(_OF_RUN, {"run_pk": run_pk}))


def list_open_findings(
    tx: Transaction, experiment_pk: int, before: int, limit: int
) -> list[tuple[int, KeptFinding]]:
    """What stands in the runs of an experiment, newest first, each with its number for paging."""
    values = {"experiment_pk": experiment_pk, "before": before, "limit": limit}
    return [(row[-1], _kept(row)) for row in tx.execute(_OF_EXPERIMENT, values)]


def last_number(tx: Transaction) -> int:
    """A number above that of every finding."""
    return (
        int(tx.execute(select(func.coalesce(func.max(health_findings.c.id), 0))).scalar_one()) + 1
    )


def thresholds_of(tx: Transaction, workspace_pk: int) -> dict[str, object]:
    """The thresholds that a workspace set; empty for none."""
    kept = tx.execute(_THRESHOLDS, {"workspace_pk": workspace_pk}).scalar()
    return {} if kept is None else dict(json.loads(kept))


def set_thresholds(
    tx: Transaction, workspace_pk: int, values: Mapping[str, float], now_ms: int
) -> None:
    """Let a workspace have these thresholds and no others of its own."""
    table = health_thresholds
    tx.execute(delete(table).where(table.c.workspace_id == workspace_pk))
    if values:
        tx.execute(
            insert(table).values(
                workspace_id=workspace_pk,
                thresholds=json.dumps(dict(values), sort_keys=True),
                updated_at_ms=now_ms,
            )
        )


def _kept(row: Sequence[Any]) -> KeptFinding:
    run_id, detector, key, first_step, last_step, numbers, message = row[:7]
    finding = Finding(Detector(detector), key, first_step, last_step, json.loads(numbers), message)
    return KeptFinding(run_id, finding, *row[7:10])
