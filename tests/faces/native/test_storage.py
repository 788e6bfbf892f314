"""The route that tells what the server keeps, and who may ask it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from assay.domain.access import LOCAL_OWNER, Actor, Role
from assay.domain.metric import MetricPoint
from assay.faces.dispatch import Dispatcher
from assay.faces.native import storage as routes
from assay.services import census
from assay.services.artifacts import RunOwner
from assay.services.census import Census
from assay.services.compaction import Compaction
from assay.services.ingest import Ingest
from assay.services.storage_report import StorageReports
from tests.support.native_app import ask, native_app
from tests.support.platform import a_context, an_actor
from tests.support.tracking import Tracking

PATIENCE_S = 60.0


class Rig:
    """The route, with a server's queue and packing behind it."""

    def __init__(self, tracking: Tracking) -> None:
        self.tracking = tracking
        self.compaction = Compaction(tracking.platform)
        self.ingest = Ingest(tracking.platform, compaction=self.compaction)
        self.census = Census(tracking.platform, kept_s=0.0, patience_s=PATIENCE_S)
        self.reports = StorageReports(tracking.platform, self.ingest, self.compaction, self.census)
        self.actor: Actor = LOCAL_OWNER
        self.app: Dispatcher = native_app(
            tracking.platform,
            routes.ENDPOINTS,
            lambda: self.actor,
            storage_reports=self.reports,
        )

    def ask(self) -> dict[str, Any]:
        answer = ask(self.app, "GET", "/api/v1/storage")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture
def rig(tracking: Tracking) -> Iterator[Rig]:
    """One server on each engine."""
    made = Rig(tracking)
    with closing(made.reports), closing(made.ingest):
        made.ingest.start()
        yield made


def a_file(rig: Rig, run_id: str, content: bytes) -> None:
    """A file of a run."""
    owner = RunOwner(run_id)
    rig.tracking.artifacts.put_bytes(rig.tracking.context, owner, f"{len(content)}.bin", content)


def test_an_empty_server_keeps_nothing(rig: Rig) -> None:
    """But for its database, of which the schema is told."""
    found = rig.ask()

    assert found["database"]["engine"] == rig.tracking.database.engine.value
    assert found["database"]["size_bytes"] > 10_000
    assert found["database"]["schema"] >= 11
    assert found["blob_store"]["kind"] == "folder"
    assert found["blob_store"]["free_bytes"] > 0
    assert found["backlogs"] == {
        "ingest_batches": 0,
        "ingest_points": 0,
        "unpacked_runs": 0,
        "webhook_deliveries": 0,
    }
    assert found["count"]["blobs"] == {"count": 0, "size_bytes": 0}
    assert found["count"]["largest"] == []


def test_what_is_kept_is_counted(rig: Rig) -> None:
    """Bytes once for each digest; points where they lie; experiments by the bytes of their files."""
    other = rig.tracking.experiments.create(rig.tracking.context, "other").experiment_id
    first, second = rig.tracking.a_run(), rig.tracking.a_run(other)
    for made in (first, second):
        a_file(rig, made.run.run_id, b"same")
    a_file(rig, second.run.run_id, b"x" * 1_000)
    points = [MetricPoint("loss", 0.5, 1_000 + step, step) for step in range(300)]
    rig.ingest.submit_sync(a_context(), first.run.run_id, points)

    before = rig.ask()
    count = before["count"]
    assert count["runs"] == 2
    assert count["blobs"] == {"count": 2, "size_bytes": 1_004}
    assert (count["tail"]["points"], count["chunks"]["points"]) == (300, 0)
    assert before["backlogs"]["unpacked_runs"] == 1
    assert [
        (each["name"], each["runs"], each["artifact_bytes"], each["points"])
        for each in count["largest"]
    ] == [("other", 1, 1_004, 0), ("Default", 1, 4, 300)]

    rig.compaction.compact_run(first.run.pk, is_idle=True)
    after = settled(rig)
    assert (after["count"]["tail"]["points"], after["count"]["chunks"]["points"]) == (0, 300)
    assert after["backlogs"]["unpacked_runs"] == 0


def settled(rig: Rig) -> dict[str, Any]:
    """A report whose count began after now."""
    rig.census.close()
    rig.census = Census(rig.tracking.platform, patience_s=PATIENCE_S)
    rig.reports = StorageReports(rig.tracking.platform, rig.ingest, rig.compaction, rig.census)
    rig.app = native_app(
        rig.tracking.platform, routes.ENDPOINTS, lambda: rig.actor, storage_reports=rig.reports
    )
    return rig.ask()


def test_counting_goes_in_steps(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many ranges a table is counted in, each row counts once."""
    monkeypatch.setattr(census, "_STEP_IDS", dict.fromkeys(census._STEP_IDS, 2))
    for number in range(5):
        made = rig.tracking.a_run(metrics={"loss": 0.5})
        a_file(rig, made.run.run_id, bytes(number + 1))

    count = rig.ask()["count"]

    assert count["runs"] == 5
    assert count["blobs"] == {"count": 5, "size_bytes": 15}
    (only,) = count["largest"]
    assert (only["runs"], only["artifact_bytes"], only["points"]) == (5, 15, 5)


def test_a_count_stands_for_a_while(rig: Rig) -> None:
    """Asking again reads nothing through: the last count is told with its moment."""
    kept = Census(rig.tracking.platform, kept_s=3_600.0, patience_s=PATIENCE_S)
    first = kept.latest()
    rig.tracking.clock.advance(60_000)
    rig.tracking.a_run()
    second = kept.latest()
    kept.close()

    assert first is not None
    assert second is first
    assert not kept.is_counting


def test_a_stopped_census_counts_no_more(rig: Rig) -> None:
    """A server that stops waits for one step at most, and says that it does not know."""
    stopped = Census(rig.tracking.platform, patience_s=PATIENCE_S)
    stopped.close()

    assert stopped.latest() is None
    assert not stopped.is_counting


def test_names_of_other_teams_are_not_told(rig: Rig) -> None:
    """An auditor of one workspace sees the sums, and of the largest those that it may read."""
    rig.tracking.add_summaries(rig.tracking.a_run().run.pk, {"loss": 0.5})
    rig.tracking.workspaces.create(rig.tracking.context, "elsewhere")

    assert [each["name"] for each in rig.ask()["count"]["largest"]] == ["Default"]
    rig.actor = an_actor("eve", Role.AUDITOR, workspace="elsewhere")
    answer = ask(rig.app, "GET", "/api/v1/storage", headers={"x-assay-workspace": "elsewhere"})
    assert answer.status_code == 200
    assert answer.json()["count"]["runs"] == 1
    assert answer.json()["count"]["largest"] == []


@pytest.mark.parametrize(
    ("role", "status"),
    [(role, 200 if role in (Role.AUDITOR, Role.ADMIN) else 403) for role in Role],
)
def test_only_who_looks_after_the_server_is_told(rig: Rig, role: Role, status: int) -> None:
    """Admins and auditors; everybody else is refused."""
    rig.actor = an_actor("ann", role)
    assert ask(rig.app, "GET", "/api/v1/storage").status_code == status
