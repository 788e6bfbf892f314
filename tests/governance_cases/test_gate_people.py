"""G22-G24: approvals by others, freeze windows in UTC, and the glass that two people break."""

from datetime import UTC, datetime
from typing import Any

import pytest

from assay.domain.access import LOCAL_OWNER
from assay.domain.errors import FailedPrecondition
from assay.domain.review import BREAK_GLASS_MS
from tests.governance_cases.scene import Court, codes
from tests.support.office import MODEL

APPROVALS = f"/models/{MODEL}/approvals"
HOUR = 3_600_000


def at(text: str) -> int:
    """UTC epoch milliseconds of an ISO moment."""
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def gate_of(court: Court, approvals: int) -> None:
    """A gate that mia wrote and that wants approvals."""
    spec = {
        "suite": court.a_suite().fingerprint,
        "metric": "accuracy",
        "threshold": 0.5,
        "approvals": approvals,
    }
    body = {"name": "reviewed", "spec": spec}
    assert court.call(court.third, "POST", "/gates", body)[0] == 201


def approved(court: Court, actor: Any, version: int = 1) -> tuple[int, dict[str, Any]]:
    return court.call(actor, "POST", APPROVALS, {"version": version})


def examined(court: Court, content: str, right: int, maker: Any) -> int:
    """A version that the maker registered and trained, with its verdict."""
    version = court.made_by(maker, content)
    court.examine(version, right)
    return version.version


def promote(court: Court, actor: Any, version: int = 1) -> tuple[int, dict[str, Any]]:
    return court.call(actor, "POST", f"/models/{MODEL}/promote", {"version": version})


def test_g22_registrant_owner_and_gate_author_cannot_approve(court: Court) -> None:
    """G22: who made it, ran it or wrote the rules is no other person; nor is a trainer's role enough."""
    gate_of(court, 1)
    examined(court, "weights", 9, court.maintainer)

    assert approved(court, court.maintainer)[0] == 403
    assert approved(court, court.third)[0] == 403
    assert approved(court, court.trainer)[0] == 403
    assert approved(court, court.runner)[0] == 403
    assert codes(promote(court, court.maintainer)) == ["approvals_missing"]
    assert approved(court, court.second)[0] == 201
    assert approved(court, court.second)[0] == 409
    assert promote(court, court.maintainer)[0] == 200


def test_g22_whoever_promotes_is_not_the_only_approver(court: Court) -> None:
    """G22: one's own consent to one's own promotion counts beside another person's only."""
    gate_of(court, 1)
    examined(court, "weights", 9, court.trainer)
    approved(court, court.maintainer)

    assert codes(promote(court, court.maintainer)) == ["approvals_missing"]
    assert promote(court, court.second)[0] == 200


def test_g22_k_of_n_are_distinct_people(court: Court) -> None:
    """G22: two are wanted, two different ones; a withdrawn one is none."""
    gate_of(court, 2)
    examined(court, "weights", 9, court.trainer)
    _, first = approved(court, court.maintainer)
    approved(court, court.admin)
    path = f"{APPROVALS}/{first['approval_id']}"
    assert court.call(court.second, "DELETE", path)[0] == 403
    assert court.call(court.maintainer, "DELETE", path)[0] == 200

    assert codes(promote(court, court.second)) == ["approvals_missing"]
    approved(court, court.maintainer)
    status, move = promote(court, court.second)

    assert status == 200
    given = move["decision"]["approvals"]
    assert sorted(one["approver"] for one in given["given"]) == ["ada", "maria"]
    story = court.story()
    assert story.count("approval.given") == 3
    assert story.count("approval.withdrawn") == 1


