"""Routes of reproduction: claims, and the check of a run against one. No route changes a claim."""

from __future__ import annotations

from typing import Any

import msgspec

from assay.domain.access import Action
from assay.domain.exact import exact_text
from assay.domain.reproduction import Change, Outcome, Report, terms_record
from assay.faces.endpoint import NO_BODY, SMALL_BODY, Call, Endpoint
from assay.services.reproduction import Claim, KeptClaim


class ClaimRequest(msgspec.Struct, forbid_unknown_fields=True):
    """What is claimed of a version. A metric's bounds are numbers or texts; without any it is exact."""

    name: str
    model: str
    version: int
    suite: str | None = None
    tolerances: dict[str, dict[str, int | float | str]] = {}
    seeds: list[int | float | str] = []
    bitwise: bool = False


class ClaimSummary(msgspec.Struct):
    """A claim, without its terms."""

    name: str
    workspace: str
    model: str
    version: int
    terms_digest: str
    created_by: str
    created_at_ms: int


class ClaimAnswer(ClaimSummary):
    """A claim and its terms; numbers are exact texts."""

    terms: dict[str, Any] = {}


class ClaimsAnswer(msgspec.Struct):
    """One page of claims, oldest first."""

    claims: list[ClaimSummary]
    next_page_token: str | None


class ClaimsQuery(msgspec.Struct, forbid_unknown_fields=True):
    """A page."""

    max_results: int = 100
    page_token: str | None = None


class CheckRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The run to check. `artifact_path`: the folder to compare, by default the claimed version's."""

    run_id: str
    artifact_path: str | None = None


class DifferenceAnswer(msgspec.Struct):
    """One place of the lineage that differs, as canonical texts."""

    path: str
    change: Change
    claimed: str | None
    found: str | None
    hint: str


class MetricAnswer(msgspec.Struct):
    """One metric against its claim, as exact texts; `found` is null where there is no number."""

    metric: str
    claimed: str
    found: str | None
    is_within: bool


class ReportAnswer(msgspec.Struct):
    """The outcome, what it rests on, and the exit code of a check that says so."""

    outcome: Outcome
    exit_code: int
    reasons: list[str]
    differences: list[DifferenceAnswer]
    metrics: list[MetricAnswer]
    is_bitwise: bool | None


def make_claim(call: Call, body: ClaimRequest) -> ClaimAnswer:
    """Make a claim."""
    made = call.services.reproduction.claim(
        call.context,
        body.name,
        body.model,
        body.version,
        suite=body.suite,
        tolerances=body.tolerances,
        seeds=body.seeds,
        is_bitwise=body.bitwise,
    )
    return _claim(made)


def get_claim(call: Call) -> ClaimAnswer:
    """One claim."""
    return _claim(call.services.reproduction.get(call.context, call.path["claim"]))


def list_claims(call: Call) -> ClaimsAnswer:
    """The workspace's claims."""
    query = call.query(ClaimsQuery)
    page = call.services.reproduction.list(
        call.context, max_results=query.max_results, page_token=query.page_token
    )
    return ClaimsAnswer([ClaimSummary(**_facts(kept)) for kept in page.items], page.next_token)


def check_claim(call: Call, body: CheckRequest) -> ReportAnswer:
    """Check a run against a claim."""
    report = call.services.reproduction.check(
        call.context, call.path["claim"], body.run_id, artifact_path=body.artifact_path
    )
    return _report(report)


def _facts(kept: KeptClaim) -> dict[str, Any]:
    return {
        "name": kept.name,
        "workspace": kept.workspace,
        "model": kept.model,
        "version": kept.version,
        "terms_digest": kept.digest,
        "created_by": kept.created_by,
        "created_at_ms": kept.created_at_ms,
    }


def _claim(claim: Claim) -> ClaimAnswer:
    return ClaimAnswer(**_facts(claim.kept), terms=terms_record(claim.terms))


def _report(report: Report) -> ReportAnswer:
    return ReportAnswer(
        outcome=report.outcome,
        exit_code=report.outcome.exit_code,
        reasons=list(report.reasons),
        differences=[
            DifferenceAnswer(found.path, found.change, found.claimed, found.found, found.hint)
            for found in report.differences
        ],
        metrics=[
            MetricAnswer(
                found.metric,
                exact_text(found.claimed),
                None if found.found is None else exact_text(found.found),
                found.is_within,
            )
            for found in report.metrics
        ],
        is_bitwise=report.is_bitwise,
    )


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="POST",
        path="/api/v1/claims",
        name="claims.make",
        summary="Claim that a version can be made again",
        permission=Action.REGISTRY_WRITE,
        body_limit=SMALL_BODY,
        handler=make_claim,
        request=ClaimRequest,
        response=ClaimAnswer,
        status=201,
    ),
    Endpoint(
        method="GET",
        path="/api/v1/claims",
        name="claims.list",
        summary="The claims of the workspace, oldest first",
        permission=Action.REGISTRY_READ,
        body_limit=NO_BODY,
        handler=list_claims,
        query=ClaimsQuery,
        response=ClaimsAnswer,
    ),
    Endpoint(
        method="GET",
        path="/api/v1/claims/{claim}",
        name="claims.get",
        summary="A claim and its terms",
        permission=Action.REGISTRY_READ,
        body_limit=NO_BODY,
        handler=get_claim,
        response=ClaimAnswer,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/claims/{claim}/check",
        name="claims.check",
        summary="Check a run against a claim",
        permission=Action.REGISTRY_READ,
        body_limit=SMALL_BODY,
        handler=check_claim,
        request=CheckRequest,
        response=ReportAnswer,
    ),
)
