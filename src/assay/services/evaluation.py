"""Eval suites, stored as what their bytes say that they are, and the results that runs report on them."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from assay.blobs.store import BlobInfo, Upload
from assay.bundles.archive import unpack_verified
from assay.bundles.suite_folder import SuiteFolder
from assay.domain.access import Action
from assay.domain.canonical import canonical_text
from assay.domain.errors import (
    DataCorrupted,
    FailedPrecondition,
    InvalidArgument,
    LimitExceeded,
    NotFound,
)
from assay.domain.evaluation import Suite, suite_from_text, suite_text
from assay.domain.event_target import suite_target
from assay.domain.gate_run import EvalSuite
from assay.domain.names import check_metric_key, check_text
from assay.domain.tracking import EvalResult, Lifecycle, Page, Run
from assay.services.catalogue import get_workspace
from assay.services.checks import check_page_size
from assay.services.context import Context
from assay.services.key_pages import KeyPages
from assay.services.ledger import Ledger, actor_text
from assay.services.platform import Platform
from assay.storage import evals, runs
from assay.storage.database import Transaction
from assay.storage.files import record_blob

MAX_PAGE = 1_000
MAX_SUITE_NAME = 300
MAX_RESULTS = 1_000
MAX_RUNS = 10_000


class Evaluation:
    """Stores suites and results."""

    def __init__(self, platform: Platform, ledger: Ledger) -> None:
        self._platform = platform
        self._ledger = ledger

    def begin_bundle(self, context: Context) -> Upload:
        """Start the upload of a suite's bundle; commit it and hand the result to `create_suite`."""
        context.require(Action.GATE_WRITE)
        return self._platform.blobs.begin()

    def create_suite(self, context: Context, bundle: BlobInfo) -> EvalSuite:
        """The suite that an uploaded bundle is; the one that there is, when it was stored before.

        Items, digests and the fingerprint are computed here, from the bytes. Raises InvalidArgument
        for a bundle that is no suite.
        """
        context.require(Action.GATE_WRITE)
        folder = self._read(bundle)
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            workspace = get_workspace(tx, self._platform, context.workspace)
            known = evals.find_suite(tx, context.workspace, folder.fingerprint)
            if known is not None:
                return known
            record_blob(tx, bundle.sha256, bundle.size_bytes, context.now_ms)
            pk = evals.insert_suite(
                tx,
                workspace.pk,
                name=folder.name,
                fingerprint=folder.fingerprint,
                canonical=suite_text(folder.suite),
                bundle_sha256=bundle.sha256,
                item_count=folder.suite.item_count(),
                created_by=actor_text(context),
                now_ms=context.now_ms,
            )
            self._ledger.record(
                tx,
                context,
                action="suite.created",
                object=suite_target(folder.fingerprint),
                workspace=context.workspace,
                details={
                    "name": folder.name,
                    "items": folder.suite.item_count(),
                    "bundle": bundle.sha256,
                },
                after=folder.fingerprint,
            )
            made = evals.find_suite_by_pk(tx, pk)
        assert made is not None
        return made

    def _read(self, bundle: BlobInfo) -> SuiteFolder:
        """Unpack the bundle in a folder of its own and read what it is."""
        with tempfile.TemporaryDirectory(prefix="assay-suite-") as place:
            archive, inside = Path(place, "bundle.tar"), Path(place, "suite")
            with archive.open("wb") as file, self._platform.blobs.open(bundle.sha256) as pieces:
                for piece in pieces:
                    file.write(piece)
            inside.mkdir()
            try:
                folder = unpack_verified(archive, bundle.sha256, inside)
            except DataCorrupted as fault:
                raise InvalidArgument(fault.message, field="bundle") from None
        check_text(folder.name, "name", max_length=MAX_SUITE_NAME, allow_empty=False)
        return folder

    def get_suite(self, context: Context, name: str) -> EvalSuite:
        """The suite of that fingerprint, or else the newest of that name. Raises NotFound."""
        context.require(Action.GATE_READ)
        with self._platform.database.read() as tx:
            return get_suite(tx, context, name)

    def list_suites(
        self, context: Context, *, max_results: int = 100, page_token: str | None = None
    ) -> Page[EvalSuite]:
        """The suites of the workspace, oldest first. Items are shown to gate runners only."""
        context.require(Action.GATE_READ)
        check_page_size(max_results, MAX_PAGE)
        pages = KeyPages("suites", context.workspace)
        with self._platform.database.read() as tx:
            found = evals.list_suites(
                tx,
                context.workspace,
                after_pk=pages.start(page_token),
                limit=max_results + 1,
            )
        return pages.page(found, max_results)

    def log_results(
        self,
        context: Context,
        run_id: str,
        suite: str,
        metrics: Mapping[str, int | float],
        *,
        items: int | None = None,
    ) -> tuple[EvalResult, ...]:
        """Keep what a run scored on a suite: a fingerprint of ours, or any other suite's `name@digest`.

        Written once per metric: the same value again changes nothing, another is InvalidArgument.
        Results on a suite that is stored here name its metrics and count all its items. They help
        to choose a winner; they are never evidence for a gate.
        """
        check_text(suite, "suite", max_length=MAX_SUITE_NAME, allow_empty=False)
        if not 1 <= len(metrics) <= MAX_RESULTS:
            raise LimitExceeded(f"Send 1 to {MAX_RESULTS} metrics at once.", field="metrics")
        if items is not None and not 1 <= items < 2**63:
            raise InvalidArgument("items must be a whole number from 1.", field="items")
        with self._platform.database.write() as tx:
            run = self._run(tx, context, run_id, Action.TRACKING_WRITE)
            if run.lifecycle is not Lifecycle.ACTIVE:
                raise FailedPrecondition(f"Run {run_id!r} must be in the 'active' state.")
            known = evals.find_suite(tx, run.workspace, suite)
            if known is not None:
                _check_against(suite_from_text(evals.suite_text_of(tx, known.pk)), metrics, items)
            for metric, value in sorted(metrics.items()):
                self._keep(tx, context, run, suite, metric, value, items)
            found = evals.list_results(tx, [run.pk])
        return tuple(result for result in found if result.suite_fingerprint == suite)

    def _keep(
        self,
        tx: Transaction,
        context: Context,
        run: Run,
        suite: str,
        metric: str,
        value: float,
        items: int | None,
    ) -> None:
        check_metric_key(metric, "metrics")
        text = _value_text(metric, value)
        kept = evals.find_result(tx, run.pk, suite, metric)
        if kept is not None:
            if (kept.value_text, kept.items) != (text, items):
                raise InvalidArgument(
                    f"{metric!r} on suite {suite!r} was reported as {kept.value_text} "
                    f"and cannot become {text}.",
                    field=f"metrics.{metric}",
                )
            return
        evals.insert_result(
            tx,
            run.pk,
            suite=suite,
            metric=metric,
            value=float(value),
            value_text=text,
            items=items,
            created_by=actor_text(context),
            now_ms=context.now_ms,
        )

    def results(self, context: Context, run_ids: Sequence[str]) -> tuple[EvalResult, ...]:
        """What the runs reported, by run, suite and metric."""
        if len(run_ids) > MAX_RUNS:
            raise LimitExceeded(f"At most {MAX_RUNS} runs at once.", field="run_ids")
        with self._platform.database.read() as tx:
            found = [self._run(tx, context, run_id, Action.TRACKING_READ) for run_id in run_ids]
            return tuple(evals.list_results(tx, [run.pk for run in found]))

    def _run(self, tx: Transaction, context: Context, run_id: str, action: Action) -> Run:
        run = runs.find_run(tx, run_id)
        if run is None:
            raise NotFound(f"Run {run_id[:300]!r} does not exist.", field="run_id")
        context.require_object(action, run.workspace, f"Run {run_id!r}")
        return run


def get_suite(tx: Transaction, context: Context, name: str) -> EvalSuite:
    """The suite of that fingerprint, or else the newest of that name. Raises NotFound."""
    bare = name.removeprefix("sha256:")
    found = evals.find_suite(tx, context.workspace, bare)
    if found is None:
        found = evals.find_suite_named(tx, context.workspace, name)
    if found is None:
        raise NotFound(f"Eval suite {name[:300]!r} does not exist.", field="suite")
    return found


def _check_against(suite: Suite, metrics: Mapping[str, object], items: int | None) -> None:
    for metric in metrics:
        suite.metric(metric)
        count = suite.count_of(metric)
        if items is not None and items != count:
            raise InvalidArgument(
                f"{metric!r} was scored on {items} items; the suite has {count}. A part of an "
                "exam is not comparable with the exam.",
                field="items",
            )


def _value_text(metric: str, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidArgument(f"{metric!r} must be a number.", field=f"metrics.{metric}")
    if isinstance(value, float) and math.isnan(value):
        return "NaN"  # a result, too: it is kept, and no winner is chosen from it
    try:
        return canonical_text(value)
    except InvalidArgument:
        raise InvalidArgument(f"{metric!r} must be finite.", field=f"metrics.{metric}") from None
