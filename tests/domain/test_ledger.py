import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.domain.canonical import sha256_hex
from assay.domain.errors import DataCorrupted, InvalidArgument
from assay.domain.ledger import (
    GENESIS,
    ChainVerifier,
    Event,
    EventOutcome,
    LedgerRow,
    chain,
    event_body,
    event_hash,
    parse_event,
    verify_chain,
)
from tests.domain.examples import json_values, texts


def an_event(seq: int = 1, **changes: Any) -> Event:
    """A token's creation, as the first event."""
    event = Event(
        seq=seq,
        at_ms=1_700_000_000_000 + seq,
        actor="user:ann",
        action="token.created",
        target=f"token:{seq}",
        workspace="default",
        outcome=EventOutcome.ALLOWED,
        request_id=f"{seq:032x}",
    )
    return replace(event, **changes)


def a_ledger(count: int) -> list[LedgerRow]:
    """A chain of that many events."""
    rows: list[LedgerRow] = []
    for seq in range(1, count + 1):
        prev = rows[-1].hash if rows else GENESIS
        rows.append(chain(an_event(seq, prev=prev)))
    return rows


def kinds(rows: list[LedgerRow]) -> list[tuple[int, str]]:
    """Where the ledger shows which fault."""
    return [(problem.seq, problem.kind) for problem in verify_chain(rows)]


@given(
    st.builds(
        an_event,
        st.integers(1, 2**63 - 1),
        actor=texts(),
        action=texts(),
        target=texts(),
        workspace=st.none() | texts(),
        outcome=st.sampled_from(EventOutcome),
        details=st.dictionaries(texts(), json_values(5), max_size=4),
        before=st.none() | texts(),
        token_id=st.none() | texts(),
    )
)
def test_an_event_survives_its_body(event: Event) -> None:
    """The body is canonical JSON and reads back as the same event."""
    body = event_body(event)
    assert parse_event(body) == event
    assert json.dumps(json.loads(body), sort_keys=True, separators=(",", ":")) == body


def test_an_untouched_chain_verifies() -> None:
    """No fault, and the head is the last hash."""
    rows = a_ledger(20)
    verifier = ChainVerifier()
    assert [problem for row in rows for problem in verifier.check(row)] == []
    assert (verifier.seq, verifier.head) == (20, rows[-1].hash)
    assert kinds([]) == []


def test_the_first_event_follows_genesis() -> None:
    """A chain that starts elsewhere is not whole."""
    row = chain(an_event(1, prev="1" * 64))
    assert kinds([row]) == [(1, "prev")]
    assert kinds(a_ledger(3)[1:]) == [(2, "gap"), (2, "prev")]


def edited(row: LedgerRow) -> LedgerRow:
    """The row with another actor in its text."""
    return row._replace(body=row.body.replace("user:ann", "user:eve"))


def rehashed(row: LedgerRow) -> LedgerRow:
    """The same forgery with a hash that fits its text."""
    return edited(row)._replace(hash=event_hash(edited(row).body))


@pytest.mark.parametrize(
    ("tamper", "expected"),
    [
        (lambda rows: [*rows[:2], edited(rows[2]), *rows[3:]], [(3, "hash")]),
        (lambda rows: [*rows[:2], rehashed(rows[2]), *rows[3:]], [(4, "prev")]),
        (lambda rows: [*rows[:2], *rows[3:]], [(4, "gap"), (4, "prev")]),
        (
            lambda rows: [rows[0], rows[2], rows[1], *rows[3:]],
            [(3, "gap"), (3, "prev"), (2, "order"), (2, "prev"), (4, "gap"), (4, "prev")],
        ),
        (
            lambda rows: [*rows[:2], rows[1], *rows[2:]],
            [(2, "order"), (2, "prev")],
        ),
        (
            lambda rows: [*rows[:2], rows[2]._replace(body="{}"), *rows[3:]],
            [(3, "hash"), (3, "body")],
        ),
        (
            lambda rows: [*rows[:4], rows[4]._replace(prev="0" * 64)],
            [(5, "prev"), (5, "columns")],
        ),
    ],
    ids=["edit", "edit and rehash", "deletion", "swap", "repetition", "garbage", "column"],
)
def test_tampering_shows(
    tamper: Callable[[list[LedgerRow]], list[LedgerRow]], expected: list[tuple[int, str]]
) -> None:
    """An edit, a gap, a swap or a repetition is found, and where."""
    assert kinds(tamper(a_ledger(5))) == expected


@given(st.integers(0, 5), st.data())
def test_changing_any_one_character_shows(index: int, data: st.DataObject) -> None:
    """No single character of any body can be replaced unnoticed."""
    rows = a_ledger(6)
    body = rows[index].body
    place = data.draw(st.integers(0, len(body) - 1))
    mark = data.draw(st.sampled_from('0a"{} ').filter(lambda other: other != body[place]))
    rows[index] = rows[index]._replace(body=body[:place] + mark + body[place + 1 :])
    assert (index + 1, "hash") in kinds(rows)


def test_verification_can_go_on_from_an_anchor() -> None:
    """Who trusts a row's number and hash need not read what is before it."""
    rows = a_ledger(6)
    verifier = ChainVerifier(rows[2].seq, rows[2].hash)
    assert [problem for row in rows[3:] for problem in verifier.check(row)] == []


@pytest.mark.parametrize(
    "body",
    ["", "[]", "{}", "null", event_body(an_event()) + " ",
     event_body(an_event()).replace('"actor":"user:ann"', '"actor":3'),
     event_body(an_event()).replace('"seq":1', '"seq":true'),
     event_body(an_event()).replace('"seq":1', '"seq":1.0'),
     event_body(an_event()).replace("ledger-v1", "ledger-v2"),
     event_body(an_event()).replace('"outcome":"allowed"', '"outcome":"maybe"'),
     event_body(an_event()).replace('"before":null', '"before":null,"extra":1')],
)  # fmt: skip
def test_what_is_not_an_event_is_corruption(body: str) -> None:
    """A body that our server did not write is not read as one."""
    with pytest.raises(DataCorrupted):
        parse_event(body)


def test_an_event_holds_only_strict_json() -> None:
    """What cannot be hashed the same everywhere is not recorded."""
    with pytest.raises(InvalidArgument) as caught:
        event_body(an_event(details={"score": float("nan")}))
    assert caught.value.field == "details.score"


def test_the_hash_is_of_the_body_alone() -> None:
    """Anyone can recompute a row's hash from its text with a shell."""
    row = a_ledger(1)[0]
    assert row.hash == sha256_hex(row.body)
    assert f'"prev":"{GENESIS}"' in row.body