@pytest.mark.parametrize("of_its_own", [False, True], ids=["workspace's gate", "model's own"])
def test_g22_who_writes_the_gate_does_not_do_away_with_approvals_alone(
    court: Court, of_its_own: bool
) -> None:
    """G22: a newer gate that wants fewer approvals asks for as many as before, until it has promoted."""
    court.a_suite()
    court.a_version("before there was a gate")
    court.clock.advance(HOUR)
    gate_of(court, 1)
    court.clock.advance(HOUR)
    suite = court.a_suite().fingerprint
    spec = {"suite": suite, "metric": "accuracy", "threshold": 0.4}
    body = {"name": "own" if of_its_own else "reviewed", "spec": spec}
    body |= {"model": MODEL} if of_its_own else {}
    assert court.call(court.maintainer, "POST", "/gates", body)[0] == 201
    version = examined(court, "weights", 9, court.trainer)

    held = promote(court, court.maintainer, version)

    assert codes(held) == ["approvals_missing"]
    assert "an earlier gate wanted" in held[1]["error"]["message"]
    assert held[1]["error"]["details"]["decision"]["approvals"]["wanted"] == 1
    court.services.promotion.preview(court.ask(court.maintainer), MODEL, version)
    assert approved(court, court.maintainer, version)[0] == 403
    assert approved(court, court.second, version)[0] == 201
    court.clock.advance(HOUR)
    assert promote(court, court.maintainer, version)[0] == 200
    court.clock.advance(HOUR)
    better = examined(court, "better", 10, court.trainer)
    assert promote(court, court.maintainer, better)[0] == 200


def test_g22_a_rollback_does_not_do_away_with_approvals_either(court: Court) -> None:
    """G22: nobody needs to approve a rollback, so it proves nothing of the newer gate."""
    court.a_gate(0.5, name="reviewed")
    for content, right in (("one", 5), ("two", 6)):
        court.clock.advance(HOUR)
        assert (
            promote(court, court.maintainer, examined(court, content, right, court.trainer))[0]
            == 200
        )
    court.clock.advance(HOUR)
    gate_of(court, 1)
    court.clock.advance(HOUR)
    court.a_gate(0.5, name="reviewed")
    court.clock.advance(HOUR)
    assert court.call(court.maintainer, "POST", f"/models/{MODEL}/rollback", {})[0] == 200
    court.clock.advance(HOUR)

    third = examined(court, "three", 9, court.trainer)

    assert codes(promote(court, court.maintainer, third)) == ["approvals_missing"]


def test_g22_an_approval_by_a_disabled_person_does_not_count(court: Court) -> None:
    """G22: whoever was shut out, or lost the role, has not agreed."""
    gate_of(court, 1)
    examined(court, "weights", 9, court.trainer)
    approved(court, court.second)
    court.services.auth.set_disabled(court.ask(), "max", disabled=True)
    assert codes(promote(court, court.maintainer)) == ["approvals_missing"]

    court.services.auth.set_disabled(court.ask(), "max", disabled=False)
    court.services.auth.revoke(court.ask(), "max", "default", "maintainer")
    assert codes(promote(court, court.maintainer)) == ["approvals_missing"]

    court.services.auth.grant(court.ask(), "max", "default", "maintainer")
    assert promote(court, court.maintainer)[0] == 200


def test_g22_an_approval_is_void_once_the_alias_moved(court: Court) -> None:
    """G22: it was given to follow that champion; after another revision it is asked for anew."""
    gate_of(court, 1)
    examined(court, "one", 7, court.trainer)
    examined(court, "two", 9, court.trainer)
    approved(court, court.second, 1)
    approved(court, court.second, 2)
    assert promote(court, court.maintainer, 1)[0] == 200

    assert codes(promote(court, court.maintainer, 2)) == ["approvals_missing"]
    assert approved(court, court.second, 2)[0] == 201
    assert promote(court, court.maintainer, 2)[0] == 200


