"""Every endpoint of the wire answers, or is one of those that docs/compat/mlflow.md refuses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from assay.faces.mlflow.routes import endpoints
from tests.faces.mlflow.conftest import Server

COMPAT = Path(__file__).parents[3] / "docs" / "compat" / "mlflow.md"

ANSWERED = """
DELETE /api/2.0/mlflow-artifacts/artifacts/0/r/artifacts/f
GET /api/2.0/mlflow-artifacts/artifacts
GET /api/2.0/mlflow-artifacts/artifacts/0/r/artifacts/f
PUT /api/2.0/mlflow-artifacts/artifacts/0/r/artifacts/f
GET /api/2.0/mlflow-artifacts/presigned/0/r/artifacts/f
POST /api/2.0/mlflow-artifacts/mpu/abort/0/r/artifacts/f
POST /api/2.0/mlflow-artifacts/mpu/complete/0/r/artifacts/f
POST /api/2.0/mlflow-artifacts/mpu/create/0/r/artifacts/f
GET /api/2.0/mlflow/artifacts/list
POST /api/2.0/mlflow/artifacts/presigned-download-url
POST /api/2.0/mlflow/artifacts/presigned-upload-url
POST /api/2.0/mlflow/experiments/create
POST /api/2.0/mlflow/experiments/delete
POST /api/2.0/mlflow/experiments/delete-experiment-tag
GET /api/2.0/mlflow/experiments/get
GET /api/2.0/mlflow/experiments/get-by-name
POST /api/2.0/mlflow/experiments/restore
GET /api/2.0/mlflow/experiments/search
POST /api/2.0/mlflow/experiments/search
POST /api/2.0/mlflow/experiments/search-datasets
POST /api/2.0mlflow/experiments/search-datasets
POST /api/2.0/mlflow/experiments/set-experiment-tag
POST /api/2.0/mlflow/experiments/update
POST /api/2.0/mlflow/logged-models
DELETE /api/2.0/mlflow/logged-models/m-1
GET /api/2.0/mlflow/logged-models/m-1
PATCH /api/2.0/mlflow/logged-models/m-1
GET /api/2.0/mlflow/logged-models/m-1/artifacts/directories
GET /api/2.0/mlflow/logged-models/m-1/artifacts/files
POST /api/2.0/mlflow/logged-models/m-1/params
PATCH /api/2.0/mlflow/logged-models/m-1/tags
DELETE /api/2.0/mlflow/logged-models/m-1/tags/k
POST /api/2.0/mlflow/logged-models/search
GET /api/2.0/mlflow/metrics/get-history
GET /api/2.0/mlflow/metrics/get-history-bulk
GET /api/2.0/mlflow/metrics/get-history-bulk-interval
POST /api/2.0/mlflow/model-versions/create
DELETE /api/2.0/mlflow/model-versions/delete
DELETE /api/2.0/mlflow/model-versions/delete-tag
GET /api/2.0/mlflow/model-versions/get
GET /api/2.0/mlflow/model-versions/get-download-uri
GET /api/2.0/mlflow/model-versions/search
POST /api/2.0/mlflow/model-versions/set-tag
POST /api/2.0/mlflow/model-versions/transition-stage
PATCH /api/2.0/mlflow/model-versions/update
DELETE /api/2.0/mlflow/registered-models/alias
GET /api/2.0/mlflow/registered-models/alias
POST /api/2.0/mlflow/registered-models/alias
POST /api/2.0/mlflow/registered-models/create
DELETE /api/2.0/mlflow/registered-models/delete
DELETE /api/2.0/mlflow/registered-models/delete-tag
GET /api/2.0/mlflow/registered-models/get
GET /api/2.0/mlflow/registered-models/get-latest-versions
POST /api/2.0/mlflow/registered-models/get-latest-versions
POST /api/2.0/mlflow/registered-models/rename
GET /api/2.0/mlflow/registered-models/search
POST /api/2.0/mlflow/registered-models/set-tag
PATCH /api/2.0/mlflow/registered-models/update
POST /api/2.0/mlflow/runs/create
POST /api/2.0/mlflow/runs/delete
POST /api/2.0/mlflow/runs/delete-tag
GET /api/2.0/mlflow/runs/get
POST /api/2.0/mlflow/runs/log-batch
POST /api/2.0/mlflow/runs/log-inputs
POST /api/2.0/mlflow/runs/log-metric
POST /api/2.0/mlflow/runs/log-model
POST /api/2.0/mlflow/runs/log-parameter
POST /api/2.0/mlflow/runs/outputs
POST /api/2.0/mlflow/runs/restore
POST /api/2.0/mlflow/runs/search
POST /api/2.0/mlflow/runs/set-tag
POST /api/2.0/mlflow/runs/update
GET /api/2.0/mlflow/traces
POST /api/2.0/mlflow/traces
PATCH /api/2.0/mlflow/traces/t
GET /api/2.0/mlflow/traces/t/info
PATCH /api/2.0/mlflow/traces/t/tags
DELETE /api/2.0/mlflow/traces/t/tags
POST /api/2.0/mlflow/traces/delete-traces
POST /api/2.0/mlflow/traces/link-prompts
POST /api/2.0/mlflow/traces/link-to-run
GET /api/2.0/mlflow/get-online-trace-details
GET /api/2.0/mlflow/unified-traces
GET /api/2.0/mlflow/webhooks
POST /api/2.0/mlflow/webhooks
DELETE /api/2.0/mlflow/webhooks/w
GET /api/2.0/mlflow/webhooks/w
PATCH /api/2.0/mlflow/webhooks/w
POST /api/2.0/mlflow/webhooks/w/test
GET /api/3.0/mlflow/server-info
POST /api/3.0/mlflow/traces
GET /api/3.0/mlflow/traces/t
POST /api/3.0/mlflow/traces/t/assessments
GET /api/3.0/mlflow/traces/t/assessments/a
PATCH /api/3.0/mlflow/traces/t/assessments/a
DELETE /api/3.0/mlflow/traces/t/assessments/a
PATCH /api/3.0/mlflow/traces/t/tags
DELETE /api/3.0/mlflow/traces/t/tags
GET /api/3.0/mlflow/traces/batchGet
POST /api/3.0/mlflow/traces/batchGetInfos
POST /api/3.0/mlflow/traces/calculate-filter-correlation
POST /api/3.0/mlflow/traces/delete-traces
GET /api/3.0/mlflow/traces/get
POST /api/3.0/mlflow/traces/metrics
POST /api/3.0/mlflow/traces/search
GET /api/3.0/mlflow/workspaces
POST /api/3.0/mlflow/workspaces
DELETE /api/3.0/mlflow/workspaces/nowhere
GET /api/3.0/mlflow/workspaces/nowhere
PATCH /api/3.0/mlflow/workspaces/nowhere
""".strip().splitlines()
"""Method and path of what a client of MLflow 3.18 can call, with some value for each variable."""

PAGES = """
GET /get-artifact
GET /model-versions/get-artifact
POST /ajax-api/2.0/mlflow/upload-artifact
GET /ajax-api/2.0/mlflow/metrics/get-history-bulk
GET /ajax-api/2.0/mlflow/get-trace-artifact
GET /ajax-api/3.0/mlflow/get-trace-artifact
GET /version
GET /health
POST /v1/traces
""".strip().splitlines()

REFUSED = Path(__file__).with_name("refused_endpoints.txt")


def refused_calls() -> dict[str, list[str]]:
    """The calls that are refused, by the part of MLflow that they belong to."""
    parts: dict[str, list[str]] = {}
    part = ""
    for line in REFUSED.read_text().splitlines():
        if line.startswith("["):
            part = line.strip("[]")
        elif line and not line.startswith("#"):
            parts.setdefault(part, []).append(line)
    return parts


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
