"""Registered models: made, found, renamed, deleted, with an event for every change."""

import pytest

from assay.domain.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
)
from tests.support.office import CONTRIBUTOR, MODEL, VIEWER, Office


def names(office: Office, **search: object) -> list[str]:
    page = office.services.registry.search_models(office.ask(), **search)  # type: ignore[arg-type]
    return [model.name for model in page.items]


def test_a_model_is_made_once(office: Office) -> None:
    """A name in use is refused; the model comes with its tags."""
    registry = office.services.registry
    made = registry.create_model(office.ask(), MODEL, description="d", tags={"team": "a"})

    assert (made.name, made.description, made.tags, made.last_version) == (
        MODEL,
        "d",
        {"team": "a"},
        0,
    )
    with pytest.raises(AlreadyExists):
        registry.create_model(office.ask(), MODEL)
    assert office.story() == ["model.registered"]


@pytest.mark.parametrize(
    "name",
    ["", "  ", "a/b", "a:b", "a%41", "..", "ﬁne", "x" * 257, "a\x00",
     "a\u200b", "a\u202eb", "a\u2800b", "a\u034f", "a\ufe0f"],
)  # fmt: skip
def test_names_that_look_like_others_are_refused(sqlite_office: Office, name: str) -> None:
    """One spelling, one model."""
    with pytest.raises(InvalidArgument):
        sqlite_office.services.registry.create_model(sqlite_office.ask(), name)


def test_models_are_found_by_name_and_tag(office: Office) -> None:
    """Filters, orders and hidden tags."""
    registry = office.services.registry
    for name in ("beta", "alpha", "gamma"):
        registry.create_model(office.ask(), name, tags={"team": name[0]})
        office.clock.advance(10)
    registry.set_model_tags(office.ask(), "gamma", {"prompt": "1"})

    assert names(office) == ["alpha", "beta", "gamma"]
    assert names(office, filter="tags.team = 'b'") == ["beta"]
    assert names(office, filter="name LIKE '%a' AND name != 'beta'") == ["alpha", "gamma"]
    assert names(office, order_by=["last_updated_timestamp DESC"])[0] == "gamma"
    assert names(office, without_tag="prompt") == ["alpha", "beta"]
    assert names(office, max_results=2) == ["alpha", "beta"]


def test_a_renamed_model_keeps_everything(office: Office) -> None:
    """Versions, aliases and their history move along."""
    version = office.a_version()
    office.services.aliases.set_alias(office.ask(), MODEL, "staging", version.version)

    office.services.registry.rename_model(office.ask(), MODEL, "digits-2")

    assert office.services.versions.get_by_alias(office.ask(), "digits-2", "staging").version == 1
    assert office.services.aliases.alias_history(office.ask(), "digits-2", "staging")
    with pytest.raises(NotFound):
        office.services.registry.get_model(office.ask(), MODEL)
    assert office.story()[-1] == "model.renamed"


def test_a_champion_is_not_replaced_by_renaming_another_model(office: Office) -> None:
    """A name whose `production` is served leads to the same bytes until a promotion or roll back."""
    office.a_gate()
    office.a_champion()
    before = office.story()

    with pytest.raises(FailedPrecondition, match="holds the protected alias 'production'"):
        office.services.registry.rename_model(office.ask(), MODEL, "digits-old")

    assert office.holder() == 1
    assert office.story() == before


def test_a_name_in_use_is_not_given_twice(office: Office) -> None:
    """Renaming onto another model is refused, onto itself changes nothing."""
    registry = office.services.registry
    registry.create_model(office.ask(), "a")
    registry.create_model(office.ask(), "b")

    with pytest.raises(AlreadyExists):
        registry.rename_model(office.ask(), "a", "b")
    registry.rename_model(office.ask(), "a", "a")

    assert "model.renamed" not in office.story()


def test_a_model_whose_protected_alias_is_held_is_not_deleted(office: Office) -> None:
    """Promise 8: production does not vanish with a click."""
    office.a_gate()
    office.a_champion()

    with pytest.raises(FailedPrecondition, match="production"):
        office.services.registry.delete_model(office.ask(), MODEL)

    assert office.holder() == 1


def test_a_deleted_model_frees_its_name_and_keeps_its_history(office: Office) -> None:
    """Its free aliases are removed one by one; a new model of that name starts at version 1."""
    office.a_version("a")
    office.services.aliases.set_alias(office.ask(), MODEL, "staging", 1)

    office.services.registry.delete_model(office.ask(), MODEL)

    assert office.story()[-2:] == ["alias.deleted", "model.deleted"]
    with pytest.raises(NotFound):
        office.services.registry.get_model(office.ask(), MODEL)
    assert office.a_version("b").version == 1


def test_tags_and_descriptions_change(office: Office) -> None:
    """Each change is an event; removing what is not there is none."""
    registry = office.services.registry
    registry.create_model(office.ask(), MODEL)
    registry.set_model_tags(office.ask(), MODEL, {"a": "1", "b": "2"})
    registry.update_model(office.ask(), MODEL, description="new")
    registry.delete_model_tag(office.ask(), MODEL, "a")

    model = registry.get_model(office.ask(), MODEL)

    assert (model.tags, model.description) == ({"b": "2"}, "new")
    assert not registry.delete_model_tag(office.ask(), MODEL, "a")
    assert office.story()[1:] == ["model.tagged", "model.described", "model.untagged"]


def test_roles_bound_what_may_be_done(office: Office) -> None:
    """Viewers read, contributors write, only maintainers delete."""
    registry = office.services.registry
    registry.create_model(office.ask(CONTRIBUTOR), MODEL)

    assert registry.get_model(office.ask(VIEWER), MODEL).name == MODEL
    with pytest.raises(PermissionDenied):
        registry.create_model(office.ask(VIEWER), "other")
    with pytest.raises(PermissionDenied):
        registry.delete_model(office.ask(CONTRIBUTOR), MODEL)
