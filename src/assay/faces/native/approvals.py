"""Routes of what people decide around a promotion: approvals, freeze windows, break-glass."""

from __future__ import annotations

import msgspec

from assay.domain.access import Action
from assay.domain.review import Approval, BreakGlassRequest, FreezeWindow
from assay.faces.endpoint import NO_BODY, SMALL_BODY, Call, Endpoint
from assay.faces.native.registry_types import MoveAnswer, move_answer


class ApprovalRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The promotion that is agreed to."""

    version: int
    alias: str = "production"
    reason: str = ""


class ApprovalAnswer(msgspec.Struct):
    """An approval, bound to bytes, gate and the alias's revision at that moment."""

    approval_id: str
    model: str
    version: int
    alias: str
    alias_revision: int
    artifact_digest: str
    gate_fingerprint: str
    approver: str
    reason: str
    created_at_ms: int
    withdrawn_at_ms: int | None


class Approvals(msgspec.Struct):
    """One page of approvals in the order in which they were given."""

    approvals: list[ApprovalAnswer]
    next_page_token: str | None


class ApprovalQuery(msgspec.Struct, forbid_unknown_fields=True):
    """A page, of one version if one is named."""

    version: int | None = None
    max_results: int = 100
    page_token: str | None = None


class PageQuery(msgspec.Struct, forbid_unknown_fields=True):
    """A page."""

    max_results: int = 100
    page_token: str | None = None


class FreezeRequest(msgspec.Struct, forbid_unknown_fields=True):
    """No promotion from `starts_at_ms` until before `ends_at_ms` (UTC epoch milliseconds)."""

    starts_at_ms: int
    ends_at_ms: int
    reason: str
    alias: str | None = None


class FreezeAnswer(msgspec.Struct):
    """A freeze window; `alias` None: every protected alias of the workspace."""

    freeze_id: str
    workspace: str
    alias: str | None
    starts_at_ms: int
    ends_at_ms: int
    reason: str
    created_by: str
    created_at_ms: int
    lifted_by: str | None
    lifted_at_ms: int | None


class Freezes(msgspec.Struct):
    """One page of windows in the order in which they were made."""

    freezes: list[FreezeAnswer]
    next_page_token: str | None


class LiftRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Why a freeze ends before its time."""

    reason: str = ""


class BreakGlassBody(msgspec.Struct, forbid_unknown_fields=True):
    """The version that is to take the alias whatever its gate says, and why."""

    model: str
    version: int
    reason: str
    alias: str = "production"


class BreakGlassAnswer(msgspec.Struct):
    """A request; `state` is open, confirmed or cancelled."""

    request_id: str
    workspace: str
    model: str
    version: int
    alias: str
    alias_revision: int
    artifact_digest: str
    reason: str
    requested_by: str
    created_at_ms: int
    expires_at_ms: int
    state: str
    closed_by: str | None
    closed_at_ms: int | None


class BreakGlassRequests(msgspec.Struct):
    """One page of requests in the order in which they were made."""

    requests: list[BreakGlassAnswer]
    next_page_token: str | None


def approve(call: Call, body: ApprovalRequest) -> ApprovalAnswer:
    """Agree to a promotion."""
    given = call.services.reviews.approvals.approve(
        call.context, call.path["name"], body.version, body.alias, reason=body.reason
    )
    return _approval(given)


def list_approvals(call: Call) -> Approvals:
    """Approvals of a model."""
    query = call.query(ApprovalQuery)
    page = call.services.reviews.approvals.list(
        call.context,
        call.path["name"],
        version=query.version,
        max_results=query.max_results,
        page_token=query.page_token,
    )
    return Approvals([_approval(given) for given in page.items], page.next_token)


def withdraw(call: Call) -> ApprovalAnswer:
    """Take back one's own approval."""
    approvals = call.services.reviews.approvals
    return _approval(approvals.withdraw(call.context, call.path["name"], call.path["approval_id"]))


def create_freeze(call: Call, body: FreezeRequest) -> FreezeAnswer:
    """Freeze promotions for a time."""
    made = call.services.reviews.freezes.create(
        call.context, body.starts_at_ms, body.ends_at_ms, body.reason, alias=body.alias
    )
    return _freeze(made)


def list_freezes(call: Call) -> Freezes:
    """All freeze windows."""
    query = call.query(PageQuery)
    page = call.services.reviews.freezes.list(
        call.context, max_results=query.max_results, page_token=query.page_token
    )
    return Freezes([_freeze(window) for window in page.items], page.next_token)


def lift_freeze(call: Call, body: LiftRequest) -> FreezeAnswer:
    """End a freeze before its time."""
    freezes = call.services.reviews.freezes
    return _freeze(freezes.lift(call.context, call.path["freeze_id"], reason=body.reason))


def request_break_glass(call: Call, body: BreakGlassBody) -> BreakGlassAnswer:
    """Ask to move a protected alias past its gate."""
    asked = call.services.reviews.break_glass.request(
        call.context, body.model, body.version, body.alias, body.reason
    )
    return _break_glass(asked)


def list_break_glass(call: Call) -> BreakGlassRequests:
    """All requests."""
    query = call.query(PageQuery)
    page = call.services.reviews.break_glass.list(
        call.context, max_results=query.max_results, page_token=query.page_token
    )
    return BreakGlassRequests([_break_glass(asked) for asked in page.items], page.next_token)


