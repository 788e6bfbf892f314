"""Claims that a version can be made again, and the check of a run against one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from assay.domain.access import Action
from assay.domain.artifact import artifact_digest
from assay.domain.canonical import JsonValue, as_object, canonical_text, parse_strict, sha256_hex
from assay.domain.errors import (
    AlreadyExists,
    DataCorrupted,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
)
from assay.domain.exact import exact
from assay.domain.names import check_text
from assay.domain.registry import ModelVersion
from assay.domain.reproduction import (
    MAX_SEEDS,
    Candidate,
    ClaimedMetric,
    Report,
    Terms,
    Tolerance,
    check,
    parse_metrics,
    terms_from,
    terms_record,
)
from assay.domain.tracking import EvalResult, Page
from assay.services.catalogue import get_model, get_version, get_workspace
from assay.services.checks import check_page_size
from assay.services.context import Context
from assay.services.key_pages import KeyPages
from assay.services.ledger import Ledger, actor_text
from assay.services.platform import Platform
from assay.services.run_lineage import lineage_of_run
from assay.services.runs import get_run
from assay.services.sources import read_source
from assay.storage import evals
from assay.storage import reproduction as rows
from assay.storage.database import Transaction
from assay.storage.reproduction import KeptClaim

__all__ = ["Claim", "KeptClaim", "Reproduction"]

MAX_PAGE: Final = 1_000
MAX_NAME: Final = 200
_MAX_TERMS: Final = 16 << 20


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim with what it says."""

    kept: KeptClaim
    terms: Terms


class Reproduction:
    """Makes claims, which nobody can change, and checks candidates against them."""

    def __init__(self, platform: Platform, ledger: Ledger) -> None:
        self._platform = platform
        self._ledger = ledger

    def claim(
        self,
        context: Context,
        name: str,
        model: str,
        version: int | str,
        *,
        suite: str | None = None,
        tolerances: Mapping[str, object] | None = None,
        seeds: Sequence[JsonValue] = (),
        is_bitwise: bool = False,
    ) -> Claim:
        """Claim, from now on and for ever, that a version's run can be done again.

        The values are those that the run scored on `suite` (which may be left out where there is only
        one): all of its metrics, or those that `tolerances` names; a metric without bounds has to be
        equal. Raises FailedPrecondition for a version without closed lineage or scores, AlreadyExists
        for a name that is taken.
        """
        context.require(Action.REGISTRY_WRITE)
        check_text(name, "name", max_length=MAX_NAME, allow_empty=False)
        bounds = parse_metrics(tolerances or {})
        if len(seeds) > MAX_SEEDS:
            raise InvalidArgument(f"A claim names at most {MAX_SEEDS} seeds.", field="seeds")
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            workspace = get_workspace(tx, self._platform, context.workspace)
            found = get_version(tx, get_model(tx, context, model), version)
            terms = _terms(tx, context, found, suite, bounds, tuple(seeds), is_bitwise=is_bitwise)
            text = canonical_text(terms_record(terms), max_bytes=None)
            is_new = rows.insert_claim(
                tx,
                workspace.pk,
                found.pk,
                name=name,
                terms=text,
                digest=sha256_hex(text),
                created_by=actor_text(context),
                now_ms=context.now_ms,
            )
            if not is_new:
                raise AlreadyExists(
                    f"There is a claim {name!r} already, and claims are never changed.",
                    field="name",
                )
            self._ledger.record(
                tx,
                context,
                action="reproduction.claimed",
                object=f"claim:{name}",
                workspace=context.workspace,
                details={
                    "model": found.model,
                    "version": found.version,
                    "fingerprint": terms.fingerprint,
                    "terms_digest": sha256_hex(text),
                },
                after=sha256_hex(text),
            )
            return _get(tx, context, name)

    def get(self, context: Context, name: str) -> Claim:
        """The claim of that name. Raises NotFound, DataCorrupted when its terms were altered."""
        context.require(Action.REGISTRY_READ)
        with self._platform.database.read() as tx:
            return _get(tx, context, name)

    def list(
        self, context: Context, *, max_results: int = 100, page_token: str | None = None
    ) -> Page[KeptClaim]:
        """The claims of the workspace, oldest first."""
        context.require(Action.REGISTRY_READ)
        check_page_size(max_results, MAX_PAGE)
        pages = KeyPages("claims", context.workspace)
        with self._platform.database.read() as tx:
            found = rows.list_claims(
                tx, context.workspace, after_pk=pages.start(page_token), limit=max_results + 1
            )
        return pages.page(found, max_results)

    def check(
        self, context: Context, name: str, run_id: str, *, artifact_path: str | None = None
    ) -> Report:
        """Check a run of the workspace against a claim. Nothing is written.

        Files are compared below `artifact_path`, by default the folder that the claimed version came
        from. Raises NotFound for a claim or a run that the caller does not see here.
        """
        context.require(Action.REGISTRY_READ)
        with self._platform.database.read() as tx:
            claim = _get(tx, context, name)
            version = get_version(tx, get_model(tx, context, claim.kept.model), claim.kept.version)
        drawn = lineage_of_run(self._platform, context, run_id)
        with self._platform.database.read() as tx:
            run = get_run(tx, context, Action.TRACKING_READ, run_id)
            if run.workspace != claim.kept.workspace:
                raise NotFound(
                    f"Run {run_id!r} is not in the claim's workspace {claim.kept.workspace!r}.",
                    field="run_id",
                )
            results = evals.list_results(tx, [run.pk])
            path = version.artifact_path if artifact_path is None else artifact_path
            digest = _digest(tx, context, run_id, path)
        missing = tuple(drawn.draft.missing)
        if drawn.problem is not None:
            missing = missing or ("lineage",)
        candidate = Candidate(
            lineage=dict(drawn.draft.fields),
            missing=missing,
            scores=_scores(results, claim.terms.suite),
            other_suites=tuple(
                sorted({r.suite_fingerprint for r in results} - {claim.terms.suite})
            ),
            artifact_digest=digest,
        )
        return check(claim.terms, candidate)


