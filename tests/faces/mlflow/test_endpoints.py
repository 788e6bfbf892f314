"""Every endpoint of the wire answers, or is one of those that docs/compat/mlflow.md refuses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from assay.faces.mlflow.routes import endpoints
from tests.faces.mlflow.conftest import Server
from tests.faces.mlflow.wire_calls import ANSWERED, PAGES, refused_calls

COMPAT = Path(__file__).parents[3] / "docs" / "compat" / "mlflow.md"


def pattern(call: str) -> str:
    """A call with every variable of its path, however named, as `*`."""
    return re.sub(r"\{[^}]*\}|<[^>]*>", "*", call)


def ask(server: Server, method: str, path: str) -> tuple[int, str]:
    """The status and the error code of a call that says nothing."""
    body: dict[str, Any] = {} if method in {"GET", "DELETE"} else {"json": {}}
    answer = server.ask(method, path, **body)
    if "application/json" not in answer.headers.get("content-type", ""):
        return answer.status_code, ""
    return answer.status_code, answer.json().get("error_code", "")


@pytest.mark.parametrize("call", ANSWERED)
@pytest.mark.parametrize("prefix", ["/api/", "/ajax-api/"])
def test_an_endpoint_answers_clients_and_pages_alike(
    server: Server, call: str, prefix: str
) -> None:
    """Whatever it says of an empty request, it never says that there is no such endpoint."""
    method, path = call.split()

    status, code = ask(server, method, path.replace("/api/", prefix, 1))

    assert code != "ENDPOINT_NOT_FOUND"
    assert status not in {405, 500, 503}


@pytest.mark.parametrize("call", PAGES)
def test_an_endpoint_outside_the_protocol_answers(server: Server, call: str) -> None:
    """What clients and MLflow's page call beside it."""
    status, code = ask(server, *call.split())

    assert code != "ENDPOINT_NOT_FOUND"
    assert status not in {405, 500, 503}


def test_every_endpoint_of_the_face_is_listed_here() -> None:
    """So that what is answered, documented and asked for stays one list."""
    listed = {*ANSWERED, *(call.replace("/api/", "/ajax-api/", 1) for call in ANSWERED), *PAGES}
    shapes = [
        re.compile(re.escape(pattern(call)).replace(r"\*", r".+"))
        for call in (f"{each.method} {each.path}" for each in endpoints())
    ]

    unlisted = [shape.pattern for shape in shapes if not any(map(shape.fullmatch, listed))]
    assert unlisted == []


@pytest.mark.parametrize("part", sorted(refused_calls()))
def test_what_is_not_here_says_so_and_is_documented(server: Server, part: str) -> None:
    """404 at once, which no client repeats; the page on compatibility names the part."""
    twins = [call.replace("/api/", "/ajax-api/", 1) for call in refused_calls()[part]]
    for call in (*refused_calls()[part], *twins):
        status, code = ask(server, *call.split())
        expected = "ENDPOINT_NOT_FOUND" if "/api/" in call or "/ajax-api/" in call else ""
        assert (call, status, code) == (call, 404, expected)

    missing = COMPAT.read_text().partition("## Not here")[2]
    assert f"\n| {part} |" in missing


def test_every_part_that_is_documented_as_missing_is_asked_for() -> None:
    """The page promises no refusal that nobody tried."""
    rows = COMPAT.read_text().partition("## Not here")[2].splitlines()
    documented = {row.split("|")[1].strip() for row in rows if row.startswith("| ")}

    assert documented - {"part"} == set(refused_calls())