def confirm_break_glass(call: Call) -> MoveAnswer:
    """Move the alias, as the second person."""
    break_glass = call.services.reviews.break_glass
    return move_answer(break_glass.confirm(call.context, call.path["request_id"]))


def cancel_break_glass(call: Call) -> BreakGlassAnswer:
    """Close a request without moving anything."""
    break_glass = call.services.reviews.break_glass
    return _break_glass(break_glass.cancel(call.context, call.path["request_id"]))


def _approval(given: Approval) -> ApprovalAnswer:
    return ApprovalAnswer(
        approval_id=given.approval_id,
        model=given.model,
        version=given.version,
        alias=given.alias,
        alias_revision=given.alias_revision,
        artifact_digest=given.artifact_digest,
        gate_fingerprint=given.gate_fingerprint,
        approver=given.approver,
        reason=given.reason,
        created_at_ms=given.created_at_ms,
        withdrawn_at_ms=given.withdrawn_at_ms,
    )


def _freeze(window: FreezeWindow) -> FreezeAnswer:
    return FreezeAnswer(
        freeze_id=window.freeze_id,
        workspace=window.workspace,
        alias=window.alias,
        starts_at_ms=window.starts_at_ms,
        ends_at_ms=window.ends_at_ms,
        reason=window.reason,
        created_by=window.created_by,
        created_at_ms=window.created_at_ms,
        lifted_by=window.lifted_by,
        lifted_at_ms=window.lifted_at_ms,
    )


def _break_glass(asked: BreakGlassRequest) -> BreakGlassAnswer:
    return BreakGlassAnswer(
        request_id=asked.request_id,
        workspace=asked.workspace,
        model=asked.model,
        version=asked.version,
        alias=asked.alias,
        alias_revision=asked.alias_revision,
        artifact_digest=asked.artifact_digest,
        reason=asked.reason,
        requested_by=asked.requested_by,
        created_at_ms=asked.created_at_ms,
        expires_at_ms=asked.expires_at_ms,
        state=asked.state.value,
        closed_by=asked.closed_by,
        closed_at_ms=asked.closed_at_ms,
    )


_APPROVALS = "/api/v1/models/{name}/approvals"
_BREAK_GLASS = "/api/v1/break-glass"

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path=_APPROVALS,
        name="approvals.list",
        summary="Who approved which promotions of a model",
        permission=Action.REGISTRY_READ,
        body_limit=NO_BODY,
        handler=list_approvals,
        query=ApprovalQuery,
        response=Approvals,
    ),
    Endpoint(
        method="POST",
        path=_APPROVALS,
        name="approvals.give",
        summary="Agree that a version takes a protected alias",
        permission=Action.APPROVE,
        body_limit=SMALL_BODY,
        handler=approve,
        request=ApprovalRequest,
        response=ApprovalAnswer,
        status=201,
    ),
    Endpoint(
        method="DELETE",
        path=_APPROVALS + "/{approval_id}",
        name="approvals.withdraw",
        summary="Withdraw one's own approval",
        permission=Action.APPROVE,
        body_limit=NO_BODY,
        handler=withdraw,
        response=ApprovalAnswer,
    ),
    Endpoint(
        method="GET",
        path="/api/v1/freezes",
        name="freezes.list",
        summary="The freeze windows of the workspace",
        permission=Action.GATE_READ,
        body_limit=NO_BODY,
        handler=list_freezes,
        query=PageQuery,
        response=Freezes,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/freezes",
        name="freezes.create",
        summary="Hold every promotion for a time; rolling back stays possible",
        permission=Action.GATE_WRITE,
        body_limit=SMALL_BODY,
        handler=create_freeze,
        request=FreezeRequest,
        response=FreezeAnswer,
        status=201,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/freezes/{freeze_id}/lift",
        name="freezes.lift",
        summary="End a freeze before its time",
        permission=Action.GATE_WRITE,
        body_limit=SMALL_BODY,
        handler=lift_freeze,
        request=LiftRequest,
        response=FreezeAnswer,
    ),
    Endpoint(
        method="GET",
        path=_BREAK_GLASS,
        name="break_glass.list",
        summary="The break-glass requests of the workspace",
        permission=Action.REGISTRY_READ,
        body_limit=NO_BODY,
        handler=list_break_glass,
        query=PageQuery,
        response=BreakGlassRequests,
    ),
    Endpoint(
        method="POST",
        path=_BREAK_GLASS,
        name="break_glass.request",
        summary="An admin asks to move a protected alias past its gate",
        permission=Action.BREAK_GLASS,
        body_limit=SMALL_BODY,
        handler=request_break_glass,
        request=BreakGlassBody,
        response=BreakGlassAnswer,
        status=201,
    ),
    Endpoint(
        method="POST",
        path=_BREAK_GLASS + "/{request_id}/confirm",
        name="break_glass.confirm",
        summary="A second person moves the alias",
        permission=Action.BREAK_GLASS_CONFIRM,
        body_limit=SMALL_BODY,
        handler=confirm_break_glass,
        response=MoveAnswer,
    ),
    Endpoint(
        method="POST",
        path=_BREAK_GLASS + "/{request_id}/cancel",
        name="break_glass.cancel",
        summary="Close a break-glass request without moving anything",
        permission=Action.BREAK_GLASS_CONFIRM,
        body_limit=SMALL_BODY,
        handler=cancel_break_glass,
        response=BreakGlassAnswer,
    ),
)
