"""Moving a registry in: one door for an alias, gone through once, and the gate after that."""

import pytest

from assay.domain.errors import (
    AlreadyExists,
    Conflict,
    FailedPrecondition,
    GateBlocked,
    PermissionDenied,
)
from assay.domain.registry import ModelVersion, MoveKind
from assay.services.audit import Audit
from assay.services.importing import ArrivingVersion
from tests.support.office import CONTRIBUTOR, MAINTAINER, MODEL, Office


def arrive(office: Office, number: int, content: str | None = "old") -> ModelVersion:
    """A version without lineage, with a file unless told otherwise, as it comes out of an import."""
    importing, context = office.services.importing, office.ask()
    importing.import_model(context, MODEL, description="", tags={}, created_at_ms=1)
    run_id = None
    if content is not None:
        run_id = office.a_run({"model/weights.json": content.encode()}, lineage=None)
    arrival = ArrivingVersion(
        number, 1, 2, source=f"old/{number}", run_id=run_id, artifact_path=run_id and "model"
    )
    return importing.import_version(context, MODEL, arrival)


def holds(office: Office, version: ModelVersion) -> None:
    office.services.importing.import_alias(office.ask(), MODEL, "production", version.version)


def test_an_alias_arrives_once_and_the_audit_is_green(office: Office) -> None:
    """The move is called imported, a second time changes nothing, and another version is refused."""
    first, second = arrive(office, 1), arrive(office, 2)
    holds(office, first)
    holds(office, first)

    with pytest.raises(FailedPrecondition, match="once and never again"):
        holds(office, second)

    moves = office.services.aliases.alias_history(office.ask(), MODEL, "production")
    assert [(move.kind, move.to_version) for move in moves] == [(MoveKind.IMPORTED, 1)]
    assert not first.verifiable
    assert office.story()[-1] == "alias.set!"
    assert Audit.verify(office.platform.database).is_ok


def test_a_version_registered_here_never_takes_an_alias_by_import(office: Office) -> None:
    """The door is for what was moved in; a registration is promoted."""
    version = office.a_version()

    with pytest.raises(FailedPrecondition, match="promote it"):
        holds(office, version)

    assert office.holder() is None


def test_an_imported_champion_is_scored_before_it_is_beaten(office: Office) -> None:
    """The challenger waits for the champion's exam, and then has to be strictly better."""
    champion = arrive(office, 1)
    holds(office, champion)
    office.a_gate(0.5)
    lease = office.lease()
    challenger = office.a_version("new")
    office.examine(challenger, 8)

    with pytest.raises(GateBlocked) as held:
        office.promote(challenger)
    office.hand_in(lease, 7)
    office.promote(challenger)

    assert held.value.details["codes"] == ["champion_not_comparable"]
    assert lease.run.version == champion.version
    assert office.holder() == challenger.version


def test_a_champion_without_files_is_followed_by_whoever_passes(office: Office) -> None:
    """What can never be scored bars nobody, but the gate still has to be passed."""
    holds(office, arrive(office, 1, content=None))
    office.a_gate(0.5)
    weak, strong = office.a_version("weak"), office.a_version("strong")
    office.examine(weak, 4)
    office.examine(strong, 6)

    with pytest.raises(GateBlocked):
        office.promote(weak)
    office.promote(strong)

    assert office.holder() == strong.version


def test_numbers_arrive_in_order_and_are_not_taken_over(office: Office) -> None:
    """A hole is refused, a deleted number is a tombstone, another version's number stays its own."""
    importing, context = office.services.importing, office.ask()
    arrive(office, 1)
    with pytest.raises(Conflict, match="does not follow"):
        importing.import_version(context, MODEL, ArrivingVersion(3, 1, 1))
    importing.import_version(context, MODEL, ArrivingVersion(2, 0, 0, is_deleted=True))
    with pytest.raises(AlreadyExists):
        importing.import_version(context, MODEL, ArrivingVersion(1, 1, 1, source="another"))

    assert office.a_version().version == 3
    assert Audit.verify(office.platform.database).is_ok


@pytest.mark.parametrize("actor", [CONTRIBUTOR, MAINTAINER], ids=lambda actor: actor.name)
def test_importing_needs_the_right_over_the_workspace(office: Office, actor: object) -> None:
    """Who may promote may not import: that takes an admin."""
    version = arrive(office, 1)

    with pytest.raises(PermissionDenied):
        office.services.importing.import_alias(
            office.ask(actor),
            MODEL,
            "production",
            version.version,  # type: ignore[arg-type]
        )
