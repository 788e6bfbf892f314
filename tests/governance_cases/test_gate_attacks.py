"""Attempts on `production` by people without the right, and by people with half of it."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from assay.domain.access import Action
from assay.domain.errors import GateBlocked, PermissionDenied
from tests.governance_cases.scene import Court, codes
from tests.governance_cases.test_gate_people import approved, frozen, gate_of
from tests.governance_cases.test_gate_signatures import Pen, register
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
    policy = {"protected": ["production", "staging"], "reason": "it is served already"}
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


def test_g25_deleting_a_version_in_quarantine_does_not_free_its_files(court: Court) -> None:
    """G25: rolled back, deleted and registered again, files stay held until somebody clears them."""
    court.a_gate(0.5)
    court.promoted(court.scored("one", 6))
    court.promoted(court.scored("two", 7))
    assert court.call(court.maintainer, "POST", f"/models/{MODEL}/rollback", {})[0] == 200
    assert court.call(court.maintainer, "DELETE", f"/models/{MODEL}/versions/2")[0] == 200
    twin = court.a_version("two")

    assert codes(court.promoted(twin)) == ["quarantined"]
    path = f"/models/{MODEL}/versions/{twin.version}/clear"
    assert court.call(court.trainer, "POST", path, {"reason": "please"})[0] == 403
    assert court.call(court.maintainer, "POST", path, {"reason": "a false alarm"})[0] == 200
    assert court.story().count("version.files_cleared") == 1
    assert court.call(court.maintainer, "POST", path, {"reason": "again"})[0] == 409
    assert court.promoted(twin)[0] == 200
    assert court.services.audit.verify(court.platform.database).is_ok


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


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("approval withdrawn", "approvals_missing"),
        ("approver disabled", "approvals_missing"),
        ("key revoked", "verdict_void"),
        ("frozen", "frozen"),
        ("gate changed", "no_verdict"),
        ("quarantined", "quarantined"),
    ],
)
def test_g13_what_changes_after_the_preview_holds_the_promotion(
    sqlite_court: Court, what: str, code: str
) -> None:
    """G13: a preview is no ticket: whatever was withdrawn since then counts in the promotion."""
    court = sqlite_court
    gate_of(court, 1)
    pen = Pen(Ed25519PrivateKey.generate())
    assert register(court, pen)[0] == 201
    made = court.made_by(court.trainer, "weights")
    court.services.gate_runs.request(court.ask(), MODEL, made.version)
    lease = court.lease(court.runner)
    assert court.post_rows(lease, rows(9), signature=pen.sign(lease, 9))[0] == 200
    _, approval = approved(court, court.second)
    preview = court.services.promotion.preview
    assert preview(court.ask(court.maintainer), MODEL, 1).decision.promoted

    if what == "approval withdrawn":
        path = f"/models/{MODEL}/approvals/{approval['approval_id']}"
        assert court.call(court.second, "DELETE", path)[0] == 200
    elif what == "approver disabled":
        court.services.auth.set_disabled(court.ask(), "max", disabled=True)
    elif what == "key revoked":
        path = f"/gate-keys/{pen.key_id}/revoke"
        assert court.call(court.third, "POST", path, {"since_ms": 0})[0] == 200
    elif what == "frozen":
        frozen(court, court.clock.now, court.clock.now + 1_000)
    elif what == "gate changed":
        court.a_gate(0.6, name="reviewed")
    else:
        path = f"/models/{MODEL}/versions/1/quarantine"
        assert court.call(court.third, "POST", path, {"reason": "odd answers"})[0] == 200

    assert codes(court.promoted(made))[0] == code
    assert court.holder() is None


def test_g29_another_persons_idempotency_key_answers_nobody_else(sqlite_court: Court) -> None:
    """G29: a key repeats one's own request; a trainer who knows it is refused, another maintainer held."""
    court = sqlite_court
    court.a_gate(0.5)
    for content, right in (("one", 6), ("two", 7)):
        court.scored(content, right)
    promote = court.services.promotion.promote
    first = promote(court.ask(court.maintainer, key="release"), MODEL, 1)
    promote(court.ask(court.maintainer), MODEL, 2)

    assert promote(court.ask(court.maintainer, key="release"), MODEL, 1) == first
    with pytest.raises(PermissionDenied):
        promote(court.ask(court.trainer, key="release"), MODEL, 1)
    with pytest.raises(GateBlocked):
        promote(court.ask(court.second, key="release"), MODEL, 1)
    assert court.holder() == 2


def test_g29_a_token_for_less_does_no_more(sqlite_court: Court) -> None:
    """G29: a maintainer's token that was made for logging runs neither promotes, approves nor freezes."""
    court = sqlite_court
    court.a_gate(0.5)
    version = court.scored("one", 6)
    scope = frozenset({Action.TRACKING_WRITE, Action.REGISTRY_WRITE, Action.REGISTRY_READ})
    narrow = replace(court.maintainer, actions=scope)

    assert court.promoted(version, narrow)[0] == 403
    assert approved(court, narrow)[0] == 403
    assert (
        court.call(narrow, "PUT", f"/models/{MODEL}/aliases/production", {"version": 1})[0] == 403
    )
    freeze = {"starts_at_ms": 0, "ends_at_ms": court.clock.now + 9, "reason": "mine"}
    assert court.call(narrow, "POST", "/freezes", freeze)[0] == 403
    assert court.holder() is None


@pytest.mark.parametrize(
    "alias",
    ["Production", "production%20", "%20production", "%EF%BD%90roduction", "produc%2574ion"],
)
def test_g29_no_other_spelling_is_a_second_seat(sqlite_court: Court, alias: str) -> None:
    """G29: case, spaces, look-alikes and escapes of a protected alias are that alias, or none."""
    court = sqlite_court
    court.a_gate(0.5)
    court.promoted(court.scored("one", 6))
    court.a_version("two")

    for actor in (court.trainer, court.maintainer, court.admin):
        path = f"/models/{MODEL}/aliases/{alias}"
        assert court.call(actor, "PUT", path, {"version": 2})[0] in {403, 409, 422}
        court.call(actor, "DELETE", path)

    held = court.services.aliases.list_aliases(court.ask(), MODEL)
    assert [(one.alias, one.version) for one in held] == [("production", 1)]


def test_g29_only_an_admin_changes_what_is_protected_and_it_is_recorded(court: Court) -> None:
    """G29: a maintainer cannot take the protection away; an admin who does is in the ledger for good."""
    path = "/workspaces/default"
    nothing: dict[str, list[str]] = {"protected": []}
    for actor in (court.trainer, court.maintainer, court.runner):
        assert court.call(actor, "PATCH", path, nothing)[0] in {403, 404}

    assert court.call(court.admin, "PATCH", path, nothing)[0] == 200

    change = court.events("workspace.policy_changed")[-1]
    before, after = change.details["before"], change.details["after"]
    assert isinstance(before, dict)
    assert isinstance(after, dict)
    assert change.actor == "user:ada"
    assert (before["protected"], after["protected"]) == (["champion", "production"], [])
