"""Routes of the ledger: reading its events and verifying it."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from assay.domain.access import Action
from assay.faces.endpoint import NO_BODY, SMALL_BODY, Call, Endpoint
from assay.services.ledger import EventFilter, LedgerEntry


class LedgerQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which events: `text` is found anywhere in them; from `from_ms` until before `to_ms`."""

    object: str | None = None
    action: str | None = None
    actor: str | None = None
    outcome: Literal["allowed", "denied", "error"] | None = None
    text: str | None = None
    from_ms: int | None = None
    to_ms: int | None = None
    newest_first: bool = False
    max_results: int = 100
    page_token: str | None = None


class EventAnswer(msgspec.Struct):
    """An event of the ledger with its place in the chain."""

    seq: int
    at_ms: int
    actor: str
    action: str
    object: str
    workspace: str | None
    outcome: str
    request_id: str
    details: dict[str, Any]
    before: str | None
    after: str | None
    token_id: str | None
    prev: str
    hash: str


class Events(msgspec.Struct):
    """One page of events."""

    events: list[EventAnswer]
    next_page_token: str | None


class HeadAnswer(msgspec.Struct):
    """The newest event: write it down elsewhere and truncation shows."""

    seq: int
    hash: str


class VerifyRequest(msgspec.Struct, forbid_unknown_fields=True):
    """`deep` reads every file of every version again."""

    deep: bool = False


class FindingAnswer(msgspec.Struct):
    """Something that an untouched database cannot show; `seq` is the event it is about."""

    area: str
    message: str
    seq: int | None


class UnexaminedAnswer(msgspec.Struct):
    """A protected alias whose holder passed no gate: set while it was free, or moved in."""

    workspace: str
    message: str


class ReportAnswer(msgspec.Struct):
    """How much was checked and what was found. Findings beyond a limit are only counted."""

    is_intact: bool
    deep: bool
    events: int
    models: int
    versions: int
    aliases: int
    moves: int
    verdicts: int
    blobs: int
    checkpoints: int
    head: HeadAnswer
    finding_count: int
    findings: list[FindingAnswer]
    unexamined: list[UnexaminedAnswer]
    anchored: dict[str, int]


def list_events(call: Call) -> Events:
    """Events in order, or newest first."""
    query = call.query(LedgerQuery)
    wanted = EventFilter(
        target=query.object,
        action=query.action,
        actor=query.actor,
        outcome=query.outcome,
        text=query.text,
        from_ms=query.from_ms,
        to_ms=query.to_ms,
    )
    page = call.services.ledger.search(
        call.context,
        wanted,
        newest_first=query.newest_first,
        max_results=query.max_results,
        page_token=query.page_token,
    )
    return Events([_event(entry) for entry in page.items], page.next_token)


def head(call: Call) -> HeadAnswer:
    """The newest event's number and hash."""
    found = call.services.ledger.head(call.context)
    return HeadAnswer(found.seq, found.hash)


def verify(call: Call, body: VerifyRequest) -> ReportAnswer:
    """Check the chain, replay it, and compare with the tables and files."""
    report = call.services.audit.run(call.context, deep=body.deep)
    return ReportAnswer(
        is_intact=report.is_ok,
        deep=report.deep,
        events=report.events,
        models=report.models,
        versions=report.versions,
        aliases=report.aliases,
        moves=report.moves,
        verdicts=report.verdicts,
        blobs=report.blobs,
        checkpoints=report.checkpoints,
        head=HeadAnswer(report.head_seq, report.head_hash),
        finding_count=report.finding_count,
        findings=[FindingAnswer(found.area, found.message, found.seq) for found in report.findings],
        anchored=report.anchored,
        unexamined=[UnexaminedAnswer(told.workspace, told.message) for told in report.unexamined],
    )


def _event(entry: LedgerEntry) -> EventAnswer:
    event = entry.event
    return EventAnswer(
        seq=event.seq,
        at_ms=event.at_ms,
        actor=event.actor,
        action=event.action,
        object=event.target,
        workspace=event.workspace,
        outcome=event.outcome.value,
        request_id=event.request_id,
        details=dict(event.details),
        before=event.before,
        after=event.after,
        token_id=event.token_id,
        prev=event.prev,
        hash=entry.hash,
    )


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/api/v1/ledger",
        name="ledger.list",
        summary="Search the events of the ledger",
        permission=Action.LEDGER_READ,
        body_limit=NO_BODY,
        handler=list_events,
        query=LedgerQuery,
        response=Events,
    ),
    Endpoint(
        method="GET",
        path="/api/v1/ledger/head",
        name="ledger.head",
        summary="The newest event's number and hash",
        permission=Action.LEDGER_READ,
        body_limit=NO_BODY,
        handler=head,
        response=HeadAnswer,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/ledger/verify",
        name="ledger.verify",
        summary="Check chain, gaps and replay",
        permission=Action.LEDGER_READ,
        body_limit=SMALL_BODY,
        handler=verify,
        request=VerifyRequest,
        response=ReportAnswer,
    ),
)
