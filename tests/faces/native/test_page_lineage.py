from __future__ import annotations

from typing import Any

import pytest

from assay.domain.fingerprint import fingerprint
from assay.domain.ids import parse_run_id
from assay.faces.dispatch import Dispatcher
from assay.faces.native import page_lineage
from tests.support.native_app import ask, native_app
from tests.support.tracking import Tracking

CLOSED = {
    "params": {"base_model": "qwen", "data_version": "v3", "seed": "7", "lr": "0.5"},
    "tags": {"mlflow.source.git.commit": "abc123"},
}


@pytest.fixture
def app(sqlite_tracking: Tracking) -> Dispatcher:
    return native_app(sqlite_tracking.platform, page_lineage.ENDPOINTS)


def draft(app: Dispatcher, run_id: str) -> dict[str, Any]:
    answer = ask(app, "GET", f"/api/v1/runs/{run_id}/lineage-draft")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_closed_lineage_is_shown_with_origins_and_fingerprint(
    app: Dispatcher, sqlite_tracking: Tracking
) -> None:
    """The page shows the very fingerprint that a registration would freeze."""
    made = sqlite_tracking.runs.create(sqlite_tracking.context, experiment_id="0", **CLOSED)  # type: ignore[arg-type]
    found = draft(app, made.run.run_id)
    record = {
        "base_model": "qwen",
        "data_version": "v3",
        "seed": 7,
        "code_commit": "abc123",
        "config": {"lr": 0.5},
    }
    assert found["missing"] == []
    assert found["fingerprint"] == fingerprint(record).hex
    assert found["fields"]["seed"] == "7"
    assert found["origins"]["code_commit"] == "tag mlflow.source.git.commit"
    assert parse_run_id(found["run_id"]) == made.run.run_id


def test_what_is_missing_is_named_and_nothing_is_refused(
    app: Dispatcher, sqlite_tracking: Tracking
) -> None:
    """An open lineage is an answer, not an error: the page says what to add."""
    made = sqlite_tracking.runs.create(sqlite_tracking.context, experiment_id="0")
    found = draft(app, made.run.run_id)
    assert found["missing"] == ["data_version", "code_commit", "base_model", "seed"]
    assert found["fingerprint"] is None


def test_what_is_illegal_is_told(app: Dispatcher, sqlite_tracking: Tracking) -> None:
    """A tag that cannot be read as lineage shows as a problem, with the reason."""
    tags = {**CLOSED["tags"], "assay.lineage.config": "not json"}
    made = sqlite_tracking.runs.create(
        sqlite_tracking.context, experiment_id="0", params=CLOSED["params"], tags=tags
    )
    found = draft(app, made.run.run_id)
    assert found["fingerprint"] is None
    assert found["problem"]


def test_an_unknown_run_has_no_lineage(app: Dispatcher) -> None:
    """A run that is not there is answered 404."""
    answer = ask(app, "GET", f"/api/v1/runs/{'0' * 32}/lineage-draft")
    assert answer.status_code == 404
