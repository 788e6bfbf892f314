"""Model versions after their registration: found, tagged, set aside, deleted, never rewritten."""

import pytest

from assay.domain.errors import (
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
)
from assay.domain.registry import VersionState
from tests.support.office import CONTRIBUTOR, MODEL, Office


def test_versions_are_found_by_what_they_are(office: Office) -> None:
    """Filters on name, number, run and tags; the last changed comes first by default."""
    first, second = office.a_version("a"), office.a_version("b")
    office.clock.advance(1_000)
    office.services.versions.set_version_tags(office.ask(), MODEL, 1, {"kind": "adapter"})
    search = office.services.versions.search_versions

    def found(text: str) -> list[int]:
        return [version.version for version in search(office.ask(), filter=text).items]

    assert found(f"name = '{MODEL}'") == [1, 2]
    assert found("tags.kind = 'adapter'") == [1]
    assert found(f"run_id = '{second.run_id}'") == [2]
    assert found("version_number > 1") == [2]
    assert found(f"run_id IN ('{first.run_id}', 'other')") == [1]
    assert found("name LIKE 'dig%'") == [1, 2]
    assert found("name ILIKE 'DIG%' AND version_number = 2") == [2]
    assert found("source_path != ''") == []


def test_pages_follow_one_another_without_gap_or_repetition(office: Office) -> None:
    """Keyset pages in every order."""
    for number in range(7):
        office.a_version(f"v{number}")
        office.clock.advance(number % 2)
    search = office.services.versions.search_versions

    for order_by in ([], ["version_number ASC"], ["creation_timestamp DESC"], ["name ASC"]):
        seen: list[int] = []
        token = None
        while True:
            page = search(office.ask(), order_by=order_by, max_results=3, page_token=token)
            seen += [version.version for version in page.items]
            token = page.next_token
            if token is None:
                break
        assert sorted(seen) == list(range(1, 8))


def test_a_token_of_another_search_is_refused(office: Office) -> None:
    """A page token belongs to its filter and order."""
    for number in range(3):
        office.a_version(f"v{number}")
    search = office.services.versions.search_versions
    token = search(office.ask(), max_results=1).next_token
    assert token is not None

    with pytest.raises(InvalidArgument):
        search(office.ask(), filter="version_number > 1", max_results=1, page_token=token)


def test_a_tag_can_hide_versions_from_a_search(office: Office) -> None:
    """`without_tag` leaves out what carries the tag, whatever its value."""
    office.a_version("a")
    office.a_version("b")
    office.services.versions.set_version_tags(office.ask(), MODEL, 1, {"hidden": ""})

    page = office.services.versions.search_versions(office.ask(), without_tag="hidden")

    assert [version.version for version in page.items] == [2]


def test_tags_and_description_change_and_lineage_does_not(office: Office) -> None:
    """L34, L35: labels are free, the record is frozen."""
    before = office.a_version()
    versions = office.services.versions
    versions.set_version_tags(office.ask(), MODEL, 1, {"a": "1", "b": "2"})
    versions.delete_version_tag(office.ask(), MODEL, 1, "b")
    after = versions.update_version(office.ask(), MODEL, 1, description="the good one")

    assert after.tags == {"a": "1"}
    assert after.description == "the good one"
    assert after.lineage_canonical == before.lineage_canonical
    assert after.artifact_digest == before.artifact_digest
    assert office.story()[-3:] == ["version.tagged", "version.untagged", "version.described"]
    assert not versions.delete_version_tag(office.ask(), MODEL, 1, "b")


def test_the_ledger_keeps_digests_of_tags_and_not_their_texts(office: Office) -> None:
    """A secret that somebody put into a tag cannot be taken out of a ledger again."""
    office.a_version()

    office.services.versions.set_version_tags(office.ask(), MODEL, 1, {"token": "s3cr3t"})

    assert "s3cr3t" not in str(office.events()[-1])


