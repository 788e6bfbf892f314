"""Gate runs: leased with nonce, fence and expiry; the server scores; one verdict ends them."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from assay.domain.access import LOCAL_OWNER, SYSTEM, Actor, Role
from assay.domain.errors import (
    Conflict,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
)
from assay.domain.gate import Outcome
from assay.domain.gate_run import MAX_ATTEMPTS, GateRunState
from assay.services.gate_runs import Lease
from tests.support.office import (
    CONTRIBUTOR,
    MAINTAINER,
    MODEL,
    RUNNER,
    VIEWER,
    Office,
    rows,
)
from tests.support.platform import an_actor


@pytest.fixture
def leased(office: Office) -> Lease:
    """A version that a runner holds the lease for."""
    office.a_gate(0.5)
    office.a_version()
    office.services.gate_runs.request(office.ask(), MODEL, 1)
    return office.lease()


@pytest.fixture
def sqlite_leased(sqlite_office: Office) -> Lease:
    """The same on SQLite alone, for cases of a rule that no engine has a part in."""
    sqlite_office.a_gate(0.5)
    sqlite_office.a_version()
    sqlite_office.services.gate_runs.request(sqlite_office.ask(), MODEL, 1)
    return sqlite_office.lease()


def post(office: Office, lease: Lease, given: Any, actor: Actor = RUNNER) -> Any:
    return office.services.gate_runs.post_rows(
        office.ask(actor),
        lease.run.gate_run_id,
        nonce=lease.nonce,
        fence=lease.run.fence,
        rows=given,
    )


def verdict_count(office: Office) -> int:
    with office.platform.database.read() as tx:
        return int(tx.driver("SELECT count(*) FROM verdicts").scalar_one())


def test_a_lease_hands_out_all_that_the_exam_needs(office: Office, leased: Lease) -> None:
    """Gate, suite, nonce, fence, expiry, and the candidate's frozen files."""
    assert (leased.run.state, leased.run.fence, leased.run.attempts) == (GateRunState.LEASED, 1, 1)
    assert leased.run.lease_expires_at_ms == office.clock.now + 60_000
    assert leased.gate.title == "gate 'holdout' v1"
    assert leased.suite.item_count == 10
    assert [file.path for file in leased.files] == ["weights.json"]
    bundle, download = office.services.gate_runs.open_bundle(
        office.ask(RUNNER), leased.run.gate_run_id
    )
    assert bundle.sha256 == leased.suite.bundle_sha256
    assert len(b"".join(download)) == bundle.size_bytes
    entry, content = office.services.gate_runs.open_candidate_file(
        office.ask(RUNNER), leased.run.gate_run_id, "weights.json"
    )
    assert b"".join(content) == b"weights"
    assert entry == leased.files[0]


def test_the_server_scores_the_rows_itself(office: Office, leased: Lease) -> None:
    """The verdict is exact, bound to gate and bytes, with the rows kept."""
    given = post(office, leased, rows(7))

    assert given.verdict.outcome is Outcome.PASS
    assert given.verdict.score == Fraction(7, 10)
    assert given.verdict.metrics == {"accuracy": Fraction(7, 10), "latency": Fraction(1)}
    assert given.verdict.artifact_digest == leased.run.artifact_digest
    assert given.verdict.gate_fingerprint == leased.gate.fingerprint
    assert office.platform.blobs.exists(given.rows_sha256)
    assert given.runner == "gate:gate-runner"
    report = office.services.gate_runs.get(office.ask(), leased.run.gate_run_id)
    assert (report.run.state, report.verdict) == (GateRunState.DONE, given)
    assert office.story()[-2:] == ["gate_run.leased", "verdict.written"]


@pytest.mark.parametrize(
    ("right", "outcome"), [(5, Outcome.PASS), (4, Outcome.FAIL), (10, Outcome.PASS)]
)
def test_reaching_the_threshold_exactly_passes(
    office: Office, leased: Lease, right: int, outcome: Outcome
) -> None:
    """G9: equality with the threshold is a pass."""
    assert post(office, leased, rows(right)).verdict.outcome is outcome


def _without_the_hardest(given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return given[:-1]


def _with_a_duplicate(given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [*given[:-1], given[0]]


def _with_a_foreign_item(given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [*given[:-1], {**given[-1], "item_id": "easy"}]


def _only_an_aggregate(given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"item_id": "all", "metrics": {"accuracy": 0.99, "latency": 1}}]


@pytest.mark.parametrize(
    "cheat",
    [_without_the_hardest, _with_a_duplicate, _with_a_foreign_item, _only_an_aggregate],
)
def test_rows_must_be_exactly_the_frozen_items(
    sqlite_office: Office, sqlite_leased: Lease, cheat: Any
) -> None:
    """G6, G7: a missing hard item, a doubled easy one, a foreign one, an aggregate: refused."""
    before = sqlite_office.story()

    with pytest.raises(InvalidArgument):
        post(sqlite_office, sqlite_leased, cheat(rows(10)))

    assert verdict_count(sqlite_office) == 0
    assert sqlite_office.story() == before


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), True, "0.9", 1.0000001, -0.1, None, [1]]
)
def test_values_outside_the_declared_domain_are_refused(
    sqlite_office: Office, sqlite_leased: Lease, value: object
) -> None:
    """G8: every value is a finite number within the suite's bounds."""
    given = rows(10)
    given[3]["metrics"]["accuracy"] = value

    with pytest.raises(InvalidArgument):
        post(sqlite_office, sqlite_leased, given)

    assert verdict_count(sqlite_office) == 0


