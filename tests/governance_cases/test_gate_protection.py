"""What an admin can do alone: take protection away, give it back, move a registry in; and what is told of it."""

from typing import Any

import pytest

from assay.domain.errors import InvalidArgument
from assay.domain.registry import ModelVersion
from assay.server.settings import parse_policy
from tests.governance_cases.scene import Court, codes
from tests.support.office import MODEL

POLICY = "/workspaces/default"
PRODUCTION = f"/models/{MODEL}/aliases/production"
NOTHING: dict[str, Any] = {"protected": []}
AS_BEFORE = {"protected": "inherit"}


def told(court: Court) -> list[str]:
    """What an audit says of holders that nobody examined."""
    status, report = court.call(court.admin, "POST", "/ledger/verify", {})
    assert (status, report["is_intact"]) == (200, True)
    return [one["message"] for one in report["unexamined"]]


def set_while_free(court: Court, version: ModelVersion, actor: Any = None) -> None:
    """Let the alias name a version while the admin has taken its protection away."""
    assert court.call(court.admin, "PATCH", POLICY, NOTHING)[0] == 200
    who = actor or court.trainer
    assert court.call(who, "PUT", PRODUCTION, {"version": version.version})[0] == 200


def test_g29_what_was_set_while_unprotected_is_not_protected_without_a_reason(court: Court) -> None:
    """G29: unprotect, set, protect again: the last step is refused, or names the holder for good."""
    court.a_gate(0.5)
    court.promoted(court.scored("one", 6))
    assert told(court) == []
    set_while_free(court, court.scored("worse", 1))

    status, answer = court.call(court.admin, "PATCH", POLICY, AS_BEFORE)

    assert (status, answer["error"]["code"]) == (409, "failed_precondition")
    assert "holds 'production' unexamined: set by user:carl" in answer["error"]["message"]
    why = {**AS_BEFORE, "reason": "the release of May, examined by hand"}
    assert court.call(court.admin, "PATCH", POLICY, why)[0] == 200
    details = court.events("workspace.policy_changed")[-1].details
    assert details["reason"] == why["reason"]
    assert len(details["unexamined"]) == 1
    assert len(told(court)) == 1
    assert "version 2" in told(court)[0]
    assert court.promoted(court.scored("three", 7))[0] == 200
    assert told(court) == []


def test_g29_who_passed_the_gate_meanwhile_is_protected_again(court: Court) -> None:
    """G29: a holder that was set by hand and has passed the gate in force needs no reason."""
    court.a_gate(0.5)
    court.promoted(court.scored("one", 6))
    set_while_free(court, court.scored("two", 7))

    assert court.call(court.admin, "PATCH", POLICY, AS_BEFORE)[0] == 200

    assert ["version 2 of" in sentence for sentence in told(court)] == [True]


def test_g29_an_emptied_seat_is_not_protected_without_a_reason(court: Court) -> None:
    """G29: unprotect, remove, protect again would leave the next champion nobody to beat."""
    court.a_gate(0.5)
    court.promoted(court.scored("one", 9))
    assert court.call(court.admin, "PATCH", POLICY, NOTHING)[0] == 200
    assert court.call(court.trainer, "DELETE", PRODUCTION)[0] == 200

    status, answer = court.call(court.admin, "PATCH", POLICY, AS_BEFORE)

    assert status == 409
    assert "nobody is left to beat" in answer["error"]["message"]


def test_g29_a_seat_of_another_spelling_and_a_stage_need_a_reason_too(court: Court) -> None:
    """G29: `Production` and the stage of that name are served as well, by those who ask for them."""
    court.a_gate(0.5)
    version = court.scored("one", 9)
    assert court.call(court.admin, "PATCH", POLICY, NOTHING)[0] == 200
    spelled = f"/models/{MODEL}/aliases/Production"
    assert court.call(court.trainer, "PUT", spelled, {"version": version.version})[0] == 200
    assert court.call(court.admin, "PATCH", POLICY, AS_BEFORE)[0] == 409
    assert court.call(court.trainer, "DELETE", spelled)[0] == 200
    court.services.stages.transition(court.ask(court.trainer), MODEL, 1, "Production")

    status, answer = court.call(court.admin, "PATCH", POLICY, AS_BEFORE)

    assert status == 409
    assert "in stage 'Production' without the alias" in answer["error"]["message"]


def test_g29_an_alias_is_not_protected_in_two_spellings(sqlite_court: Court) -> None:
    """G29: each spelling would be a seat with a champion of its own."""
    both = ["production", "Production"]
    status, answer = sqlite_court.call(sqlite_court.admin, "PATCH", POLICY, {"protected": both})

    assert (status, answer["error"]["field"]) == (422, "protected")
    with pytest.raises(InvalidArgument, match="two spellings"):
        parse_policy("required", ",".join(both))


def test_g29_an_import_opens_no_door_into_a_model_of_ours(court: Court) -> None:
    """G29: files of a run here, declared as moved in, do not take the seat that versions here contend for."""
    court.a_gate(0.5)
    court.a_version("native")
    run_id = court.a_run({"model/weights.json": b"smuggled"})
    arrival = {
        "version": 2,
        "created_at_ms": 1,
        "updated_at_ms": 1,
        "run_id": run_id,
        "artifact_path": "model",
    }
    assert court.call(court.admin, "POST", f"/import/models/{MODEL}/versions", arrival)[0] == 200

    seat = f"/import/models/{MODEL}/aliases/production"
    status, answer = court.call(court.admin, "PUT", seat, {"version": 2})

    assert (status, answer["error"]["code"]) == (409, "failed_precondition")
    assert court.holder() is None
    assert court.story()[-1] == "alias.set!"


def test_g29_a_champion_that_was_moved_in_is_told_as_such(court: Court) -> None:
    """G29: an audit names who was moved in until somebody has beaten it under a gate."""
    court.a_gate(0.5)
    body: dict[str, Any] = {"name": MODEL, "created_at_ms": 1}
    assert court.call(court.admin, "POST", "/import/models", body)[0] == 200
    run_id = court.a_run({"model/weights.json": b"old"})
    arrival = {
        "version": 1,
        "created_at_ms": 1,
        "updated_at_ms": 1,
        "run_id": run_id,
        "artifact_path": "model",
    }
    assert court.call(court.admin, "POST", f"/import/models/{MODEL}/versions", arrival)[0] == 200
    seat = f"/import/models/{MODEL}/aliases/production"
    assert court.call(court.admin, "PUT", seat, {"version": 1})[0] == 200

    assert "moved in by user:ada" in told(court)[0]
    challenger = court.scored("new", 7)
    assert codes(court.promoted(challenger)) == ["champion_not_comparable"]
