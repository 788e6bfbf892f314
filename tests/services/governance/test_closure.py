"""Closure of registered versions: what is kept, told, and made of a promotion."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assay.closure.reach import Reach
from assay.domain.access import LOCAL_OWNER
from assay.domain.closure import Closure, Source, Status
from assay.domain.collection import NewVersion
from assay.domain.errors import GateBlocked, InvalidArgument, PermissionDenied
from assay.domain.promotion import Reason
from assay.domain.references import ReferenceKind
from assay.domain.registry import ModelVersion
from assay.domain.tracking import Demand
from assay.domain.webhook_target import parse_allowed_hosts
from assay.services.closure_assembly import ClosingSettings, build_closing
from assay.services.webhook_delivery import WebhookDelivery
from assay.services.webhook_post import WebhookPost
from tests.closure.places import git
from tests.support.office import LINEAGE, VIEWER, Office
from tests.support.receiver import Receiver


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with the code of a training."""
    folder = tmp_path / "sources" / "code"
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    (folder / "train.py").write_text("print(1)\n")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "training")
    return folder


@pytest.fixture
def watched(office: Office, tmp_path: Path, repository: Path) -> Office:
    """An office whose server may read the repository, which is a source of its workspace."""
    reach = Reach(roots=(tmp_path / "sources",))
    services = office.services
    closing = build_closing(office.platform, services.ledger, ClosingSettings(reach, every_s=3_600))
    services.promotion._closure = closing.at_promotion
    office.services = replace(services, closing=closing)
    source = Source("code", ReferenceKind.GIT, str(repository))
    closing.checks.put_source(office.ask(), "default", source)
    return office


def lineage_of(office: Office, repository: Path, **changes: Any) -> dict[str, Any]:
    """A lineage all of whose references can be looked up."""
    head = git(repository, "rev-parse", "HEAD")
    blob = git(repository, "rev-parse", "HEAD:train.py")
    base = office.a_version("base", model="base")
    return {
        **LINEAGE,
        "code_commit": head,
        "data_version": f"git:{blob}@{head}:train.py",
        "base_model": f"models:/base/{base.version}",
        **changes,
    }


def look(office: Office, version: ModelVersion, *, deep: bool = False) -> Closure:
    checks = office.services.closing.checks
    return checks.check(office.ask(), version.model, version.version, deep=deep)


def statuses(closure: Closure) -> dict[str, str]:
    return {check.subject: check.status.value for check in closure.checks}


def hide(repository: Path) -> Path:
    """Take the branch back, so that nothing leads to the commit."""
    git(repository, "update-ref", "-d", "refs/heads/main")
    return repository


def test_c1_a_closed_version_is_ok_in_all_its_parts(watched: Office, repository: Path) -> None:
    """Files, lineage, code, base model, data."""
    version = watched.a_version(lineage=lineage_of(watched, repository))

    found = look(watched, version, deep=True)

    assert found.status is Status.OK
    assert set(statuses(found)) == {"files", "lineage", "code_commit", "base_model", "data_version"}


def test_c1_files_that_are_gone_or_damaged_are_found(
    watched: Office, repository: Path, tmp_path: Path
) -> None:
    """Gone at once, damaged by the deep look."""
    version = watched.a_version("abc", lineage=lineage_of(watched, repository))
    sha256 = watched.services.versions.manifest(watched.ask(), version.model, 1)[0].sha256
    place = next(
        path for path in tmp_path.rglob("*") if path.is_file() and path.read_bytes() == b"abc"
    )
    place.chmod(0o644)
    place.write_bytes(b"xyz")

    assert statuses(look(watched, version))["files"] == "ok"
    assert statuses(look(watched, version, deep=True))["files"] == "corrupt"
    watched.platform.blobs.delete(sha256)
    assert statuses(look(watched, version))["files"] == "missing"


