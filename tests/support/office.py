"""A whole assay office for tests: every service on one platform, and short ways to use them."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from assay.blobs.store import put
from assay.bundles.archive import pack
from assay.bundles.suite_folder import read_suite_folder
from assay.domain.access import LOCAL_OWNER, Actor, Role
from assay.domain.gate_run import EvalSuite, Gate, GivenVerdict
from assay.domain.ledger import Event, parse_event
from assay.domain.registry import AliasMove, ModelVersion
from assay.domain.tracking import Policy, RunStatus
from assay.services.artifacts import RunOwner
from assay.services.assembly import Services, build_services
from assay.services.context import Context
from assay.services.gate_runs import Lease
from assay.storage.database import Database
from assay.storage.ledger import stream_events
from tests.support.platform import Clock, a_context, an_actor, make_platform
from tests.support.suite_folders import write_suite

MODEL = "digits"
LINEAGE: dict[str, Any] = {
    "data_version": "dvc:3f1c",
    "code_commit": "0" * 40,
    "config": {"lr": 1e-05, "epochs": 3},
    "base_model": "digits-base",
    "seed": 42,
}
RUNNER = an_actor("gate-runner", Role.GATE)
MAINTAINER = an_actor("maria", Role.MAINTAINER)
CONTRIBUTOR = an_actor("carl", Role.CONTRIBUTOR)
VIEWER = an_actor("vera", Role.VIEWER)
ITEM_COUNT = 10


class Office:
    """Services with a clock that only the test moves; every request is a context of its own."""

    def __init__(self, tmp_path: Path, database: Database, *, policy: Policy | None = None) -> None:
        self.clock = Clock()
        self.pauses: list[float] = []
        """How long the services would have paused before they repeated something."""
        self.platform = replace(
            make_platform(tmp_path, database, clock=self.clock, policy=policy),
            pause=self.pauses.append,
        )
        self.services: Services = build_services(self.platform, accounts=False)
        self.services.workspaces.ensure_defaults(self.clock.now)
        self._runs = 0

    def ask(
        self, actor: Actor = LOCAL_OWNER, *, workspace: str = "default", key: str | None = None
    ) -> Context:
        """A request at this moment, with an idempotency key if one is given."""
        context = a_context(actor, workspace, now_ms=self.clock.now)
        return replace(context, idempotency_key=key)

    def a_run(
        self,
        files: Mapping[str, bytes] | None = None,
        *,
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
        lineage: Mapping[str, Any] | None = LINEAGE,
        workspace: str = "default",
        experiment: str = "sweep",
        finished: bool = True,
    ) -> str:
        """A run with files, closed lineage unless told otherwise, and an end."""
        self._runs += 1
        context = self.ask(workspace=workspace)
        run = self.services.runs.create(
            context,
            experiment=experiment,
            run_id=f"run-{self._runs:04d}-{workspace}",
            params=params or {},
            tags=tags or {},
            lineage=None if lineage is None else json.dumps(lineage),
        ).run
        for path, content in (files or {}).items():
            self.services.artifacts.put_bytes(context, RunOwner(run.run_id), path, content)
        if finished:
            self.services.runs.update(context, run.run_id, status=RunStatus.FINISHED)
        return run.run_id

    def a_version(
        self, content: str = "weights", *, model: str = MODEL, **source: Any
    ) -> ModelVersion:
        """A registered version of one file below `model`; equal contents are equal bytes."""
        run_id = self.a_run({"model/weights.json": content.encode()}, **source)
        return self.services.registration.register(
            self.ask(), model, run_id=run_id, artifact_path="model"
        )

    def a_suite(self, name: str = "capitals", *, items: int = ITEM_COUNT) -> EvalSuite:
        """A suite of `items` questions, uploaded as its bundle."""
        with tempfile.TemporaryDirectory() as place:
            questions = [
                {"id": f"q{i:03d}", "input": f"{name} {i}", "reference": str(i)}
                for i in range(items)
            ]
            text = (
                f'name = "{name}"\n[[tasks]]\n'
                'metrics = [{ name = "accuracy", direction = "maximize", low = 0, high = 1 },'
                ' { name = "latency", direction = "minimize", low = 0 }]\n'
            )
            folder = write_suite(Path(place, "suite"), suite=text, items=questions)
            archive = io.BytesIO()
            pack(read_suite_folder(folder), archive)
        blob = put(self.platform.blobs, [archive.getvalue()])
        return self.services.evaluation.create_suite(self.ask(), blob)

    def a_gate(
        self,
        threshold: float | str = 0.5,
        *,
        name: str = "holdout",
        suite: str | None = None,
        model: str | None = None,
        **spec: Any,
    ) -> Gate:
        """A new version of a gate on accuracy."""
        rules = {"metric": "accuracy", "threshold": threshold, **spec}
        rules["suite"] = suite or self.a_suite().fingerprint
        return self.services.gates.create(self.ask(), name, rules, model=model)

    def lease(self, actor: Actor = RUNNER, seconds: int = 60) -> Lease:
        """The lease of the oldest waiting gate run."""
        lease = self.services.gate_runs.lease(self.ask(actor), seconds=seconds)
        assert lease is not None, "no gate run waits"
        return lease

    def hand_in(self, lease: Lease, right: int, actor: Actor = RUNNER) -> GivenVerdict:
        """Rows in which `right` items are right."""
        return self.services.gate_runs.post_rows(
            self.ask(actor),
            lease.run.gate_run_id,
            nonce=lease.nonce,
            fence=lease.run.fence,
            rows=rows(right, lease.suite.item_count),
        )

    def examine(self, version: ModelVersion, right: int) -> GivenVerdict:
        """Have the version scored by the current gate; other waiting gate runs are not touched."""
        report = self.services.gate_runs.request(self.ask(), version.model, version.version)
        assert report.verdict is None, "the version has its verdict already"
        lease = self.lease()
        assert lease.run.gate_run_id == report.run.gate_run_id, "another gate run waits first"
        return self.hand_in(lease, right)

    def promote(
        self, version: ModelVersion, alias: str = "production", **options: Any
    ) -> AliasMove:
        """Promote, as the maintainer of this machine."""
        return self.services.promotion.promote(
            self.ask(), version.model, version.version, alias, **options
        )

    def a_champion(self, right: int = 6, content: str = "champion") -> ModelVersion:
        """A version that was examined and promoted."""
        version = self.a_version(content)
        self.examine(version, right)
        self.promote(version)
        return version

    def holder(self, alias: str = "production", model: str = MODEL) -> int | None:
        """The number of the version that holds the alias."""
        held = {a.alias: a.version for a in self.services.aliases.list_aliases(self.ask(), model)}
        return held.get(alias)

    def events(self, action: str | None = None) -> list[Event]:
        """Every event of the ledger, or those of one action."""
        with self.platform.database.read() as tx:
            found = [parse_event(stored.row.body) for stored in stream_events(tx)]
        return [event for event in found if action in {None, event.action}]

    def story(self) -> list[str]:
        """What happened, as the actions of the ledger; refused attempts are marked."""
        return [
            f"{event.action}{'' if event.outcome == 'allowed' else '!'}" for event in self.events()
        ]


def rows(right: int, count: int = ITEM_COUNT, latency: float = 1) -> list[dict[str, Any]]:
    """One row per item of a suite of `count`, of which the first `right` are right."""
    return [
        {"item_id": f"q{i:03d}", "metrics": {"accuracy": int(i < right), "latency": latency}}
        for i in range(count)
    ]
