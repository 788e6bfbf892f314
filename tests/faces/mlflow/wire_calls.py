"""The calls of MLflow 3.18: which ones are answered, and which ones are refused by name.

Also read beside a client that has no server in its environment, so it imports nothing of ours.
"""

from __future__ import annotations

from pathlib import Path

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
