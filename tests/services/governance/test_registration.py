"""Registering versions: frozen files, closed lineage, and refusals that leave nothing behind."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from assay.domain.access import Actor
from assay.domain.artifact import ManifestEntry, artifact_digest
from assay.domain.canonical import sha256_hex
from assay.domain.errors import (
    Conflict,
    FailedPrecondition,
    InvalidArgument,
    LineageIncomplete,
    NotFound,
    PermissionDenied,
)
from assay.domain.fingerprint import FIELDS, fingerprint
from assay.domain.tracking import Dataset, LineagePolicy, Policy, RunInput
from assay.services.artifacts import ModelOwner, RunOwner
from assay.storage.database import Database
from tests.support.office import CONTRIBUTOR, LINEAGE, MODEL, VIEWER, Office


def without(field: str) -> dict[str, object]:
    return {name: value for name, value in LINEAGE.items() if name != field}


def test_a_version_freezes_its_files_and_its_lineage(office: Office) -> None:
    """A version carries the manifest, its digest, the lineage text and its fingerprint."""
    run_id = office.a_run({"model/a.bin": b"aa", "model/sub/b.bin": b"b", "log.txt": b"no"})

    version = office.services.registration.register(
        office.ask(), MODEL, run_id=run_id, artifact_path="model", tags={"team": "digits"}
    )

    files = office.services.versions.manifest(office.ask(), MODEL, 1)
    assert [(f.path, f.size_bytes) for f in files] == [("a.bin", 2), ("sub/b.bin", 1)]
    assert version.artifact_digest == artifact_digest(files)
    assert version.size_bytes == 3
    assert version.fingerprint == fingerprint(LINEAGE).hex
    assert version.lineage_canonical is not None
    assert sha256_hex(version.lineage_canonical) == version.fingerprint
    assert version.verifiable
    assert version.tags == {"team": "digits"}
    assert version.lineage_origins == dict.fromkeys(FIELDS, "stated")
    assert office.story()[-2:] == ["model.registered", "version.registered"]


def test_a_version_keeps_its_bytes_when_the_run_overwrites_its_path(office: Office) -> None:
    """What was registered is what is served, whatever the run does later."""
    version = office.a_version("first")
    assert version.run_id is not None
    office.services.artifacts.put_bytes(
        office.ask(), RunOwner(version.run_id), "model/weights.json", b"second"
    )

    _, download = office.services.versions.open_file(office.ask(), MODEL, 1, "weights.json")

    assert b"".join(download) == b"first"


def test_a_deleted_run_leaves_its_version_intact(office: Office) -> None:
    """Deleting a run does not touch what was registered from it."""
    version = office.a_version("kept")
    assert version.run_id is not None
    office.services.runs.delete(office.ask(), version.run_id)

    _, download = office.services.versions.open_file(office.ask(), MODEL, 1, "weights.json")

    assert b"".join(download) == b"kept"


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("blank", ["absent", None, "", "  "])
def test_a_missing_lineage_field_is_refused_by_name(
    sqlite_office: Office, field: str, blank: str | None
) -> None:
    """L1: each field absent, null, empty or blank: named, nothing written, one denied event."""
    lineage = without(field)
    if blank != "absent":
        lineage[field] = blank
    run_id = sqlite_office.a_run({"model/a": b"a"}, lineage=None)
    before = sqlite_office.story()

    with pytest.raises(LineageIncomplete) as refusal:
        sqlite_office.services.registration.register(
            sqlite_office.ask(),
            MODEL,
            run_id=run_id,
            artifact_path="model",
            lineage=json.dumps(lineage),
        )

    assert refusal.value.details["missing"] == [field]
    assert field in refusal.value.message
    with pytest.raises(NotFound):
        sqlite_office.services.registry.get_model(sqlite_office.ask(), MODEL)
    assert sqlite_office.story() == [*before, "version.registered!"]


def test_every_missing_field_is_named_at_once(office: Office) -> None:
    """A run that says nothing gets the whole list of what to log, not one field at a time."""
    run_id = office.a_run({"model/a": b"a"}, lineage=None)

    with pytest.raises(LineageIncomplete) as refusal:
        office.services.registration.register(
            office.ask(), MODEL, run_id=run_id, artifact_path="model"
        )

    assert refusal.value.details["missing"] == ["data_version", "code_commit", "base_model", "seed"]


def test_lineage_comes_from_what_a_tracking_client_logs(office: Office) -> None:
    """Params and tags alone give the fingerprint of the same typed values."""
    params = {"base": "digits-base", "lr": "1e-05", "epochs": "3", "dataset_version": "dvc:3f1c"}
    run_id = office.a_run(
        {"model/a": b"a"},
        lineage=None,
        params={**params, "seed": "42"},
        tags={"mlflow.source.git.commit": "0" * 40},
    )

    version = office.services.registration.register(
        office.ask(), MODEL, run_id=run_id, artifact_path="model"
    )

    assert version.fingerprint == fingerprint(LINEAGE).hex
    assert version.lineage_origins["base_model"] == "param base"
    assert version.lineage_origins["code_commit"] == "tag mlflow.source.git.commit"


def test_dataset_inputs_stand_in_for_a_data_version(office: Office) -> None:
    """Without a data version the digests of the logged datasets are it."""
    run_id = office.a_run({"model/a": b"a"}, lineage=without("data_version"), finished=False)
    dataset = Dataset("train", "abc123", "local", "{}")
    office.services.datasets.log_inputs(office.ask(), run_id, [RunInput(dataset)])

    version = office.services.registration.register(
        office.ask(), MODEL, run_id=run_id, artifact_path="model"
    )

    assert version.fingerprint == fingerprint({**LINEAGE, "data_version": "abc123"}).hex


def test_a_sixth_key_is_an_annotation_and_changes_nothing(office: Office) -> None:
    """L28: extra keys are kept beside the fingerprint."""
    run_id = office.a_run({"model/a": b"a"}, lineage=None)
    stated = json.dumps({**LINEAGE, "code_diff_sha256": "f" * 64})

    version = office.services.registration.register(
        office.ask(), MODEL, run_id=run_id, artifact_path="model", lineage=stated
    )

    assert version.fingerprint == fingerprint(LINEAGE).hex
    assert version.annotations == {"code_diff_sha256": "f" * 64}


@pytest.mark.parametrize("seed", ["42", "42.0", '"42"', "9007199254740993"])
def test_lineage_keeps_numbers_as_they_were_written(office: Office, seed: str) -> None:
    """L4, L5, L6: 42, 42.0, "42" and 2**53+1 are four lineages, stored exactly."""
    run_id = office.a_run({"model/a": b"a"}, lineage=None)
    stated = json.dumps(LINEAGE).replace("42}", f"{seed}}}")

    version = office.services.registration.register(
        office.ask(), MODEL, run_id=run_id, artifact_path="model", lineage=stated
    )

    assert version.lineage_canonical is not None
    assert version.lineage_canonical.endswith(f'"seed":{seed}}}')


@pytest.mark.parametrize(
    "raw",
    [
        '{"seed": 1, "seed": 2}',
        '{"config": {"x": NaN}}',
        '{"config": {"x": 1e400}}',
        '{"config": {"x": "\\ud800"}}',
        '{"config": ' + "[" * 100_000 + "]" * 100_000 + "}",
        "[1, 2]",
        "not json",
    ],
    ids=["duplicate", "nan", "overflow", "surrogate", "deep", "list", "text"],
)
def test_lineage_outside_the_domain_is_refused(sqlite_office: Office, raw: str) -> None:
    """Duplicate keys, NaN, overflow, lone surrogates and deep nesting never reach a fingerprint."""
    run_id = sqlite_office.a_run({"model/a": b"a"})

    with pytest.raises(InvalidArgument):
        sqlite_office.services.registration.register(
            sqlite_office.ask(), MODEL, run_id=run_id, artifact_path="model", lineage=raw
        )


def test_a_boolean_seed_is_refused(sqlite_office: Office) -> None:
    """L3: true is not a seed."""
    run_id = sqlite_office.a_run({"model/a": b"a"})

    with pytest.raises(InvalidArgument) as refusal:
        sqlite_office.services.registration.register(
            sqlite_office.ask(),
            MODEL,
            run_id=run_id,
            artifact_path="model",
            lineage=json.dumps({**LINEAGE, "seed": True}),
        )

    assert refusal.value.field == "seed"


def test_a_source_without_files_is_refused_naming_the_folders_that_there_are(
    office: Office,
) -> None:
    """An empty folder is a mistake in the path: the message lists the right ones."""
    run_id = office.a_run({"adapter/weights.bin": b"a", "logs/train.txt": b"b"})
    before = office.story()

    with pytest.raises(FailedPrecondition) as refusal:
        office.services.registration.register(
            office.ask(), MODEL, run_id=run_id, artifact_path="model"
        )

    assert refusal.value.details["folders"] == ["adapter", "logs"]
    assert "'adapter', 'logs'" in refusal.value.message
    assert office.story() == before


def test_nothing_at_all_is_not_a_source(office: Office) -> None:
    """A foreign source alone is refused under the default policy."""
    with pytest.raises(FailedPrecondition):
        office.services.registration.register(
            office.ask(), MODEL, source="s3://bucket/model", lineage=json.dumps(LINEAGE)
        )


def test_a_whole_run_and_a_single_file_can_be_registered(office: Office) -> None:
    """'' means every file of the run, and a path that is a file means that file."""
    run_id = office.a_run({"a/one.bin": b"1", "a/two.bin": b"2"})
    register = office.services.registration.register

    whole = register(office.ask(), MODEL, run_id=run_id, artifact_path="")
    single = register(office.ask(), MODEL, run_id=run_id, artifact_path="a/two.bin")

    digest = sha256_hex("2")
    assert len(office.services.versions.manifest(office.ask(), MODEL, whole.version)) == 2
    assert office.services.versions.manifest(office.ask(), MODEL, single.version) == (
        ManifestEntry("two.bin", 1, digest),
    )


def test_a_logged_model_registers_by_its_id_and_by_its_name(office: Office) -> None:
    """Its files are the version's, whether it is named by id or as a folder of its run."""
    run_id = office.a_run(finished=False)
    experiment = office.services.runs.get(office.ask(), run_id).run.experiment_id
    logged = office.services.logged_models.create(
        office.ask(), experiment, name="classifier", run_id=run_id
    )
    office.services.artifacts.put_bytes(
        office.ask(), ModelOwner(logged.model_id), "MLmodel", b"flavors: {}"
    )
    register = office.services.registration.register

    by_id = register(office.ask(), MODEL, logged_model_id=logged.model_id)
    by_name = register(office.ask(), MODEL, run_id=run_id, artifact_path="classifier")

    assert by_id.artifact_digest == by_name.artifact_digest
    assert by_id.run_id == run_id
    assert by_id.logged_model_id == logged.model_id


