"""Checkpoints: what was true is signed, and every proof leads to what was signed."""

import pytest

from assay.domain.checkpoint import event_leaf, parse_key, parse_note
from assay.domain.errors import FailedPrecondition, InvalidArgument, NotFound, PermissionDenied
from assay.domain.ledger import Event, EventOutcome, chain
from assay.domain.merkle import Frontier, verify_consistency, verify_inclusion
from assay.services.checkpoints import EVERY_EVENTS, EVERY_MS
from assay.services.ledger_key import is_signed
from assay.services.ledger_tree import BLOCK, LedgerTree
from assay.storage import checkpoints as rows
from assay.storage.ledger import append_event, lock_head
from tests.support.office import CONTRIBUTOR, MODEL, Office


def grow(office: Office, count: int) -> None:
    """So many events more, in one transaction."""
    with office.platform.database.write() as tx:
        for _ in range(count):
            head = lock_head(tx)
            event = Event(
                seq=head.seq + 1,
                at_ms=office.clock.now,
                actor="user:ann",
                action="token.created",
                target="token:x",
                workspace="default",
                outcome=EventOutcome.ALLOWED,
                request_id="r",
                prev=head.hash,
            )
            append_event(tx, event, chain(event))


def hashes(office: Office) -> list[str]:
    with office.platform.database.read() as tx:
        return rows.event_hashes(tx, 1, 10**9)


def test_a_checkpoint_is_signed_and_has_the_root_of_all_events(office: Office) -> None:
    """Root, head and size are those of the ledger, and the server's key signed them."""
    grow(office, 5)
    made = office.services.checkpoints.make(office.ask())

    note = parse_note(made.note)
    found = hashes(office)
    tree = Frontier()
    tree.extend(map(event_leaf, found))
    assert (note.checkpoint.size, note.checkpoint.root) == (5, tree.root())
    assert note.checkpoint.head == found[-1]
    assert note.checkpoint.origin == f"assay-ledger/{found[0][:16]}"
    keys = [parse_key(key) for key in office.services.checkpoints.keys(office.ask())]
    assert is_signed(note, keys)
    assert not is_signed(note._replace(body=note.body.replace("5", "6")), keys)


def test_the_same_ledger_has_one_checkpoint(office: Office) -> None:
    """Asking twice answers the same; an event more makes another."""
    grow(office, 1)
    first = office.services.checkpoints.make(office.ask())
    assert office.services.checkpoints.make(office.ask()) == first
    grow(office, 1)
    second = office.services.checkpoints.make(office.ask())
    assert second.size == 2
    page = office.services.checkpoints.list(office.ask(), max_results=1)
    assert [found.size for found in page.items] == [2]
    rest = office.services.checkpoints.list(office.ask(), page_token=page.next_token)
    assert [found.size for found in rest.items] == [1]
    assert office.services.checkpoints.latest(office.ask()) == second
    assert office.services.checkpoints.get(office.ask(), 1) == first


def test_an_empty_ledger_has_nothing_to_sign(office: Office) -> None:
    """No checkpoint, and a refusal that says why."""
    with pytest.raises(FailedPrecondition):
        office.services.checkpoints.make(office.ask())
    with pytest.raises(NotFound):
        office.services.checkpoints.latest(office.ask())


def test_proofs_hold_across_the_kept_nodes(office: Office) -> None:
    """Whether its hashes were kept or are computed: every proof leads to the signed root."""
    count = 2 * BLOCK + 77
    roots = {}
    services = office.services.checkpoints
    for part in (3, BLOCK - 3, BLOCK, 77):
        grow(office, part)
        note = parse_note(services.make(office.ask()).note)
        roots[note.checkpoint.size] = note.checkpoint.root
    leaves = [event_leaf(value) for value in hashes(office)]

    with office.platform.database.read() as tx:
        assert rows.count_nodes(tx, 8) == 2
        assert rows.count_nodes(tx, 16) == 0
    for seq in (1, 2, BLOCK, BLOCK + 1, count):
        proof = [bytes.fromhex(h) for h in services.inclusion(office.ask(), seq, count)]
        assert verify_inclusion(leaves[seq - 1], seq - 1, count, proof, roots[count])
    for size, root in roots.items():
        proof = [bytes.fromhex(h) for h in services.consistency(office.ask(), size, count)]
        assert verify_consistency(size, count, root, roots[count], proof)
    for ask in (
        lambda: services.inclusion(office.ask(), count + 1, count),
        lambda: services.inclusion(office.ask(), 1, count + 1),
        lambda: services.consistency(office.ask(), 0, count),
    ):
        with pytest.raises(InvalidArgument):
            ask()


def test_a_proof_reads_a_bounded_part_of_the_ledger(sqlite_office: Office) -> None:
    """A step keeps nodes in bounded pieces, and what a proof reads is blocks of 256 hashes."""
    grow(sqlite_office, 10 * BLOCK)
    sqlite_office.services.checkpoints.make(sqlite_office.ask())
    with sqlite_office.platform.database.read() as tx:
        tree = LedgerTree(tx, 10 * BLOCK)
        tree(0, 5 * BLOCK)
        tree(8, 3)
        assert len(tree._blocks) == 2


def test_a_checkpoint_is_due_after_events_minutes_or_a_promotion(office: Office) -> None:
    """A thousand events, five minutes with an event, or a promotion: whichever comes first."""
    checkpoints = office.services.checkpoints
    assert not checkpoints.step()
    office.clock.advance(EVERY_MS)
    assert not checkpoints.step(), "nothing has happened"
    grow(office, 1)
    assert checkpoints.step(), "the first event ever has waited long enough"
    grow(office, EVERY_EVENTS - 1)
    assert not checkpoints.step()
    grow(office, 1)
    assert checkpoints.step()
    grow(office, 1)
    assert not checkpoints.step()
    office.clock.advance(EVERY_MS)
    assert checkpoints.step()
    office.a_gate()
    office.a_version()
    assert not checkpoints.step()
    office.a_champion(content="another")
    assert checkpoints.step()
    assert not checkpoints.step()
    office.services.aliases.set_alias(office.ask(), MODEL, "staging", 1)
    assert not checkpoints.step()


def test_only_who_reads_the_ledger_reads_checkpoints(office: Office) -> None:
    """A contributor neither makes nor reads one."""
    grow(office, 1)
    for ask in (
        office.services.checkpoints.make,
        office.services.checkpoints.latest,
        office.services.checkpoints.keys,
    ):
        with pytest.raises(PermissionDenied):
            ask(office.ask(CONTRIBUTOR))