@pytest.mark.parametrize(
    "actor",
    [
        LOCAL_OWNER,
        MAINTAINER,
        CONTRIBUTOR,
        VIEWER,
        an_actor("root", Role.ADMIN, workspace="*"),
        replace(
            MAINTAINER, name="both", roles={"default": frozenset({Role.MAINTAINER, Role.GATE})}
        ),
    ],
    ids=lambda actor: actor.name,
)
def test_nobody_but_a_gate_runner_writes_a_verdict(
    sqlite_office: Office, sqlite_leased: Lease, actor: Actor
) -> None:
    """G1, G3: not the trainer, not the owner, not the admin; the attempt is in the ledger once."""
    before = sqlite_office.story()

    with pytest.raises(PermissionDenied):
        post(sqlite_office, sqlite_leased, rows(10), actor)
    with pytest.raises(PermissionDenied):
        sqlite_office.services.gate_runs.fail(
            sqlite_office.ask(actor),
            sqlite_leased.run.gate_run_id,
            nonce=sqlite_leased.nonce,
            fence=1,
            reason="no",
        )

    assert verdict_count(sqlite_office) == 0
    assert sqlite_office.story() == [*before, "verdict.written!", "verdict.written!"]


def test_a_runner_of_another_workspace_does_not_know_of_it(office: Office, leased: Lease) -> None:
    """What you may not see does not exist."""
    stranger = an_actor("stranger", Role.GATE, workspace="team-b")

    with pytest.raises(NotFound):
        post(office, leased, rows(10), stranger)
    with pytest.raises(NotFound):
        office.services.gate_runs.open_bundle(office.ask(stranger), leased.run.gate_run_id)
    assert office.services.gate_runs.lease(office.ask(stranger)) is None


def test_another_runner_cannot_use_the_lease(office: Office, leased: Lease) -> None:
    """Nonce and fence are bound to the credential that was handed them."""
    other = an_actor("gate-runner-2", Role.GATE)

    with pytest.raises(Conflict):
        post(office, leased, rows(10), other)
    with pytest.raises(Conflict):
        office.services.gate_runs.open_candidate_file(
            office.ask(other), leased.run.gate_run_id, "weights.json"
        )


@pytest.mark.parametrize("wrong", [{"nonce": "0" * 32}, {"fence": 2}, {"nonce": ""}])
def test_a_wrong_nonce_or_fence_is_a_conflict(
    sqlite_office: Office, sqlite_leased: Lease, wrong: dict[str, Any]
) -> None:
    """G4: nothing is written with a proof that is not the lease's own."""
    proof = {"nonce": sqlite_leased.nonce, "fence": sqlite_leased.run.fence, **wrong}

    with pytest.raises(Conflict):
        sqlite_office.services.gate_runs.post_rows(
            sqlite_office.ask(RUNNER), sqlite_leased.run.gate_run_id, rows=rows(10), **proof
        )

    assert verdict_count(sqlite_office) == 0


def test_an_expired_lease_writes_nothing_and_is_handed_out_again(
    office: Office, leased: Lease
) -> None:
    """G5, G18: the slow runner is fenced off; the next one's answer is the one verdict."""
    office.clock.advance(60_000)
    with pytest.raises(Conflict, match="expired"):
        office.hand_in(leased, right=10)

    second = office.lease(an_actor("gate-runner-2", Role.GATE))

    assert (second.run.gate_run_id, second.run.fence) == (leased.run.gate_run_id, 2)
    assert second.nonce != leased.nonce
    with pytest.raises(Conflict):
        office.hand_in(leased, right=10)
    office.hand_in(second, right=3, actor=an_actor("gate-runner-2", Role.GATE))
    assert verdict_count(office) == 1


def test_the_same_runner_is_fenced_off_from_its_own_older_lease(
    office: Office, leased: Lease
) -> None:
    """A restarted runner with the same credential replaces its former self."""
    office.clock.advance(60_000)
    second = office.lease()

    with pytest.raises(Conflict, match="leased anew"):
        office.hand_in(leased, right=10)
    assert office.hand_in(second, right=6).verdict.score == Fraction(6, 10)


