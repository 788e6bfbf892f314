"""Gates: frozen rules of promotion. A change is a new version, and the new version counts at once."""

from __future__ import annotations

from collections.abc import Mapping

from assay.domain.access import Action
from assay.domain.canonical import JsonValue, as_object, check_value
from assay.domain.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from assay.domain.evaluation import Suite, direction_text, suite_from_text
from assay.domain.event_target import gate_target
from assay.domain.gate import (
    GateSpec,
    check_gate,
    gate_fingerprint,
    gate_text,
    parse_gate,
)
from assay.domain.gate_run import EvalSuite, Gate
from assay.domain.names import check_model_name, is_protected
from assay.domain.registry import RegisteredModel
from assay.domain.tracking import Page
from assay.services.catalogue import get_model, get_workspace
from assay.services.checks import check_page_size
from assay.services.context import Context
from assay.services.evaluation import get_suite
from assay.services.gate_queue import cancel, ensure_queued, needs_exam
from assay.services.key_pages import KeyPages
from assay.services.ledger import Ledger, actor_text
from assay.services.platform import Platform
from assay.storage import evals, gate_runs, gates, model_versions
from assay.storage.database import Transaction

MAX_PAGE = 1_000
MAX_CHAMPIONS = 10_000
"""How many aliases a new gate looks at; champions beyond are examined when they are challenged."""


class Gates:
    """Makes gates and finds the one that counts."""

    def __init__(self, platform: Platform, ledger: Ledger) -> None:
        self._platform = platform
        self._ledger = ledger

    def create(
        self,
        context: Context,
        name: str,
        spec: Mapping[str, object],
        *,
        model: str | None = None,
    ) -> Gate:
        """Freeze a gate as the next version of its name, current from now on for what it guards.

        `spec` is the gate's JSON form; its `suite` may also be a suite's name, and directions may
        be left out, since the suite declares them. `model` None guards every model of the workspace
        that has no gate of its own. Gate runs under the former gate are cancelled: what they would
        say counts no longer. The exams of the champions that it guards are queued at once, since
        nobody can beat a champion without a score under the current gate.
        """
        context.require(Action.GATE_WRITE)
        check_model_name(name)
        record = as_object(check_value(dict(spec), root="gate"), "gate")
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            suite = get_suite(tx, context, _suite_name(record))
            contents = suite_from_text(evals.suite_text_of(tx, suite.pk))
            frozen = _frozen_spec(record, suite, contents)
            guarded = None if model is None else get_model(tx, context, model)
            return self._insert(tx, context, name, guarded, suite, frozen)

    def _insert(
        self,
        tx: Transaction,
        context: Context,
        name: str,
        model: RegisteredModel | None,
        suite: EvalSuite,
        spec: GateSpec,
    ) -> Gate:
        workspace = get_workspace(tx, self._platform, context.workspace)
        model_pk = None if model is None else model.pk
        versions = gates.list_gate_versions(tx, context.workspace, name)
        guarded = None if model is None else model.name
        if versions and versions[-1].model != guarded:
            raise AlreadyExists(
                f"Gate {name!r} guards {_guarded(versions[-1].model)}; choose another name for "
                f"{_guarded(guarded)}.",
                field="name",
            )
        former = gates.find_current_of(tx, context.workspace, model_pk)
        self._supersede(tx, context, model, former)
        pk = gates.insert_gate(
            tx,
            workspace.pk,
            name=name,
            version=versions[-1].version + 1 if versions else 1,
            model_pk=model_pk,
            suite_pk=suite.pk,
            fingerprint=gate_fingerprint(spec),
            canonical=gate_text(spec),
            created_by=actor_text(context),
            now_ms=context.now_ms,
        )
        made = gates.find_gate_by_pk(tx, pk)
        assert made is not None
        self._record(tx, context, made, former)
        self._examine_champions(tx, context, made, workspace.policy.protected)
        return made

    def _examine_champions(
        self, tx: Transaction, context: Context, gate: Gate, protected: frozenset[str]
    ) -> None:
        """Queue the exam of every champion that has no score under the new gate."""
        for alias, version_pk in gates.holders_guarded_by(tx, gate, MAX_CHAMPIONS):
            if not is_protected(alias, protected):
                continue
            champion = model_versions.find_version_by_pk(tx, version_pk)
            if champion is not None and needs_exam(tx, gate, champion):
                ensure_queued(tx, self._platform, self._ledger, context, gate, champion)

    def _supersede(
        self,
        tx: Transaction,
        context: Context,
        model: RegisteredModel | None,
        former: Gate | None,
    ) -> None:
        open_runs = [] if former is None else gate_runs.open_runs_of_gate(tx, former.pk)
        if model is not None:
            open_runs = gate_runs.open_runs_of_model(tx, model.pk)
        for run in open_runs:
            cancel(tx, self._ledger, context, run, "the gate changed")
        if former is not None:
            gates.retire_gate(tx, former.pk)

    def _record(self, tx: Transaction, context: Context, made: Gate, former: Gate | None) -> None:
        self._ledger.record(
            tx,
            context,
            action="gate.created",
            object=gate_target(made.name),
            workspace=made.workspace,
            details={
                "version": made.version,
                "model": made.model,
                "suite": made.spec.suite,
                "instead_of": None if former is None else [former.name, former.version],
            },
            before=None if former is None else former.fingerprint,
            after=made.fingerprint,
        )

    def get(self, context: Context, name: str) -> tuple[Gate, ...]:
        """Every version of the gate, oldest first. Raises NotFound."""
        context.require(Action.GATE_READ)
        with self._platform.database.read() as tx:
            found = gates.list_gate_versions(tx, context.workspace, name)
        if not found:
            raise NotFound(f"Gate {name[:300]!r} does not exist.", field="gate")
        return tuple(found)

    def list(
        self,
        context: Context,
        *,
        current_only: bool = False,
        max_results: int = 100,
        page_token: str | None = None,
    ) -> Page[Gate]:
        """Gate versions in the order in which they were made."""
        context.require(Action.GATE_READ)
        check_page_size(max_results, MAX_PAGE)
        pages = KeyPages("gates", context.workspace, current_only)
        with self._platform.database.read() as tx:
            found = gates.list_gates(
                tx,
                context.workspace,
                after_pk=pages.start(page_token),
                limit=max_results + 1,
                current_only=current_only,
            )
        return pages.page(found, max_results)

    def current_for(self, context: Context, model: str) -> Gate | None:
        """The gate that guards the model now, None when it is not guarded: then nothing promotes."""
        context.require(Action.GATE_READ)
        with self._platform.database.read() as tx:
            found = get_model(tx, context, model)
            return gates.find_current_gate(tx, context.workspace, found.pk)


