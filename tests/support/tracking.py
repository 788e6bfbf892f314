"""Tracking for tests: its services on one platform, and runs with given content."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from assay.domain.tracking import WholeRun
from assay.services.artifacts import Artifacts
from assay.services.context import Context
from assay.services.datasets import Datasets
from assay.services.experiments import Experiments
from assay.services.ledger import Ledger
from assay.services.logged_models import LoggedModels
from assay.services.platform import Platform
from assay.services.records import Records
from assay.services.runs import Runs
from assay.services.search import Search
from assay.services.workspaces import Workspaces
from assay.storage.database import Database
from assay.storage.tables.tracking import metric_keys, metric_summaries
from tests.support.platform import START_MS, Clock, a_context, make_platform


@dataclass
class Tracking:
    """The services of tracking, with the default workspace and experiment in place."""

    platform: Platform
    clock: Clock
    context: Context = field(default_factory=a_context)

    def __post_init__(self) -> None:
        platform = self.platform
        self.ledger = Ledger(platform)
        self.workspaces = Workspaces(platform, self.ledger)
        self.experiments = Experiments(platform)
        self.runs = Runs(platform)
        self.search = Search(platform)
        self.datasets = Datasets(platform)
        self.records = Records(platform)
        self.artifacts = Artifacts(platform)
        self.logged_models = LoggedModels(platform)
        self.workspaces.ensure_defaults(START_MS)

    @property
    def database(self) -> Database:
        """The database under the services."""
        return self.platform.database

    def a_run(
        self,
        experiment_id: str = "0",
        *,
        metrics: Mapping[str, float] | None = None,
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
        name: str = "a-run",
        started_at_ms: int | None = None,
    ) -> WholeRun:
        """A run with the summaries of metrics that were logged once, at step 1."""
        made = self.runs.create(
            self.context,
            experiment_id=experiment_id,
            name=name,
            params=params,
            tags=tags,
            started_at_ms=started_at_ms,
        )
        if metrics:
            self.add_summaries(made.run.pk, metrics)
        return made

    def add_summaries(self, run_pk: int, metrics: Mapping[str, float]) -> None:
        """Write summaries past the ingest queue, as if each metric had one point at step 1."""
        with self.database.write() as tx:
            for key, value in metrics.items():
                wanted = select(metric_keys.c.id).where(metric_keys.c.key == key)
                key_id = tx.execute(wanted).scalar()
                if key_id is None:
                    tx.execute(insert(metric_keys).values(key=key))
                    key_id = tx.execute(wanted).scalar_one()
                kept = None if math.isnan(value) else value
                tx.execute(
                    insert(metric_summaries).values(
                        run_pk=run_pk,
                        key_id=key_id,
                        count=1,
                        count_exact=1,
                        last_step=1,
                        last_timestamp_ms=START_MS,
                        last_value=kept,
                        min_value=kept,
                        min_step=None if kept is None else 1,
                        max_value=kept,
                        max_step=None if kept is None else 1,
                    )
                )


def make_tracking(tmp_path: Path, database: Database) -> Tracking:
    """Tracking on a migrated database."""
    clock = Clock()
    return Tracking(make_platform(tmp_path, database, clock=clock), clock)


@pytest.fixture
def tracking(tmp_path: Path, database: Database) -> Tracking:
    """Tracking, once on each engine."""
    return make_tracking(tmp_path, database)


@pytest.fixture
def sqlite_tracking(tmp_path: Path, sqlite_database: Database) -> Tracking:
    """Tracking on SQLite alone, for what no engine has a say in."""
    return make_tracking(tmp_path, sqlite_database)
