"""All services, put together once on one platform."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from assay.domain.webhook_target import PUBLIC_ONLY, AllowedHosts
from assay.services.address_tokens import AddressTokens
from assay.services.aliases import Aliases
from assay.services.artifacts import Artifacts
from assay.services.audit import Audit
from assay.services.auth import Auth
from assay.services.checkpoints import Checkpoints
from assay.services.client_tracking import ClientTracking
from assay.services.closure_assembly import Closing, ClosingSettings, build_closing
from assay.services.collections import Collections, build_collections
from assay.services.compaction import Compaction
from assay.services.datasets import Datasets
from assay.services.evaluation import Evaluation
from assay.services.experiments import Experiments
from assay.services.gate_runs import GateRuns
from assay.services.gates import Gates
from assay.services.health import Health
from assay.services.importing import Importing
from assay.services.ingest import Ingest
from assay.services.ledger import Ledger
from assay.services.live import Live
from assay.services.logged_models import LoggedModels
from assay.services.metrics import Metrics
from assay.services.platform import Platform
from assay.services.promotion import Promotion
from assay.services.provenance import Provenance
from assay.services.records import Records
from assay.services.registration import Registration
from assay.services.registry import Registry
from assay.services.reproduction import Reproduction
from assay.services.reviews import Reviews, build_reviews
from assay.services.run_news import RunNews
from assay.services.run_values import RunValues
from assay.services.runs import Runs
from assay.services.saved_views import SavedViews
from assay.services.search import Search
from assay.services.stages import Stages
from assay.services.storage_report import StorageReports
from assay.services.sweeps import Sweeps
from assay.services.versions import Versions
from assay.services.webhook_delivery import WebhookDelivery
from assay.services.webhook_post import WebhookPost
from assay.services.webhooks import Webhooks
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
    run_values: RunValues
    saved_views: SavedViews
    datasets: Datasets
    records: Records
    artifacts: Artifacts
    logged_models: LoggedModels
    ingest: Ingest
    metrics: Metrics
    live: Live
    run_news: RunNews
    health: Health
    compaction: Compaction
    registry: Registry
    registration: Registration
    versions: Versions
    aliases: Aliases
    stages: Stages
    evaluation: Evaluation
    reproduction: Reproduction
    provenance: Provenance
    winners: Winners
    gates: Gates
    gate_runs: GateRuns
    promotion: Promotion
    closing: Closing
    reviews: Reviews
    ledger: Ledger
    audit: Audit
    checkpoints: Checkpoints
    importing: Importing
    webhooks: Webhooks
    webhook_delivery: WebhookDelivery
    collections: Collections
    address_tokens: AddressTokens
    clients: ClientTracking
    sweeps: Sweeps
    storage_reports: StorageReports

    def start(self) -> None:
        """Start the background threads and clear what an earlier crash left half-uploaded."""
        self.platform.blobs.sweep_temporary(0)
        self.compaction.start()
        self.ingest.start()
        self.run_news.start()
        self.health.start()
        self.webhook_delivery.start()
        self.clients.start()
        self.checkpoints.start()
        self.closing.schedule.start()

    def close(self) -> None:
        """Write what was accepted, then stop the threads."""
        self.live.close()
        self.run_news.close()
        self.storage_reports.close()
        self.clients.close()
        self.checkpoints.close()
        self.closing.schedule.close()
        self.webhook_delivery.close()
        self.ingest.close()
        self.health.close()
        self.compaction.close()


def build_services(
    platform: Platform,
    *,
    accounts: bool,
    webhook_hosts: AllowedHosts = PUBLIC_ONLY,
    checkpoints: Checkpoints | None = None,
    closing: ClosingSettings | None = None,
) -> Services:
    """Every service on `platform`; `accounts` says whether a credential is asked for.

    Webhooks go to public addresses, and to those of `webhook_hosts` wherever they are.
    """
    ledger = Ledger(platform)
    post = WebhookPost(webhook_hosts)
    registry = Registry(platform, ledger)
    closed = build_closing(platform, ledger, closing or ClosingSettings())
    promotion = Promotion(platform, ledger, closed.at_promotion)
    registration = Registration(platform, ledger, registry)
    aliases = Aliases(platform, ledger, promotion)
    versions = Versions(platform, ledger)
    kept = checkpoints or Checkpoints(platform)
    return Services(
        **_tracking(platform, ledger),
        platform=platform,
        auth=Auth(platform, ledger, accounts=accounts),
        workspaces=Workspaces(platform, ledger),
        registry=registry,
        registration=registration,
        versions=versions,
        collections=build_collections(platform, registration, versions, aliases),
        aliases=aliases,
        stages=Stages(platform, ledger, aliases),
        evaluation=Evaluation(platform, ledger),
        reproduction=Reproduction(platform, ledger),
        provenance=Provenance(platform, ledger, kept),
        winners=Winners(platform, registration),
        gates=Gates(platform, ledger),
        gate_runs=GateRuns(platform, ledger),
        promotion=promotion,
        closing=closed,
        reviews=build_reviews(platform, ledger, promotion),
        ledger=ledger,
        audit=Audit(platform),
        checkpoints=kept,
        importing=Importing(platform, ledger),
        webhooks=Webhooks(platform, ledger, post),
        webhook_delivery=WebhookDelivery(platform, post, recorded=ledger.recorded),
        address_tokens=AddressTokens(platform),
    )


def _tracking(platform: Platform, ledger: Ledger) -> dict[str, Any]:
    """Runs and what they record, by the names of their fields."""
    live = Live()
    compaction = Compaction(platform)
    metrics = Metrics(platform, live)
    health = Health(platform, ledger, metrics)
    ingest = Ingest(platform, live, compaction, health)
    runs = Runs(platform)
    return {
        "experiments": Experiments(platform),
        "runs": runs,
        "search": Search(platform),
        "run_values": RunValues(platform),
        "saved_views": SavedViews(platform),
        "datasets": Datasets(platform),
        "records": Records(platform),
        "artifacts": Artifacts(platform),
        "logged_models": LoggedModels(platform),
        "ingest": ingest,
        "metrics": metrics,
        "live": live,
        "run_news": RunNews(platform),
        "health": health,
        "compaction": compaction,
        "clients": ClientTracking(platform, runs, ingest, ledger),
        "sweeps": Sweeps(platform),
        "storage_reports": StorageReports(platform, ingest, compaction),
    }
