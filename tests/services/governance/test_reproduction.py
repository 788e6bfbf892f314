"""Claims stand as they were made, and runs are checked against them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from assay.domain.access import Role
from assay.domain.errors import (
    AlreadyExists,
    DataCorrupted,
    FailedPrecondition,
    NotFound,
    PermissionDenied,
)
from assay.domain.reproduction import Outcome
from assay.storage.database import Database
from tests.support.office import LINEAGE, MODEL, VIEWER, Office
from tests.support.platform import an_actor

SUITE = "exam@1"


@pytest.fixture
def office(tmp_path: Path, database: Database) -> Office:
    """An office on each engine."""
    return Office(tmp_path, database)


def a_scored_run(office: Office, score: float | None = 0.5, **source: Any) -> str:
    files = source.pop("files", {"model/weights.json": b"weights"})
    run_id = office.a_run(files, **source)
    if score is not None:
        office.services.evaluation.log_results(office.ask(), run_id, SUITE, {"acc": score})
    return run_id


def a_claim(office: Office, name: str = "paper", **terms: Any) -> None:
    run_id = a_scored_run(office)
    version = office.services.registration.register(
        office.ask(), MODEL, run_id=run_id, artifact_path="model"
    )
    terms.setdefault("tolerances", {"acc": {"absolute": "0.01"}})
    office.services.reproduction.claim(office.ask(), name, MODEL, version.version, **terms)


def outcome(office: Office, run_id: str, name: str = "paper") -> Outcome:
    return office.services.reproduction.check(office.ask(), name, run_id).outcome


def test_a_run_that_does_it_again_is_reproduced(office: Office) -> None:
    """Equal lineage, equal files, a score within the tolerance."""
    a_claim(office)
    assert outcome(office, a_scored_run(office, 0.51)) is Outcome.REPRODUCED
    assert outcome(office, a_scored_run(office, 0.52)) is Outcome.DRIFT
    assert outcome(office, a_scored_run(office, float("nan"))) is Outcome.NOT_COMPARABLE
    assert outcome(office, a_scored_run(office, None)) is Outcome.NOT_COMPARABLE
    drifted = a_scored_run(office, lineage={**LINEAGE, "seed": 43})
    assert outcome(office, drifted) is Outcome.DRIFT


def test_another_client_may_do_it_again(office: Office) -> None:
    """A run that tells its lineage by params and tags is checked like one that declared it."""
    a_claim(office)
    run_id = a_scored_run(
        office,
        lineage=None,
        params={"base_model": "digits-base", "seed": "42", "lr": "1e-05", "epochs": "3"},
        tags={"assay.lineage.data_version": "dvc:3f1c", "mlflow.source.git.commit": "0" * 40},
    )
    report = office.services.reproduction.check(office.ask(), "paper", run_id)
    assert (report.outcome, report.differences) == (Outcome.REPRODUCED, ())


def test_equal_files_are_asked_for_where_they_are_claimed(office: Office) -> None:
    """Bitwise: the same folder of the run is compared with the version's manifest."""
    a_claim(office, is_bitwise=True)
    same = a_scored_run(office)
    other = a_scored_run(office, files={"model/weights.json": b"other"})
    assert outcome(office, same) is Outcome.REPRODUCED
    assert outcome(office, other) is Outcome.DRIFT


def test_a_claim_is_never_changed(office: Office) -> None:
    """Its name is taken for good, no method changes it, and terms altered in the database are noticed."""
    a_claim(office)
    with pytest.raises(AlreadyExists):
        a_claim(office, seeds=[1])
    with office.platform.database.write() as tx:
        tx.execute(text("UPDATE reproduction_claims SET terms = replace(terms, '0.01', '0.99')"))
    with pytest.raises(DataCorrupted):
        office.services.reproduction.get(office.ask(), "paper")


def test_a_claim_needs_something_to_claim(office: Office) -> None:
    """Closed lineage, a suite that is certain, and metrics that the run has."""
    reproduction = office.services.reproduction
    bare = office.a_version("bare")
    with pytest.raises(FailedPrecondition, match="no eval results"):
        reproduction.claim(office.ask(), "a", MODEL, bare.version)
    run_id = a_scored_run(office)
    office.services.evaluation.log_results(office.ask(), run_id, "exam@2", {"acc": 0.4})
    version = office.services.registration.register(
        office.ask(), MODEL, run_id=run_id, artifact_path="model"
    )
    with pytest.raises(FailedPrecondition, match="several suites"):
        reproduction.claim(office.ask(), "a", MODEL, version.version)
    with pytest.raises(FailedPrecondition, match="no number for f1"):
        reproduction.claim(
            office.ask(), "a", MODEL, version.version, suite=SUITE, tolerances={"f1": {}}
        )
    assert reproduction.list(office.ask()).items == ()


def test_claims_are_of_one_workspace(office: Office) -> None:
    """A run elsewhere is no candidate, a stranger sees no claim, a viewer makes none."""
    a_claim(office)
    office.services.workspaces.create(office.ask(), "lab")
    elsewhere = a_scored_run_in(office, "lab")
    with pytest.raises(NotFound):
        office.services.reproduction.check(office.ask(), "paper", elsewhere)
    with pytest.raises(NotFound):
        office.services.reproduction.get(office.ask(workspace="lab"), "paper")
    stranger = an_actor("otto", Role.VIEWER, workspace="lab")
    with pytest.raises(NotFound):
        office.services.reproduction.get(office.ask(stranger), "paper")
    with pytest.raises(PermissionDenied):
        office.services.reproduction.claim(office.ask(VIEWER), "b", MODEL, 1)
    run_id = a_scored_run(office)
    assert office.services.reproduction.check(office.ask(VIEWER), "paper", run_id).reasons == ()


def a_scored_run_in(office: Office, workspace: str) -> str:
    run_id = office.a_run({"model/weights.json": b"weights"}, workspace=workspace)
    context = office.ask(workspace=workspace)
    office.services.evaluation.log_results(context, run_id, SUITE, {"acc": 0.5})
    return run_id


def test_a_claim_is_in_the_ledger(office: Office) -> None:
    """With the digest of its terms."""
    a_claim(office)
    (entry,) = office.services.ledger.list(office.ask(), action="reproduction.claimed").items
    kept = office.services.reproduction.get(office.ask(), "paper").kept
    assert entry.event.target == "claim:paper"
    assert entry.event.details["terms_digest"] == kept.digest