def _suite_name(record: Mapping[str, JsonValue]) -> str:
    name = record.get("suite")
    if not isinstance(name, str) or not name:
        raise InvalidArgument("suite must name an eval suite.", field="suite")
    return name


def _frozen_spec(record: Mapping[str, JsonValue], suite: EvalSuite, contents: Suite) -> GateSpec:
    """The gate with the suite's fingerprint, bundle and directions filled in, checked against it."""
    if suite.bundle_sha256 is None:
        raise FailedPrecondition(
            f"The suite {suite.name!r} has no bundle, so no gate runner could hold the exam.",
            field="suite",
        )
    if record.get("bundle") not in {None, suite.bundle_sha256}:
        raise InvalidArgument("bundle is the suite's own; leave it out.", field="bundle")
    known = contents.metrics()

    def directed(rule: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        metric = rule.get("metric")
        if "direction" in rule or not isinstance(metric, str) or metric not in known:
            return dict(rule)
        return {**rule, "direction": direction_text(maximize=known[metric].maximize)}

    guards = record.get("guards")
    if isinstance(guards, list):
        guards = [directed(guard) if isinstance(guard, dict) else guard for guard in guards]
    spec = parse_gate(
        {
            **directed(record),
            "suite": suite.fingerprint,
            "bundle": suite.bundle_sha256,
            "guards": guards,
        }
    )
    check_gate(spec, contents)
    return spec


def _guarded(model: str | None) -> str:
    return "the whole workspace" if model is None else f"model {model!r}"