def test_a_run_of_another_workspace_does_not_exist(office: Office) -> None:
    """A workspace cannot register what another one trained."""
    office.services.workspaces.create(office.ask(), "team-b")
    run_id = office.a_run({"model/a": b"a"}, workspace="team-b")

    with pytest.raises(NotFound):
        office.services.registration.register(
            office.ask(), MODEL, run_id=run_id, artifact_path="model"
        )


def test_a_deleted_run_is_not_registered(office: Office) -> None:
    """What lies in the bin is restored first."""
    run_id = office.a_run({"model/a": b"a"})
    office.services.runs.delete(office.ask(), run_id)

    with pytest.raises(FailedPrecondition):
        office.services.registration.register(
            office.ask(), MODEL, run_id=run_id, artifact_path="model"
        )


@pytest.mark.parametrize("path", ["../x", "/etc", "a//b", "a\\b", "%2e%2e/x", "a/%252e%252e/x"])
def test_a_path_that_leads_elsewhere_is_refused(sqlite_office: Office, path: str) -> None:
    """No spelling of a path leaves the run's own tree."""
    run_id = sqlite_office.a_run({"model/a": b"a"})

    with pytest.raises(InvalidArgument):
        sqlite_office.services.registration.register(
            sqlite_office.ask(), MODEL, run_id=run_id, artifact_path=path
        )


