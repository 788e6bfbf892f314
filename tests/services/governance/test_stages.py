"""Stages are labels: they open no side door to a protected alias."""

import pytest

from assay.domain.errors import FailedPrecondition, GateBlocked, PermissionDenied
from tests.support.office import CONTRIBUTOR, MODEL, Office


def stages(office: Office) -> dict[int, str]:
    page = office.services.versions.search_versions(office.ask())
    return {version.version: version.stage for version in page.items}


def test_an_ordinary_stage_is_a_free_label(office: Office) -> None:
    """Contributors label versions; others in the stage move only when asked to."""
    office.a_version("a")
    office.a_version("b")
    transition = office.services.stages.transition

    transition(office.ask(CONTRIBUTOR), MODEL, 1, "Staging")
    transition(office.ask(CONTRIBUTOR), MODEL, 2, "Staging")
    assert stages(office) == {1: "Staging", 2: "Staging"}
    transition(office.ask(CONTRIBUTOR), MODEL, 2, "Staging", others_to="Archived")

    assert stages(office) == {1: "Archived", 2: "Staging"}


def test_the_stage_production_is_a_promotion(office: Office) -> None:
    """G29: the stage call is held like every other way to production."""
    office.a_gate()
    office.a_version()
    transition = office.services.stages.transition

    with pytest.raises(GateBlocked):
        transition(office.ask(), MODEL, 1, "Production")
    assert stages(office) == {1: ""}
    office.hand_in(office.lease(), right=9)
    version = transition(office.ask(), MODEL, 1, "Production")

    assert version.stage == "Production"
    assert version.aliases == ("production",)


def test_a_contributor_cannot_use_the_stage_either(office: Office) -> None:
    """The role is asked for at the same door."""
    office.a_gate()
    office.examine(office.a_version(), right=9)

    with pytest.raises(PermissionDenied):
        office.services.stages.transition(office.ask(CONTRIBUTOR), MODEL, 1, "Production")


def test_the_label_follows_the_alias(office: Office) -> None:
    """Who loads by stage is served what the alias names, after a promotion and after a rollback."""
    office.a_gate()
    office.examine(office.a_version("a"), right=5)
    office.services.stages.transition(office.ask(), MODEL, 1, "Production")
    better = office.a_version("b")
    office.examine(better, right=7)

    office.promote(better)
    assert stages(office) == {1: "", 2: "Production"}
    office.services.promotion.rollback(office.ask(), MODEL)

    assert stages(office) == {1: "Production", 2: ""}


def test_the_champion_keeps_its_stage(office: Office) -> None:
    """Taking the label from the holder would switch serving off by a side door."""
    office.a_gate()
    office.examine(office.a_version("a"), right=5)
    transition = office.services.stages.transition
    transition(office.ask(), MODEL, 1, "Production")

    with pytest.raises(FailedPrecondition):
        transition(office.ask(), MODEL, 1, "Archived")

    assert stages(office) == {1: "Production"}


def test_without_the_label_in_use_a_promotion_sets_none(office: Office) -> None:
    """Teams that use aliases only never see stages."""
    office.a_gate()
    office.a_champion()

    assert stages(office) == {1: ""}
