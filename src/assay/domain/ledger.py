"""The ledger: what an event is, how events chain, and what replaying them must reproduce.

An event's body is canonical JSON that holds its number and the hash of the event before; its hash
is SHA-256 of the body. So an edit, a gap and a swap show. Writing and reading events lives
elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from assay.domain.canonical import (
    JsonValue,
    as_object,
    canonical_text,
    check_value,
    parse_canonical,
    sha256_hex,
)
from assay.domain.errors import AppError, DataCorrupted

SCHEME: Final = "ledger-v1"
GENESIS: Final = "0" * 64
"""The `prev` of the first event."""

FIRST_SEQ: Final = 1
MAX_BODY_BYTES: Final = 1 << 20
_MEMBERS: Final = 14


class EventOutcome(StrEnum):
    """`denied` and `error` record an attempt that changed nothing."""

    ALLOWED = "allowed"
    DENIED = "denied"
    ERROR = "error"


class EventAction(StrEnum):
    """The actions whose events change aliases or versions, and are therefore replayed.

    Any other dotted lower-case word may be recorded as well; replay passes over it.
    """

    MODEL_REGISTERED = "model.registered"
    MODEL_RENAMED = "model.renamed"
    MODEL_DELETED = "model.deleted"
    VERSION_REGISTERED = "version.registered"
    VERSION_STATE_CHANGED = "version.state_changed"
    ALIAS_SET = "alias.set"
    ALIAS_DELETED = "alias.deleted"
    PROMOTION = "promotion"
    ROLLBACK = "rollback"
    BREAK_GLASS = "break_glass"


@dataclass(frozen=True, slots=True)
class Event:
    """What happened, to what, by whom. `at_ms` is the server's clock and only informs: `seq` orders.

    `target` is the object (`object` in the body), `before` and `after` are digests of its state,
    `actor` is `kind:name`.
    """

    seq: int
    at_ms: int
    actor: str
    action: str
    target: str
    workspace: str | None
    outcome: EventOutcome
    request_id: str
    details: Mapping[str, object] = field(default_factory=dict)
    before: str | None = None
    after: str | None = None
    token_id: str | None = None
    prev: str = GENESIS


class LedgerRow(NamedTuple):
    """An event as it is kept: the columns that repeat its body, the body, and its hash."""

    seq: int
    prev: str
    body: str
    hash: str


class Problem(NamedTuple):
    """Something that an untouched ledger cannot show. `seq` is where."""

    seq: int
    kind: str
    message: str


def event_body(event: Event) -> str:
    """The canonical text of an event, everything but its hash."""
    record = {
        "scheme": SCHEME,
        "seq": event.seq,
        "at_ms": event.at_ms,
        "actor": event.actor,
        "token_id": event.token_id,
        "action": event.action,
        "object": event.target,
        "workspace": event.workspace,
        "outcome": event.outcome.value,
        "request_id": event.request_id,
        "before": event.before,
        "after": event.after,
        "details": check_value(event.details, "details"),
        "prev": event.prev,
    }
    return canonical_text(record, max_bytes=MAX_BODY_BYTES)


def event_hash(body: str) -> str:
    """SHA-256 of an event's body; the body holds the hash of the event before."""
    return sha256_hex(body)


def chain(event: Event) -> LedgerRow:
    """The row that keeps an event whose `seq` and `prev` are set."""
    body = event_body(event)
    return LedgerRow(event.seq, event.prev, body, event_hash(body))


def parse_event(body: str) -> Event:
    """The event of a body; DataCorrupted when the text is not the canonical body of one."""
    try:
        found = parse_canonical(body, root="event", max_bytes=MAX_BODY_BYTES)
        return _event(as_object(found, "event"))
    except (AppError, KeyError, TypeError, ValueError):
        raise DataCorrupted(
            "A ledger body is not the canonical text of an event.", field="body"
        ) from None


class ChainVerifier:
    """Checks rows one after another, in constant memory. `head` is the last row's hash.

    `event` is what the last row tells; None where its text is no event. To go on from an anchor,
    give the number and hash of the row that it vouches for.
    """

    def __init__(self, seq: int = FIRST_SEQ - 1, head: str = GENESIS) -> None:
        self.seq = seq
        self.head = head
        self.event: Event | None = None

    def check(self, row: LedgerRow) -> Iterator[Problem]:
        """The faults of the next row. The chain then goes on from this row, whatever it is."""
        expected = self.seq + 1
        if row.seq != expected:
            kind = "gap" if row.seq > expected else "order"
            yield Problem(row.seq, kind, f"event {expected} should follow, found {row.seq}")
        if row.prev != self.head:
            yield Problem(row.seq, "prev", "does not continue the event before it")
        if event_hash(row.body) != row.hash:
            yield Problem(row.seq, "hash", "its text does not have its hash")
        self.seq, self.head, self.event = row.seq, row.hash, None
        try:
            event = self.event = parse_event(row.body)
        except DataCorrupted as error:
            yield Problem(row.seq, "body", error.message)
            return
        if (event.seq, event.prev) != (row.seq, row.prev):
            yield Problem(row.seq, "columns", "its columns differ from its text")


def verify_chain(rows: Iterable[LedgerRow]) -> Iterator[Problem]:
    """Every fault of a whole ledger, rows by `seq`; nothing for an untouched one."""
    verifier = ChainVerifier()
    for row in rows:
        yield from verifier.check(row)


def _event(record: Mapping[str, JsonValue]) -> Event:
    if record["scheme"] != SCHEME or len(record) != _MEMBERS:
        raise ValueError(record["scheme"])
    return Event(
        seq=_number(record["seq"]),
        at_ms=_number(record["at_ms"]),
        actor=_text(record["actor"]),
        action=_text(record["action"]),
        target=_text(record["object"]),
        workspace=_optional(record["workspace"]),
        outcome=EventOutcome(_text(record["outcome"])),
        request_id=_text(record["request_id"]),
        details=as_object(record["details"], "details"),
        before=_optional(record["before"]),
        after=_optional(record["after"]),
        token_id=_optional(record["token_id"]),
        prev=_text(record["prev"]),
    )


def _number(value: JsonValue) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(value)
    return value


def _text(value: JsonValue) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _optional(value: JsonValue) -> str | None:
    return None if value is None else _text(value)