def test_numbers_count_up_and_the_same_lineage_may_come_twice(office: Office) -> None:
    """L36: one fingerprint, two versions, both found by it."""
    first, second = office.a_version("a"), office.a_version("b")

    page = office.services.versions.search_versions(
        office.ask(), filter=f"fingerprint = '{first.fingerprint}'"
    )

    assert (first.version, second.version) == (1, 2)
    assert {version.version for version in page.items} == {1, 2}


def test_a_retried_registration_answers_the_first_version(office: Office) -> None:
    """The same key and request make one version; the same key for another request is a conflict."""
    run_id = office.a_run({"model/a": b"a", "other/b": b"b"})
    register = office.services.registration.register

    first = register(office.ask(key="k1"), MODEL, run_id=run_id, artifact_path="model")
    again = register(office.ask(key="k1"), MODEL, run_id=run_id, artifact_path="model")

    assert again.version == first.version
    assert office.story().count("version.registered") == 1
    with pytest.raises(Conflict):
        register(office.ask(key="k1"), MODEL, run_id=run_id, artifact_path="other")


@pytest.mark.parametrize("actor", [VIEWER], ids=["viewer"])
def test_a_viewer_registers_nothing(office: Office, actor: Actor) -> None:
    """Registering is writing."""
    run_id = office.a_run({"model/a": b"a"})

    with pytest.raises(PermissionDenied):
        office.services.registration.register(
            office.ask(actor), MODEL, run_id=run_id, artifact_path="model"
        )


