"""The ledger: one event per change in the change's own transaction, one denied event per attempt."""

import threading

import pytest

from assay.domain.errors import GateBlocked, InvalidArgument, PermissionDenied
from assay.domain.ledger import GENESIS, event_body, event_hash, verify_chain
from assay.storage.ledger import stream_events
from tests.support.office import CONTRIBUTOR, MAINTAINER, MODEL, Office
from tests.support.platform import a_context


def test_events_chain_from_the_first_on(office: Office) -> None:
    """Numbers without gaps, each event on top of the one before, the head at the end."""
    office.a_gate()
    office.a_champion()

    with office.platform.database.read() as tx:
        rows = [stored.row for stored in stream_events(tx)]

    assert rows[0].prev == GENESIS
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
    assert list(verify_chain(rows)) == []
    head = office.services.ledger.head(office.ask())
    assert (head.seq, head.hash) == (rows[-1].seq, rows[-1].hash)


def test_the_main_job_is_told_in_order(office: Office) -> None:
    """Suite, gate, model, version, exam, verdict, promotion, rollback: one event each."""
    office.a_gate()
    office.a_champion(right=5)
    second = office.a_version("b")
    office.examine(second, right=6)
    office.promote(second)
    office.services.promotion.rollback(office.ask(), MODEL)

    exam = ["gate_run.queued", "gate_run.leased", "verdict.written", "promotion"]
    assert office.story() == [
        "suite.created",
        "gate.created",
        "model.registered",
        "version.registered",
        *exam,
        "version.registered",
        *exam,
        "rollback",
    ]


def test_an_event_names_actor_request_and_object(office: Office) -> None:
    """Who, on whose request, to what, where, and when by the server's clock."""
    office.clock.advance(5)
    office.services.registry.create_model(office.ask(MAINTAINER), MODEL)

    (event,) = office.events()

    assert (event.actor, event.request_id) == ("user:maria", "request-1")
    assert (event.target, event.workspace) == (f"model:{MODEL}", "default")
    assert event.at_ms == office.clock.now


def test_a_failed_change_leaves_no_event(office: Office) -> None:
    """No change, no event; a refused protected attempt is the one exception, marked denied."""
    office.a_version()
    before = office.story()

    with pytest.raises(InvalidArgument):
        office.services.registry.rename_model(office.ask(), MODEL, "a/b")
    assert office.story() == before
    with pytest.raises(GateBlocked):
        office.services.promotion.promote(office.ask(), MODEL, 1)

    assert office.story() == [*before, "promotion!"]
    assert office.events()[-1].details["decision"]["codes"] == ["no_gate"]  # type: ignore[index]


def test_concurrent_writers_make_one_chain(office: Office) -> None:
    """A: eight writers, no fork and no gap."""

    def work(worker: int) -> None:
        for number in range(5):
            office.services.registry.create_model(office.ask(), f"m-{worker}-{number}")

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with office.platform.database.read() as tx:
        rows = [stored.row for stored in stream_events(tx)]
    assert len(rows) == 40
    assert list(verify_chain(rows)) == []


def test_a_hash_is_that_of_the_body(office: Office) -> None:
    """Anybody can recompute it from what the API shows."""
    office.services.registry.create_model(office.ask(), MODEL)

    (entry,) = office.services.ledger.list(office.ask()).items

    assert event_hash(event_body(entry.event)) == entry.hash


def test_events_come_in_pages_both_ways(office: Office) -> None:
    """Oldest or newest first, filtered by object and action."""
    for number in range(5):
        office.services.registry.create_model(office.ask(), f"m{number}")
    office.services.registry.set_model_tags(office.ask(), "m1", {"a": "b"})
    listing = office.services.ledger.list

    def walk(**options: object) -> list[int]:
        seen: list[int] = []
        token = None
        while True:
            page = listing(office.ask(), max_results=2, page_token=token, **options)  # type: ignore[arg-type]
            seen += [entry.event.seq for entry in page.items]
            token = page.next_token
            if token is None:
                return seen

    assert walk() == [1, 2, 3, 4, 5, 6]
    assert walk(newest_first=True) == [6, 5, 4, 3, 2, 1]
    assert walk(object="model:m1") == [2, 6]
    assert walk(action="model.tagged") == [6]


def test_who_reads_the_ledger_of_one_workspace_sees_that_workspace(office: Office) -> None:
    """Maintainers read their own; contributors read none."""
    office.services.workspaces.create(office.ask(), "team-b")
    office.services.registry.create_model(office.ask(), "ours")
    office.services.registry.create_model(office.ask(workspace="team-b"), "theirs")
    listing = office.services.ledger.list

    page = listing(a_context(MAINTAINER))

    assert [entry.event.target for entry in page.items] == ["model:ours"]
    assert len(listing(office.ask()).items) == 3
    with pytest.raises(PermissionDenied):
        listing(a_context(CONTRIBUTOR))