def test_a_deleted_version_is_gone_and_its_number_is_never_reused(office: Office) -> None:
    """A tombstone: not found, not listed, not counted again."""
    office.a_version("a")
    office.services.versions.delete_version(office.ask(), MODEL, 1, "a mistake")

    with pytest.raises(NotFound):
        office.services.versions.get_version(office.ask(), MODEL, 1)
    assert office.services.versions.search_versions(office.ask()).items == ()
    assert office.a_version("b").version == 2
    with pytest.raises(NotFound):
        office.services.versions.delete_version(office.ask(), MODEL, 1)


def test_a_version_that_an_alias_holds_is_not_deleted(office: Office) -> None:
    """Take the alias away first, whichever alias it is."""
    office.a_version()
    office.services.aliases.set_alias(office.ask(), MODEL, "staging", 1)

    with pytest.raises(FailedPrecondition) as refusal:
        office.services.versions.delete_version(office.ask(), MODEL, 1)
    office.services.aliases.remove_alias(office.ask(), MODEL, "staging")
    office.services.versions.delete_version(office.ask(), MODEL, 1)

    assert refusal.value.details["aliases"] == ["staging"]


def test_deleting_a_version_cancels_its_exam(office: Office) -> None:
    """No runner scores what is gone."""
    office.a_gate()
    office.a_version()
    office.services.gate_runs.request(office.ask(), MODEL, 1)

    office.services.versions.delete_version(office.ask(), MODEL, 1)

    assert "gate_run.cancelled" in office.story()
    assert office.services.gate_runs.list(office.ask()).items[0].run.state == "cancelled"


def test_only_maintainers_delete_and_quarantine(office: Office) -> None:
    """Contributors register; setting aside and deleting is another role's."""
    office.a_version()
    versions = office.services.versions

    with pytest.raises(PermissionDenied):
        versions.delete_version(office.ask(CONTRIBUTOR), MODEL, 1)
    with pytest.raises(PermissionDenied):
        versions.quarantine(office.ask(CONTRIBUTOR), MODEL, 1, "why not")


def test_quarantine_wants_a_reason_and_not_the_champion(office: Office) -> None:
    """Nobody sets a version aside without saying why; the champion is rolled back instead."""
    office.a_gate()
    office.a_champion()
    office.a_version("other")
    versions = office.services.versions

    with pytest.raises(InvalidArgument):
        versions.quarantine(office.ask(), MODEL, 2, "  ")
    with pytest.raises(FailedPrecondition, match="rollback"):
        versions.quarantine(office.ask(), MODEL, 1, "bad")
    with pytest.raises(FailedPrecondition):
        versions.clear(office.ask(), MODEL, 2, "it was never set aside")
    assert versions.quarantine(office.ask(), MODEL, 2, "bad").state is VersionState.QUARANTINED


def test_files_are_read_in_ranges_and_unknown_ones_are_not_found(office: Office) -> None:
    """A frozen file streams, whole or in part."""
    office.a_version("0123456789")
    versions = office.services.versions

    entry, download = versions.open_file(office.ask(), MODEL, 1, "weights.json", start=2, length=3)

    assert b"".join(download) == b"234"
    assert entry.size_bytes == 10
    with pytest.raises(NotFound):
        versions.open_file(office.ask(), MODEL, 1, "nothing.bin")
    with pytest.raises(InvalidArgument):
        versions.open_file(office.ask(), MODEL, 1, "../secret")


def test_another_workspace_sees_nothing(office: Office) -> None:
    """Names resolve in the request's workspace alone."""
    office.a_version()
    office.services.workspaces.create(office.ask(), "team-b")

    with pytest.raises(NotFound):
        office.services.versions.get_version(office.ask(workspace="team-b"), MODEL, 1)
    assert office.services.versions.search_versions(office.ask(workspace="team-b")).items == ()


def test_the_newest_version_per_stage(office: Office) -> None:
    """Older clients ask for the latest version of each stage."""
    for number in range(3):
        office.a_version(f"v{number}")
    office.services.stages.transition(office.ask(), MODEL, 1, "Staging")

    latest = office.services.versions.latest(office.ask(), [MODEL])

    assert {(v.stage, v.version) for v in latest[MODEL]} == {("Staging", 1), ("", 3)}
    with pytest.raises(NotFound, match="nobody"):
        office.services.versions.latest(office.ask(), [MODEL, "nobody"])