def test_c3_data_that_is_an_artifact_here(watched: Office, repository: Path) -> None:
    """By the digest of the folder as it was logged; of what was never here nothing is known."""
    from assay.domain.artifact import ManifestEntry, artifact_digest
    from assay.domain.canonical import sha256_hex

    entry = ManifestEntry("a.txt", 3, sha256_hex("one"))
    digest = artifact_digest([entry])
    lineage = lineage_of(watched, repository, data_version=f"sha256:{digest}")
    run = watched.a_run({"model/w": b"w", "data/a.txt": b"one"}, lineage=lineage)
    here = watched.services.registration.register(
        watched.ask(), "m", run_id=run, artifact_path="model"
    )
    away = watched.a_version(model="m", lineage={**lineage, "data_version": f"sha256:{'a' * 64}"})

    assert statuses(look(watched, here, deep=True))["data_version"] == "ok"
    assert statuses(look(watched, away))["data_version"] == "unknown"


def test_c3_data_that_is_in_a_collection_here(watched: Office, repository: Path) -> None:
    """By the digest of its version or of one file; a draft is not there yet, and damage shows."""
    drafts = watched.services.collections.drafts
    draft = drafts.begin(watched.ask(), "0", NewVersion("mix", "dataset"))
    with drafts.begin_upload(watched.ask(), draft.version_id, "a.txt") as upload:
        upload.write(b"collected")
        upload.finish()
    sha256 = hashlib.sha256(b"collected").hexdigest()

    def a_version_on(digest: str) -> ModelVersion:
        lineage = lineage_of(watched, repository, data_version=f"sha256:{digest}")
        return watched.a_version(digest, model="m", lineage=lineage)

    by_file = a_version_on(sha256)
    assert statuses(look(watched, by_file))["data_version"] == "unknown"
    committed = drafts.commit(watched.ask(), draft.version_id)
    assert committed.digest is not None
    by_version = a_version_on(committed.digest)
    for version in (by_file, by_version):
        assert statuses(look(watched, version, deep=True))["data_version"] == "ok"

    watched.platform.blobs.delete(sha256)
    assert statuses(look(watched, by_version))["data_version"] == "missing"


def test_c12_looking_changes_nothing_but_what_is_known(watched: Office, repository: Path) -> None:
    """The version, its files and its aliases are the same afterwards, and the audit agrees."""
    version = watched.a_version(lineage=lineage_of(watched, repository))
    get = watched.services.versions.get_version
    before = get(watched.ask(), version.model, version.version)

    look(watched, version, deep=True)

    assert get(watched.ask(), version.model, version.version) == before
    assert watched.services.audit.run(watched.ask(), deep=True).is_ok


def test_c13_a_look_that_finds_news_is_an_event(watched: Office, repository: Path) -> None:
    """The first, and those after which a status differs; not the tenth that says the same."""
    version = watched.a_version(lineage=lineage_of(watched, repository))

    for _ in range(3):
        look(watched, version)
    hide(repository)
    look(watched, version)

    first, second = watched.events("closure.checked")
    assert first.target == f"version:{version.model}/{version.version}"
    assert first.details["code_commit"] == "ok"
    assert second.details["code_commit"] == "unreachable"


def test_c14_a_loss_is_told_once_until_it_is_over(watched: Office, repository: Path) -> None:
    """Ten looks at the same loss are one alert; after it was ok again, another loss is another."""
    version = watched.a_version(lineage=lineage_of(watched, repository))
    head = git(repository, "rev-parse", "HEAD")

    look(watched, version)
    hide(repository)
    for _ in range(10):
        look(watched, version)
    assert len(watched.events("closure.dropped")) == 1
    git(repository, "update-ref", "refs/heads/main", head)
    look(watched, version)
    hide(repository)
    look(watched, version)

    first, second = watched.events("closure.dropped")
    assert [loss["status"] for loss in first.details["lost"]] == ["unreachable"] * 2
    assert first.workspace == second.workspace == "default"


def test_c14_a_source_that_is_away_is_no_loss(watched: Office, repository: Path) -> None:
    """Unknown neither tells nor forgets: lost, away and lost again is one loss."""
    version = watched.a_version(lineage=lineage_of(watched, repository))
    look(watched, version)
    away = repository.with_name("away")

    repository.rename(away)
    look(watched, version)
    assert watched.events("closure.dropped") == []
    away.rename(repository)
    hide(repository)
    look(watched, version)
    repository.rename(away)
    look(watched, version)
    away.rename(repository)
    look(watched, version)

    assert len(watched.events("closure.dropped")) == 1