def test_g22_the_preview_says_what_is_missing(sqlite_court: Court) -> None:
    """G22: how many are wanted, who gave them, and whose would not count."""
    gate_of(sqlite_court, 2)
    examined(sqlite_court, "weights", 9, sqlite_court.trainer)
    approved(sqlite_court, sqlite_court.second)
    path = f"/models/{MODEL}/promotion-preview"

    _, shown = sqlite_court.call(sqlite_court.maintainer, "POST", path, {"version": 1})

    assert shown["approvals"]["wanted"] == 2
    assert [one["approver"] for one in shown["approvals"]["given"]] == ["max"]
    assert shown["approvals"]["barred"] == ["carl", "mia"]


def frozen(court: Court, start: int, end: int, **body: Any) -> str:
    given = {"starts_at_ms": start, "ends_at_ms": end, "reason": "holidays", **body}
    status, made = court.call(court.maintainer, "POST", "/freezes", given)
    assert status == 201, made
    return str(made["freeze_id"])


def two_champions(court: Court) -> None:
    court.a_gate(0.5)
    for content, right in (("one", 6), ("two", 7)):
        assert court.promoted(court.scored(content, right))[0] == 200


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-03-29T00:30:00", "2026-03-29T01:30:00"),
        ("2026-10-25T00:30:00", "2026-10-25T01:30:00"),
        ("2028-02-29T00:00:00", "2028-03-01T00:00:00"),
    ],
    ids=["clocks go forward", "clocks go back", "leap day"],
)
def test_g23_a_freeze_is_in_utc_to_the_millisecond(
    sqlite_court: Court, start: str, end: str
) -> None:
    """G23: no hour is skipped or repeated and a leap day is a day; the end itself is free."""
    court = sqlite_court
    court.clock.now = at(start) - HOUR
    two_champions(court)
    third = court.scored("three", 8)
    frozen(court, at(start), at(end))

    court.clock.now = at(start)
    held = court.promoted(third)
    assert codes(held) == ["frozen"]
    assert f"frozen until {end}Z: holidays" in held[1]["error"]["message"]
    court.clock.now = at(end) - 1
    assert codes(court.promoted(third)) == ["frozen"]
    court.clock.now = at(end)
    assert court.promoted(third)[0] == 200


def test_g23_a_clock_that_is_set_back_opens_nothing(court: Court) -> None:
    """G23: once a time within the freeze was recorded, an earlier clock is not believed."""
    start = court.clock.now + HOUR
    two_champions(court)
    third = court.scored("three", 8)
    frozen(court, start, start + HOUR)
    court.clock.now = start + 1
    assert codes(court.promoted(third)) == ["frozen"]

    court.clock.now = start - 10

    assert codes(court.promoted(third)) == ["frozen"]
    court.clock.now = start + HOUR
    assert court.promoted(third)[0] == 200


@pytest.mark.parametrize("start", [10**17, 2**63 - 5, 2**70])
def test_g23_a_freeze_is_within_the_calendar(sqlite_court: Court, start: int) -> None:
    """G23: a window that no calendar shows is refused, and hides no other."""
    body = {"starts_at_ms": start, "ends_at_ms": start + 1, "reason": "later"}

    assert sqlite_court.call(sqlite_court.maintainer, "POST", "/freezes", body)[0] == 422


def test_g23_rolling_back_is_possible_and_a_freeze_can_be_lifted(court: Court) -> None:
    """G23: what makes things safe again is never frozen; lifting is recorded, and for maintainers."""
    two_champions(court)
    third = court.scored("three", 8)
    freeze = frozen(court, court.clock.now, court.clock.now + HOUR, alias="production")
    assert court.call(court.trainer, "POST", f"/freezes/{freeze}/lift", {})[0] == 403
    assert codes(court.promoted(third)) == ["frozen"]
    assert court.call(court.maintainer, "POST", f"/models/{MODEL}/rollback", {})[0] == 200

    assert court.call(court.maintainer, "POST", f"/freezes/{freeze}/lift", {})[0] == 200

    assert court.promoted(third)[0] == 200
    assert [event.action for event in court.events() if event.action.startswith("freeze")] == [
        "freeze.created",
        "freeze.lifted",
    ]