def test_a_contributor_registers(office: Office) -> None:
    """Contributors register; the version names them."""
    run_id = office.a_run({"model/a": b"a"})

    version = office.services.registration.register(
        office.ask(CONTRIBUTOR), MODEL, run_id=run_id, artifact_path="model"
    )

    assert version.created_by == "user:carl"


def test_a_lax_workspace_accepts_what_it_cannot_verify(tmp_path: Path, database: Database) -> None:
    """Under `recorded` an open lineage or a foreign source is kept, and marked unverifiable."""
    policy = replace(Policy(), lineage=LineagePolicy.RECORDED)
    office = Office(tmp_path, database, policy=policy)
    run_id = office.a_run({"model/a": b"a"}, lineage=None)
    register = office.services.registration.register

    open_lineage = register(office.ask(), MODEL, run_id=run_id, artifact_path="model")
    foreign = register(office.ask(), MODEL, source="s3://bucket/model")
    closed = office.a_version()

    assert not open_lineage.verifiable
    assert open_lineage.fingerprint is None
    assert open_lineage.artifact_digest is not None
    assert not foreign.verifiable
    assert foreign.artifact_digest is None
    assert closed.verifiable


def test_a_copy_is_told_by_the_ledger_with_its_original(office: Office) -> None:
    """Registered, and copied from which version: an auditor finds both."""
    office.a_version("first")
    office.services.registry.create_model(office.ask(), "served")

    made = office.services.registration.copy(
        office.ask(), "served", of_model=MODEL, of_version=1, description="d", tags={"a": "b"}
    )

    first = office.services.versions.get_version(office.ask(), MODEL, 1)
    assert (made.model, made.version, made.source) == ("served", 1, f"models:/{MODEL}/1")
    assert (made.artifact_digest, made.fingerprint) == (first.artifact_digest, first.fingerprint)
    assert (made.description, made.tags, made.verifiable) == ("d", {"a": "b"}, True)
    assert office.services.versions.manifest(office.ask(), "served", 1)
    assert office.story()[-2:] == ["version.registered", "version.copied"]


def test_a_copy_asked_for_twice_is_made_once(office: Office) -> None:
    """The retry with the same idempotency key is answered with the first copy."""
    office.a_version("first")

    numbers = [
        office.services.registration.copy(
            office.ask(key="k"), MODEL, of_model=MODEL, of_version=1
        ).version
        for _ in range(2)
    ]

    assert numbers == [2, 2]


def test_a_quarantined_version_is_not_copied(office: Office) -> None:
    """What was set aside does not come back under another number."""
    office.a_version("first")
    office.services.versions.quarantine(office.ask(), MODEL, 1, "leaks")

    with pytest.raises(FailedPrecondition, match="quarantined"):
        office.services.registration.copy(office.ask(), MODEL, of_model=MODEL, of_version=1)

    with pytest.raises(NotFound):
        office.services.versions.get_version(office.ask(), MODEL, 2)


def test_an_unverifiable_version_is_not_copied_where_lineage_is_required(office: Office) -> None:
    """A copy is held to the policy that is in force when it is made."""
    workspaces = office.services.workspaces
    workspaces.update_policy(office.ask(), "default", lineage=LineagePolicy.RECORDED)
    office.a_version("first", lineage=None)
    workspaces.update_policy(office.ask(), "default", lineage=LineagePolicy.REQUIRED)

    with pytest.raises(FailedPrecondition, match="unverifiable"):
        office.services.registration.copy(office.ask(), MODEL, of_model=MODEL, of_version=1)


def test_a_copy_takes_the_right_to_register(office: Office) -> None:
    """Who may only read may not copy."""
    office.a_version("first")

    with pytest.raises(PermissionDenied):
        office.services.registration.copy(office.ask(VIEWER), MODEL, of_model=MODEL, of_version=1)
