"""Gates and suites: frozen, versioned, one current per guarded thing."""

import io
import tarfile

import pytest

from assay.blobs.store import put
from assay.domain.errors import AlreadyExists, InvalidArgument, NotFound, PermissionDenied
from assay.domain.gate_run import GateRunState
from tests.support.office import CONTRIBUTOR, MODEL, Office


def test_a_suite_is_what_its_bytes_say(office: Office) -> None:
    """Items and fingerprint are computed from the bundle; the same bundle is one suite."""
    first = office.a_suite(items=4)
    again = office.a_suite(items=4)
    other = office.a_suite(items=5)

    assert first.item_count == 4
    assert first.bundle_sha256 is not None
    assert again == first
    assert other.fingerprint != first.fingerprint
    assert office.story() == ["suite.created", "suite.created"]
    found = office.services.evaluation.get_suite
    assert found(office.ask(), first.fingerprint) == first
    assert found(office.ask(), "capitals") == other
    with pytest.raises(NotFound):
        found(office.ask(), "nothing")


@pytest.mark.parametrize("content", [b"", b"not a tar", b"\0" * 1024], ids=["empty", "text", "end"])
def test_a_bundle_that_is_no_suite_is_refused(sqlite_office: Office, content: bytes) -> None:
    """A wrong upload is the sender's mistake, and stores nothing."""
    blob = put(sqlite_office.platform.blobs, [content])

    with pytest.raises(InvalidArgument):
        sqlite_office.services.evaluation.create_suite(sqlite_office.ask(), blob)

    assert sqlite_office.services.evaluation.list_suites(sqlite_office.ask()).items == ()


def test_a_bundle_that_reaches_outside_is_refused(sqlite_office: Office) -> None:
    """Links, absolute paths and `..` in an archive never touch the server's files."""
    for name, kind in (("../evil", tarfile.REGTYPE), ("link", tarfile.SYMTYPE)):
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd" if kind == tarfile.SYMTYPE else ""
            tar.addfile(member, io.BytesIO(b""))
        blob = put(sqlite_office.platform.blobs, [archive.getvalue()])
        with pytest.raises(InvalidArgument):
            sqlite_office.services.evaluation.create_suite(sqlite_office.ask(), blob)


def test_a_new_gate_version_is_current_at_once(office: Office) -> None:
    """A change is a version; the former one is history."""
    first, second = office.a_gate(0.5), office.a_gate("0.6")

    assert (first.version, second.version) == (1, 2)
    assert first.fingerprint != second.fingerprint
    versions = office.services.gates.get(office.ask(), "holdout")
    assert [gate.is_current for gate in versions] == [False, True]
    event = office.events("gate.created")[-1]
    assert (event.before, event.after) == (first.fingerprint, second.fingerprint)
    page = office.services.gates.list(office.ask(), current_only=True)
    assert [gate.version for gate in page.items] == [2]


def test_the_suite_fills_in_direction_and_bundle(sqlite_office: Office) -> None:
    """What the suite declares is not said twice, and cannot be contradicted."""
    suite = sqlite_office.a_suite()
    gate = sqlite_office.a_gate(5, suite=suite.fingerprint, metric="latency")

    assert not gate.spec.maximize
    assert gate.spec.bundle == suite.bundle_sha256
    for wrong in (
        {"direction": "maximize"},
        {"metric": "beauty"},
        {"min_items": 11},
        {"threshold": "NaN"},
        {"threshold": True},
        {"unknown": 1},
        {"bundle": "f" * 64},
        {"approvals": -1},
        {"comparison": "paired", "alpha": 1},
        {"alpha": 0.05},
        {"signed_verdicts": "maybe"},
        {"guards": [{"metric": "nothing", "max_regression": 0}]},
    ):
        with pytest.raises(InvalidArgument):
            sqlite_office.a_gate(
                wrong.pop("threshold", 5),  # type: ignore[arg-type]
                suite=suite.fingerprint,
                metric=wrong.pop("metric", "latency"),
                **wrong,
            )


def test_changing_the_gate_cancels_what_runs_under_the_old_one(office: Office) -> None:
    """G13: the runner's answer would count no longer, so it is refused."""
    office.a_gate(0.5)
    office.a_version()
    office.services.gate_runs.request(office.ask(), MODEL, 1)
    lease = office.lease()

    office.a_gate(0.6)

    (report,) = office.services.gate_runs.list(office.ask()).items
    assert report.run.state is GateRunState.CANCELLED
    with pytest.raises(Exception, match="cancelled"):
        office.hand_in(lease, right=9)


def test_a_gate_name_guards_one_thing(office: Office) -> None:
    """The versions of a gate are versions of one rule, for one target."""
    suite = office.a_suite()
    office.a_version(model="m")
    office.a_gate(0.5, suite=suite.fingerprint)

    with pytest.raises(AlreadyExists):
        office.a_gate(0.5, suite=suite.fingerprint, model="m")
    with pytest.raises(NotFound):
        office.a_gate(0.5, suite=suite.fingerprint, name="other", model="nobody")


def test_contributors_make_no_gates_and_no_suites(office: Office) -> None:
    """Who is examined does not write the exam."""
    suite = office.a_suite()
    blob = put(office.platform.blobs, [b"x"])

    with pytest.raises(PermissionDenied):
        office.services.gates.create(
            office.ask(CONTRIBUTOR),
            "easy",
            {"suite": suite.fingerprint, "metric": "accuracy", "threshold": 0},
        )
    with pytest.raises(PermissionDenied):
        office.services.evaluation.create_suite(office.ask(CONTRIBUTOR), blob)
    with pytest.raises(PermissionDenied):
        office.services.evaluation.begin_bundle(office.ask(CONTRIBUTOR))


def test_lists_come_in_pages(office: Office) -> None:
    """Suites and gates page by their own order."""
    for count in range(3, 6):
        office.a_suite(f"suite-{count}", items=count)
    evaluation = office.services.evaluation

    first = evaluation.list_suites(office.ask(), max_results=2)
    second = evaluation.list_suites(office.ask(), max_results=2, page_token=first.next_token)

    names = [suite.name for suite in (*first.items, *second.items)]
    assert names == ["suite-3", "suite-4", "suite-5"]
    assert second.next_token is None
    with pytest.raises(InvalidArgument):
        office.services.gates.list(office.ask(), page_token=first.next_token)
