"""Attempts on `production` by people without the right, and by people with half of it."""

from tests.governance_cases.scene import Court, codes
from tests.governance_cases.test_gate_people import approved, gate_of
from tests.support.office import MODEL, rows


def test_g24_broken_glass_lets_in_no_namesake(court: Court) -> None:
    """G24: a request is about these bytes; a model made anew under the name has nothing from it."""
    court.a_gate(0.5)
    court.a_version("asked for")
    body = {"model": MODEL, "version": 1, "reason": "nothing serves"}
    status, asked = court.call(court.admin, "POST", "/break-glass", body)
    assert status == 201
    assert court.call(court.maintainer, "DELETE", f"/models/{MODEL}")[0] == 200
    assert court.a_version("slipped in").version == 1

    path = f"/break-glass/{asked['request_id']}/confirm"
    status, answer = court.call(court.second, "POST", path)

    assert (status, answer["error"]["code"]) == (409, "conflict")
    assert court.holder() is None


def test_g29_a_rollback_returns_to_nobody_who_was_only_set_there(court: Court) -> None:
    """G29: who held the alias before it was protected never passed a gate, and is passed over."""
    court.a_gate(0.5)
    court.a_version("set by hand")
    by_hand = f"/models/{MODEL}/aliases/staging"
    assert court.call(court.trainer, "PUT", by_hand, {"version": 1})[0] == 200
    policy = {"protected": ["production", "staging"]}
    assert court.call(court.admin, "PATCH", "/workspaces/default", policy)[0] == 200
    court.services.gate_runs.request(court.ask(), MODEL, 1)
    court.post_rows(court.lease(court.runner), rows(4))
    assert court.promoted(court.scored("two", 6), alias="staging")[0] == 200
    path = f"/models/{MODEL}/rollback"

    status, answer = court.call(court.maintainer, "POST", path, {"alias": "staging"})

    assert (status, answer["error"]["code"]) == (409, "failed_precondition")
    assert court.holder("staging") == 2
    assert court.promoted(court.scored("three", 7), alias="staging")[0] == 200
    assert court.call(court.maintainer, "POST", path, {"alias": "staging"})[0] == 200
    assert court.holder("staging") == 2


def test_g25_the_same_files_under_another_number_stay_in_quarantine(court: Court) -> None:
    """G25: registered once more, what was rolled back is held until the first is cleared."""
    court.a_gate(0.5)
    court.promoted(court.scored("one", 6))
    court.promoted(court.scored("two", 7))
    assert court.call(court.maintainer, "POST", f"/models/{MODEL}/rollback", {})[0] == 200
    twin = court.a_version("two")

    assert codes(court.promoted(twin)) == ["quarantined"]
    body = {"model": MODEL, "version": twin.version, "reason": "it is urgent"}
    assert court.call(court.admin, "POST", "/break-glass", body)[0] == 409
    path = f"/models/{MODEL}/versions/2/clear"
    assert court.call(court.trainer, "POST", path, {"reason": "please"})[0] == 403
    assert court.call(court.maintainer, "POST", path, {"reason": "a false alarm"})[0] == 200
    assert court.promoted(twin)[0] == 200


def test_g22_a_copy_does_not_hide_who_registered_the_files(court: Court) -> None:
    """G22: whoever registered these files in the model first approves no copy of them either."""
    gate_of(court, 1)
    made = court.made_by(court.trainer, "weights")
    again = court.services.registration.register
    again(court.ask(court.maintainer), MODEL, run_id=made.run_id, artifact_path="model")
    copied = court.services.registration.copy(
        court.ask(court.trainer), MODEL, of_model=MODEL, of_version=2
    )

    assert approved(court, court.maintainer, copied.version)[0] == 403
    assert approved(court, court.second, copied.version)[0] == 201


def test_g04_the_same_files_have_one_exam_whatever_their_number(court: Court) -> None:
    """G4: registered again, failed files are not examined until luck helps: their verdict stands."""
    court.a_gate(0.5)
    first, second = court.a_version("weights"), court.a_version("weights")
    queued = [
        court.services.gate_runs.request(court.ask(court.trainer), MODEL, made.version)
        for made in (first, second)
    ]
    assert queued[0].run.gate_run_id == queued[1].run.gate_run_id
    court.post_rows(court.lease(court.runner), rows(4))
    third = court.a_version("weights")

    asked = court.services.gate_runs.request(court.ask(court.trainer), MODEL, third.version)

    assert asked.verdict is not None
    assert court.services.gate_runs.lease(court.ask(court.runner)) is None
    assert codes(court.promoted(third)) == codes(court.promoted(second)) == ["below_threshold"]
    assert court.verdicts() == 1