def test_c14_a_loss_reaches_a_webhook_once(watched: Office, repository: Path) -> None:
    """Through the ledger, as every other event does."""
    version = watched.a_version(lineage=lineage_of(watched, repository))
    post = WebhookPost(parse_allowed_hosts("127.0.0.1"))
    delivery = WebhookDelivery(watched.platform, post)
    with Receiver() as receiver:
        webhooks = watched.services.webhooks
        webhooks._post = post
        webhooks.create(watched.ask(), name="hook", url=receiver.url, events=["closure.dropped"])
        look(watched, version)
        hide(repository)
        for _ in range(3):
            look(watched, version)
        while delivery.write_out():
            pass
        while delivery.send_next():
            pass

    (received,) = receiver.received
    body = json.loads(received.body)
    assert body["event"] == "closure.dropped"
    assert body["data"]["model"] == version.model


def test_a_promotion_without_closure_is_held_where_it_is_required(
    watched: Office, repository: Path
) -> None:
    """And goes through once what was lost is back."""
    lineage = lineage_of(watched, repository)
    watched.a_gate()
    version = watched.a_version(lineage=lineage)
    watched.services.workspaces.update_policy(
        watched.ask(), "default", closure_at_promotion=Demand.REQUIRE
    )
    watched.examine(version, 9)
    head = git(repository, "rev-parse", "HEAD")
    hide(repository)

    with pytest.raises(GateBlocked) as refusal:
        watched.promote(version)
    assert refusal.value.details["codes"] == [Reason.CLOSURE_NOT_OK.value]
    assert "code_commit is unreachable" in refusal.value.details["reasons"][0]
    git(repository, "update-ref", "refs/heads/main", head)

    assert watched.promote(version).to_version == version.version


def test_a_promotion_without_closure_goes_through_where_it_only_warns(
    watched: Office, repository: Path
) -> None:
    """What was found is kept beside the version."""
    watched.a_gate()
    version = watched.a_version(lineage=lineage_of(watched, repository))
    watched.services.workspaces.update_policy(
        watched.ask(), "default", closure_at_promotion=Demand.WARN
    )
    watched.examine(version, 9)
    hide(repository)

    watched.promote(version)

    found = watched.services.closing.checks.get(watched.ask(), version.model, version.version)
    assert found.status is Status.UNREACHABLE


def test_an_old_answer_does_not_count_for_a_promotion(watched: Office, repository: Path) -> None:
    """A preview says so; the promotion itself looks anew."""
    watched.a_gate()
    version = watched.a_version(lineage=lineage_of(watched, repository))
    watched.services.workspaces.update_policy(
        watched.ask(), "default", closure_at_promotion=Demand.REQUIRE
    )
    watched.examine(version, 9)
    look(watched, version)
    preview = watched.services.promotion.preview

    assert preview(watched.ask(), version.model, version.version).decision.promoted
    watched.clock.advance(3_600_001)
    assert not preview(watched.ask(), version.model, version.version).decision.promoted
    assert watched.promote(version).to_version == version.version


def test_the_schedule_looks_at_protected_versions_that_are_due(
    watched: Office, repository: Path
) -> None:
    """Each once in its time; a version that holds nothing is left alone."""
    watched.a_gate()
    champion = watched.a_version(lineage=lineage_of(watched, repository))
    watched.a_version("other", lineage=lineage_of(watched, repository))
    watched.examine(champion, 9)
    watched.promote(champion)
    schedule = watched.services.closing.schedule

    looked = [schedule.look_at_due(), schedule.look_at_due()]
    watched.clock.advance(3_600_001)
    looked.append(schedule.look_at_due())

    assert looked == [1, 0, 1]


