"""Statements on eval suites and on the results that runs report on them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, bindparam, insert, select

from assay.domain.gate_run import EvalSuite
from assay.domain.tracking import EvalResult
from assay.storage.database import Transaction
from assay.storage.tables.governance import eval_results, eval_suites
from assay.storage.tables.tracking import runs, workspaces

_SUITES = select(
    eval_suites.c.id,
    workspaces.c.name.label("workspace"),
    eval_suites.c.name,
    eval_suites.c.fingerprint,
    eval_suites.c.bundle_sha256,
    eval_suites.c.item_count,
    eval_suites.c.created_by,
    eval_suites.c.created_at_ms,
).join_from(eval_suites, workspaces)
_IN_WORKSPACE = _SUITES.where(workspaces.c.name == bindparam("workspace"))
_BY_FINGERPRINT = _IN_WORKSPACE.where(eval_suites.c.fingerprint == bindparam("fingerprint"))
_BY_NAME = (
    _IN_WORKSPACE.where(eval_suites.c.name == bindparam("name"))
    .order_by(eval_suites.c.id.desc())
    .limit(1)
)
_BY_PK = _SUITES.where(eval_suites.c.id == bindparam("pk"))
_PAGE = _IN_WORKSPACE.where(eval_suites.c.id > bindparam("after")).order_by(eval_suites.c.id)
_TEXT = select(eval_suites.c.canonical).where(eval_suites.c.id == bindparam("pk"))
_RESULTS = select(eval_results, runs.c.run_id).join_from(eval_results, runs)
_RESULT = _RESULTS.where(
    eval_results.c.run_pk == bindparam("run_pk"),
    eval_results.c.suite_fingerprint == bindparam("suite"),
    eval_results.c.metric == bindparam("metric"),
)


def insert_suite(
    tx: Transaction,
    workspace_pk: int,
    *,
    name: str,
    fingerprint: str,
    canonical: str,
    bundle_sha256: str | None,
    item_count: int,
    created_by: str,
    now_ms: int,
) -> int:
    """Add a suite and return its key; a suite of that fingerprint is AlreadyExists."""
    result = tx.execute(
        insert(eval_suites)
        .values(
            workspace_id=workspace_pk,
            name=name,
            fingerprint=fingerprint,
            canonical=canonical,
            bundle_sha256=bundle_sha256,
            item_count=item_count,
            created_by=created_by,
            created_at_ms=now_ms,
        )
        .returning(eval_suites.c.id)
    )
    return int(result.scalar_one())


def find_suite(tx: Transaction, workspace: str, fingerprint: str) -> EvalSuite | None:
    """The suite of that fingerprint."""
    parameters = {"workspace": workspace, "fingerprint": fingerprint}
    row = tx.execute(_BY_FINGERPRINT, parameters).first()
    return None if row is None else _suite(row)


def find_suite_named(tx: Transaction, workspace: str, name: str) -> EvalSuite | None:
    """The newest suite that was given that name."""
    row = tx.execute(_BY_NAME, {"workspace": workspace, "name": name}).first()
    return None if row is None else _suite(row)


def find_suite_by_pk(tx: Transaction, pk: int) -> EvalSuite | None:
    """The suite of that key."""
    row = tx.execute(_BY_PK, {"pk": pk}).first()
    return None if row is None else _suite(row)


def list_suites(tx: Transaction, workspace: str, *, after_pk: int, limit: int) -> list[EvalSuite]:
    """Suites in the order in which they were added."""
    rows = tx.execute(_PAGE.limit(limit), {"workspace": workspace, "after": after_pk})
    return [_suite(row) for row in rows]


def suite_text_of(tx: Transaction, pk: int) -> str:
    """The canonical text of a suite."""
    return str(tx.execute(_TEXT, {"pk": pk}).scalar_one())


def find_result(tx: Transaction, run_pk: int, suite: str, metric: str) -> EvalResult | None:
    """What the run reported for a metric on a suite."""
    parameters = {"run_pk": run_pk, "suite": suite, "metric": metric}
    row = tx.execute(_RESULT, parameters).first()
    return None if row is None else _result(row)


def insert_result(
    tx: Transaction,
    run_pk: int,
    *,
    suite: str,
    metric: str,
    value: float,
    value_text: str,
    items: int | None,
    created_by: str,
    now_ms: int,
) -> None:
    """Add a result; NaN is stored as NULL beside its text."""
    tx.execute(
        insert(eval_results).values(
            run_pk=run_pk,
            suite_fingerprint=suite,
            metric=metric,
            value=None if math.isnan(value) else value,
            value_text=value_text,
            items=items,
            created_by=created_by,
            created_at_ms=now_ms,
        )
    )


def list_results(tx: Transaction, run_pks: Sequence[int]) -> list[EvalResult]:
    """The results of several runs, by run, suite and metric."""
    if not run_pks:
        return []
    statement = _RESULTS.where(eval_results.c.run_pk.in_(run_pks)).order_by(
        eval_results.c.run_pk, eval_results.c.suite_fingerprint, eval_results.c.metric
    )
    return [_result(row) for row in tx.execute(statement)]


def _suite(row: Row[Any]) -> EvalSuite:
    return EvalSuite(
        pk=row.id,
        workspace=row.workspace,
        name=row.name,
        fingerprint=row.fingerprint,
        bundle_sha256=row.bundle_sha256,
        item_count=row.item_count,
        created_by=row.created_by,
        created_at_ms=row.created_at_ms,
    )


def _result(row: Row[Any]) -> EvalResult:
    return EvalResult(
        run_id=row.run_id,
        suite_fingerprint=row.suite_fingerprint,
        metric=row.metric,
        value=math.nan if row.value is None else row.value,
        value_text=row.value_text,
        items=row.items,
        created_by=row.created_by,
        created_at_ms=row.created_at_ms,
    )