def _get(tx: Transaction, context: Context, name: str) -> Claim:
    kept = rows.find_claim(tx, context.workspace, name)
    if kept is None:
        raise NotFound(f"There is no claim {name[:200]!r}.", field="claim")
    if sha256_hex(kept.terms) != kept.digest:
        raise DataCorrupted(f"The terms of claim {name!r} are not those that were claimed.")
    record = as_object(parse_strict(kept.terms, root="terms", max_bytes=_MAX_TERMS), "terms")
    return Claim(kept, terms_from(record))


def _terms(
    tx: Transaction,
    context: Context,
    version: ModelVersion,
    suite: str | None,
    bounds: Mapping[str, Tolerance],
    seeds: tuple[JsonValue, ...],
    *,
    is_bitwise: bool,
) -> Terms:
    what = f"Version {version.version} of {version.model!r}"
    if version.lineage_canonical is None or version.fingerprint is None or version.run_id is None:
        raise FailedPrecondition(
            f"{what} has no closed lineage or no run: nobody could do it again.", field="version"
        )
    run = get_run(tx, context, Action.TRACKING_READ, version.run_id)
    results = evals.list_results(tx, [run.pk])
    chosen = _suite(results, suite, what, is_needed=bool(bounds) or not is_bitwise)
    scores = _scores(results, chosen)
    unknown = sorted(
        set(bounds) - {metric for metric, score in scores.items() if score is not None}
    )
    if unknown:
        raise FailedPrecondition(
            f"The run of {what} has no number for {', '.join(unknown)} on suite {chosen}.",
            field="tolerances",
        )
    lineage = as_object(parse_strict(version.lineage_canonical, root="lineage"), "lineage")
    return Terms(
        lineage=lineage,
        fingerprint=version.fingerprint,
        suite=chosen,
        metrics={
            metric: ClaimedMetric(score, bounds.get(metric, Tolerance()))
            for metric, score in scores.items()
            if score is not None and (not bounds or metric in bounds)
        },
        artifact_digest=version.artifact_digest,
        is_bitwise=is_bitwise,
        seeds=seeds,
    )


def _suite(
    results: Sequence[EvalResult], suite: str | None, what: str, *, is_needed: bool
) -> str | None:
    held = sorted({result.suite_fingerprint for result in results})
    if suite is not None:
        if suite in held:
            return suite
        listed = ", ".join(held) or "none"
        raise FailedPrecondition(
            f"The run of {what} was not scored on suite {suite}; it was on: {listed}.",
            field="suite",
        )
    if len(held) == 1:
        return held[0]
    if held:
        raise FailedPrecondition(
            f"The run of {what} was scored on several suites; say which: {', '.join(held)}.",
            field="suite",
        )
    if is_needed:
        raise FailedPrecondition(
            f"The run of {what} has no eval results to claim. Log some, or claim equal files with "
            "bitwise.",
            field="suite",
        )
    return None


def _scores(results: Sequence[EvalResult], suite: str | None) -> dict[str, Fraction | None]:
    return {
        result.metric: None if result.value_text == "NaN" else exact(result.value_text)
        for result in results
        if result.suite_fingerprint == suite
    }


def _digest(tx: Transaction, context: Context, run_id: str, path: str | None) -> str | None:
    files = read_source(tx, context, run_id=run_id, artifact_path=path, logged_model_id=None).files
    return artifact_digest(files) if files else None
