"""All services, put together once on one platform."""

from __future__ import annotations

from dataclasses import dataclass

from assay.services.artifacts import Artifacts
from assay.services.audit import Audit
from assay.services.auth import Auth
from assay.services.compaction import Compaction
from assay.services.datasets import Datasets
from assay.services.evaluation import Evaluation
from assay.services.experiments import Experiments
from assay.services.gate_runs import GateRuns
from assay.services.gates import Gates
from assay.services.ingest import Ingest
from assay.services.ledger import Ledger
from assay.services.logged_models import LoggedModels
from assay.services.metrics import Metrics
from assay.services.platform import Platform
from assay.services.promotion import Promotion
from assay.services.records import Records
from assay.services.registry import Registry
from assay.services.runs import Runs
from assay.services.search import Search
from assay.services.winner import Winners
from assay.services.workspaces import Workspaces


@dataclass(frozen=True, slots=True)
class Services:
    """What a face can ask for. `start` and `close` bracket the background threads."""

    platform: Platform
    auth: Auth
    workspaces: Workspaces
    experiments: Experiments
    runs: Runs
    search: Search
    datasets: Datasets
    records: Records
    artifacts: Artifacts
    logged_models: LoggedModels
    ingest: Ingest
    metrics: Metrics
    compaction: Compaction
    registry: Registry
    evaluation: Evaluation
    winners: Winners
    gates: Gates
    gate_runs: GateRuns
    promotion: Promotion
    ledger: Ledger
    audit: Audit
