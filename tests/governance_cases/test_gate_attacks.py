"""Attempts on `production` by people without the right, and by people with half of it."""

from tests.governance_cases.scene import Court
from tests.support.office import MODEL


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