def test_a_heartbeat_extends_the_lease(office: Office, leased: Lease) -> None:
    """A long exam keeps its lease by saying that it goes on; too late is too late."""
    beat = office.services.gate_runs.heartbeat
    proof = {"nonce": leased.nonce, "fence": leased.run.fence}
    office.clock.advance(50_000)
    run = beat(office.ask(RUNNER), leased.run.gate_run_id, seconds=60, **proof)
    assert run.lease_expires_at_ms == office.clock.now + 60_000
    office.clock.advance(59_000)
    assert office.services.gate_runs.lease(office.ask(RUNNER)) is None
    office.clock.advance(1_000)

    with pytest.raises(Conflict):
        beat(office.ask(RUNNER), leased.run.gate_run_id, seconds=60, **proof)


def test_a_second_verdict_is_refused(office: Office, leased: Lease) -> None:
    """A replayed answer changes nothing."""
    office.hand_in(leased, right=3)

    with pytest.raises(Conflict, match="verdict already"):
        office.hand_in(leased, right=10)

    assert verdict_count(office) == 1


def test_a_broken_exam_holds_and_may_be_held_again(office: Office, leased: Lease) -> None:
    """G16, G17: what goes wrong in the scorer is the verdict `error`, never a pass."""
    given = office.services.gate_runs.fail(
        office.ask(RUNNER),
        leased.run.gate_run_id,
        nonce=leased.nonce,
        fence=leased.run.fence,
        reason="the scorer ran out of memory",
    )

    assert given.verdict.outcome is Outcome.ERROR
    assert given.reasons == ("the scorer ran out of memory",)
    again = office.services.gate_runs.request(office.ask(), MODEL, 1)
    assert again.verdict is None
    assert again.run.gate_run_id != leased.run.gate_run_id


def test_a_standing_verdict_is_not_asked_for_again(office: Office, leased: Lease) -> None:
    """The same bytes are not examined until they look better."""
    given = office.hand_in(leased, right=4)

    report = office.services.gate_runs.request(office.ask(), MODEL, 1)

    assert report.verdict == given
    assert office.services.gate_runs.lease(office.ask(RUNNER)) is None


def test_an_exam_that_nobody_finishes_expires(office: Office, leased: Lease) -> None:
    """After too many leases without an answer the verdict is `expired`; it holds promotions."""
    for _ in range(MAX_ATTEMPTS - 1):
        office.clock.advance(60_000)
        office.lease()
    office.clock.advance(60_000)

    assert office.services.gate_runs.lease(office.ask(RUNNER)) is None

    report = office.services.gate_runs.get(office.ask(), leased.run.gate_run_id)
    assert report.verdict is not None
    assert report.verdict.verdict.outcome is Outcome.EXPIRED
    assert report.verdict.runner == "system:assay"
    assert office.events("verdict.written")[-1].actor == "system:assay"
    assert SYSTEM.name == "assay"


def test_the_oldest_waiting_exam_comes_first(office: Office) -> None:
    """Gate runs are handed out in the order in which they were asked for."""
    office.a_gate()
    for number in range(3):
        office.a_version(f"v{number}")
        office.services.gate_runs.request(office.ask(), MODEL, number + 1)

    assert [office.lease().run.version for _ in range(3)] == [1, 2, 3]
    assert office.services.gate_runs.lease(office.ask(RUNNER)) is None


def test_requests_need_a_gate_and_files(office: Office) -> None:
    """Without a gate there is nothing to ask for; without rights nothing is queued."""
    office.a_version()
    request = office.services.gate_runs.request

    with pytest.raises(FailedPrecondition):
        request(office.ask(), MODEL, 1)
    office.a_gate()
    with pytest.raises(PermissionDenied):
        request(office.ask(VIEWER), MODEL, 1)
    assert request(office.ask(CONTRIBUTOR), MODEL, 1).run.requested_by == "user:carl"


def test_only_gate_runners_lease(office: Office, leased: Lease) -> None:
    """Even the owner of the machine leases nothing."""
    for actor in (LOCAL_OWNER, MAINTAINER, VIEWER):
        with pytest.raises(PermissionDenied):
            office.services.gate_runs.lease(office.ask(actor))
    with pytest.raises(PermissionDenied):
        office.services.gate_runs.list(office.ask(RUNNER))


@pytest.mark.parametrize("seconds", [0, 4, 3_601])
def test_a_lease_has_bounds(sqlite_office: Office, seconds: int) -> None:
    """Neither a lease for ever nor one that is over at once."""
    with pytest.raises(InvalidArgument):
        sqlite_office.services.gate_runs.lease(sqlite_office.ask(RUNNER), seconds=seconds)


def test_gate_runs_are_listed_with_their_verdicts(office: Office, leased: Lease) -> None:
    """Newest first, by model, version and state, in pages."""
    office.hand_in(leased, right=9)
    office.a_version("b")
    office.services.gate_runs.request(office.ask(), MODEL, 2)
    listing = office.services.gate_runs.list

    first = listing(office.ask(), max_results=1)
    second = listing(office.ask(), max_results=1, page_token=first.next_token)

    assert [r.run.version for r in (*first.items, *second.items)] == [2, 1]
    assert second.items[0].verdict is not None
    assert listing(office.ask(), version=2).items == first.items
    assert listing(office.ask(), states=[GateRunState.DONE]).items == second.items
    assert listing(office.ask(), model="other").items == ()
