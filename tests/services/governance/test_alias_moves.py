"""The writer of moves trusts nobody: a protected alias is moved by guarded kinds only."""

import pytest

from assay.domain.registry import MoveKind
from assay.services.alias_moves import PlannedMove, write_move
from assay.services.catalogue import get_model
from assay.storage import aliases
from tests.support.office import MODEL, Office


@pytest.mark.parametrize("kind", [MoveKind.SET, MoveKind.REMOVED, MoveKind.IMPORTED])
def test_an_unguarded_move_of_a_protected_alias_is_a_fault(office: Office, kind: MoveKind) -> None:
    """Should a service ever get that far, nothing is written."""
    version = office.a_version()
    before = office.story()

    with office.platform.database.write() as tx:
        model = get_model(tx, office.ask(), MODEL)
        held = aliases.lock_alias(tx, model.pk, "production")
        planned = PlannedMove(model, "production", held, version, kind)
        with pytest.raises(RuntimeError, match="protected"):
            write_move(tx, office.services.ledger, office.ask(), planned, frozenset({"production"}))

    assert office.holder() is None
    assert office.story() == before