def test_strict_references_refuse_what_can_move(office: Office) -> None:
    """Naming the field, writing nothing, with one denied event."""
    office.services.workspaces.update_policy(office.ask(), "default", strict_refs=Demand.REQUIRE)

    for changes, field in (
        ({"code_commit": "main"}, "code_commit"),
        ({"data_version": "the corpus"}, "data_version"),
        ({"data_version": f"sha256:{'a' * 64}", "base_model": "hf://org/name@main"}, "base_model"),
    ):
        with pytest.raises(InvalidArgument) as refusal:
            office.a_version(lineage={**LINEAGE, **changes})
        assert refusal.value.field == field
    assert office.services.registry.search_models(office.ask()).items == ()
    assert office.story().count("version.registered!") == 3
    office.a_version(lineage={**LINEAGE, "data_version": f"sha256:{'a' * 64}"})


def test_a_copy_is_no_way_round_strict_references(office: Office) -> None:
    """What could not be registered cannot be copied either."""
    version = office.a_version(lineage={**LINEAGE, "code_commit": "main"})
    office.services.workspaces.update_policy(office.ask(), "default", strict_refs=Demand.REQUIRE)

    with pytest.raises(InvalidArgument) as refusal:
        office.services.registration.copy(
            office.ask(), version.model, of_model=version.model, of_version=version.version
        )

    assert refusal.value.field == "code_commit"


def test_a_warning_is_shown_and_refuses_nothing(office: Office) -> None:
    """The usual policy."""
    version = office.a_version(lineage={**LINEAGE, "code_commit": "main"})

    faults = office.services.closing.checks.faults(version)

    assert {fault.field for fault in faults} == {"code_commit", "data_version"}


def test_ignored_params_do_not_tell_trainings_apart(office: Office) -> None:
    """A training that was named differently is the same training."""
    workspaces = office.services.workspaces
    mapping = replace(workspaces.lineage_mapping(office.ask(), "default"), ignore=("run_name",))
    params = {"data_version": "d", "base_model": "b", "seed": "1", "lr": "0.1"}
    tags = {"code_commit": "0" * 40}

    def register(name: str) -> str | None:
        named = {**params, "run_name": name}
        return office.a_version(lineage=None, params=named, tags=tags).fingerprint

    assert register("one") != register("two")
    workspaces.set_lineage_mapping(office.ask(), "default", mapping)
    assert register("one") == register("two")
    workspaces.set_lineage_mapping(office.ask(), "default", None)
    assert register("one") != register("two")
    assert office.story().count("workspace.lineage_mapping_changed") == 2


def test_a_source_that_the_server_would_not_ask_is_refused(office: Office) -> None:
    """A folder without a root, an address inside, a variable that is not a source's."""
    put = office.services.closing.checks.put_source
    for source, field in (
        (Source("a", ReferenceKind.GIT, "/etc"), "location"),
        (Source("a", ReferenceKind.HF, "http://169.254.169.254/"), "location"),
        (Source("a", ReferenceKind.GIT, "ext::sh -c id"), "location"),
        (Source("a", ReferenceKind.GIT, "ssh://h.org/x"), "location"),
        (Source("a", ReferenceKind.HF, "https://h.org", credentials="AWS_SECRET"), "credentials"),
        (Source("A/..", ReferenceKind.HF, "https://h.org"), "name"),
        (Source("a", ReferenceKind.DVC, "https://h.org/r.git"), "remote"),
        (Source("a", ReferenceKind.PLAIN, "https://h.org"), "kind"),
    ):
        with pytest.raises(InvalidArgument) as refusal:
            put(office.ask(), "default", source)
        assert refusal.value.field == field, source


def test_sources_are_the_admins_and_looking_is_the_auditors(office: Office) -> None:
    """A viewer sees what was found, and neither looks nor sets a source."""
    version = office.a_version()
    checks = office.services.closing.checks

    assert checks.get(office.ask(VIEWER), version.model, 1).status is None
    with pytest.raises(PermissionDenied):
        checks.check(office.ask(VIEWER), version.model, 1)
    with pytest.raises(PermissionDenied):
        checks.put_source(
            office.ask(VIEWER), "default", Source("a", ReferenceKind.HF, "https://h.org")
        )
    checks.put_source(
        office.ask(LOCAL_OWNER), "default", Source("a", ReferenceKind.HF, "https://h.org")
    )
    checks.delete_source(office.ask(LOCAL_OWNER), "default", "a")
    assert checks.list_sources(office.ask(), "default") == ()