def asked(court: Court, version: int, actor: Any = None) -> tuple[int, dict[str, Any]]:
    body = {"model": MODEL, "version": version, "reason": "the champion leaks"}
    return court.call(actor or court.admin, "POST", "/break-glass", body)


def test_g24_two_people_break_the_glass_and_the_ledger_tells_both(court: Court) -> None:
    """G24: request and confirmation are events of their own, and the history says break_glass."""
    two_champions(court)
    worse = court.scored("worse", 1)
    frozen(court, court.clock.now, court.clock.now + HOUR)
    status, request = asked(court, worse.version)
    assert status == 201
    assert court.holder() == 2
    confirm = f"/break-glass/{request['request_id']}/confirm"
    assert court.call(court.admin, "POST", confirm)[0] == 403
    assert court.call(court.trainer, "POST", confirm)[0] == 403

    status, move = court.call(court.maintainer, "POST", confirm)

    assert (status, move["kind"], move["to_version"]) == (200, "break_glass", worse.version)
    assert move["decision"]["requested_by"] == "user:ada"
    assert move["decision"]["confirmed_by"] == "user:maria"
    allowed = [e.action for e in court.events() if e.outcome == "allowed"]
    assert allowed[-3:] == ["break_glass.requested", "break_glass.confirmed", "break_glass"]
    assert court.call(court.maintainer, "POST", confirm)[0] == 409
    assert court.holder() == worse.version
    report = court.services.audit.verify(court.platform.database, court.platform.blobs)
    assert report.is_ok, report.findings
    assert court.call(court.maintainer, "POST", f"/models/{MODEL}/rollback", {})[0] == 200
    assert court.holder() == 2


def test_g24_a_request_expires_and_follows_no_other_champion(court: Court) -> None:
    """G24: after its time, or once the alias moved, it opens nothing."""
    two_champions(court)
    third = court.scored("three", 8)
    _, late = asked(court, 1)
    court.clock.advance(BREAK_GLASS_MS)
    path = f"/break-glass/{late['request_id']}/confirm"
    assert court.call(court.maintainer, "POST", path)[0] == 409
    _, stale = asked(court, 1)
    court.promoted(third)

    path = f"/break-glass/{stale['request_id']}/confirm"

    assert court.call(court.maintainer, "POST", path)[0] == 409
    assert court.holder() == third.version


def test_g24_no_emergency_excuses_lineage_or_quarantine(court: Court) -> None:
    """G24: a quarantined version stays out, and so does one without closed lineage."""
    two_champions(court)
    court.call(court.maintainer, "POST", f"/models/{MODEL}/rollback", {})
    assert asked(court, 2)[0] == 409
    assert asked(court, 1)[0] == 409

    tags = {"mlflow.prompt.is_prompt": "true"}
    court.services.registry.create_model(court.ask(), "greeting", tags=tags)
    court.services.registration.register_prompt(court.ask(), "greeting", tags=tags)
    body = {"model": "greeting", "version": 1, "reason": "now"}
    assert court.call(court.admin, "POST", "/break-glass", body)[0] == 409


def test_g24_only_an_admin_asks_and_one_person_is_not_two(court: Court) -> None:
    """G24: maintainers cannot ask, a shut-out admin's request is void, local mode is refused."""
    two_champions(court)
    assert asked(court, 1, court.maintainer)[0] == 403
    _, request = asked(court, 1)
    court.services.auth.set_disabled(court.ask(), "ada", disabled=True)
    path = f"/break-glass/{request['request_id']}/confirm"
    assert court.call(court.maintainer, "POST", path)[0] == 409

    with pytest.raises(FailedPrecondition, match="two people"):
        court.services.reviews.break_glass.request(
            court.ask(LOCAL_OWNER), MODEL, 1, "production", "alone"
        )
