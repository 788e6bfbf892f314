"""Moving a registry in: what only an import may state, because another server recorded it before.

Ids, moments and version numbers are taken over as they were. An alias is moved in once, as `imported`;
whoever is to hold it after that goes the way of everybody else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from assay.domain.access import Action
from assay.domain.errors import AlreadyExists, Conflict, FailedPrecondition, InvalidArgument
from assay.domain.event_target import alias_target, model_target, version_target
from assay.domain.ids import parse_model_id, parse_version
from assay.domain.imported import imported_origins, is_imported
from assay.domain.ledger import EventAction
from assay.domain.names import (
    MAX_ALIAS,
    MAX_DESCRIPTION,
    MAX_EXPERIMENT_TAG_VALUE,
    MAX_LOCATION,
    MAX_REGISTRY_TAG_VALUE,
    check_alias,
    check_experiment_name,
    check_model_name,
    check_text,
    is_protected,
)
from assay.domain.registry import AliasMove, ModelVersion, MoveKind, RegisteredModel, VersionState
from assay.domain.replay import (
    ModelRegistered,
    VersionRegistered,
    VersionStateChanged,
    details_record,
)
from assay.domain.tracking import (
    Experiment,
    Lifecycle,
    LineagePolicy,
    LoggedModel,
    LoggedModelMetric,
    LoggedModelStatus,
)
from assay.services.alias_moves import PlannedMove, write_move
from assay.services.catalogue import complete_version, get_model, get_version, get_workspace
from assay.services.checks import check_moment, check_params, check_step, check_tags
from assay.services.context import Context
from assay.services.experiments import experiment_pk, open_experiment
from assay.services.import_states import ImportStates
from assay.services.ledger import Ledger
from assay.services.lineage import read_lineage
from assay.services.logged_models import check_metric, check_name
from assay.services.platform import Platform
from assay.services.registration import Entry, new_version
from assay.services.runs import open_run
from assay.services.sources import Source, read_source
from assay.services.workspaces import workspace_pk
from assay.storage import aliases, experiments, logged_models, model_versions, registered_models
from assay.storage.database import Transaction
from assay.storage.logged_models import ModelMetric, NewLoggedModel
from assay.storage.model_versions import VERSION_TAGS
from assay.storage.registered_models import MODEL_TAGS
from assay.storage.unexamined import has_version_registered_here

MLFLOW: Final = "mlflow"


@dataclass(frozen=True, slots=True)
class ArrivingModel:
    """A logged model as the other server knew it. `outputs` are the runs that wrote it, with steps."""

    model_id: str
    experiment_id: str
    name: str
    created_at_ms: int
    updated_at_ms: int
    run_id: str | None = None
    model_type: str = ""
    status: LoggedModelStatus = LoggedModelStatus.READY
    status_message: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: Sequence[LoggedModelMetric] = ()
    outputs: Sequence[tuple[str, int]] = ()


@dataclass(frozen=True, slots=True)
class ArrivingVersion:
    """A model version as the other registry knew it; one that was deleted there is a tombstone here."""

    version: int
    created_at_ms: int
    updated_at_ms: int
    source: str = ""
    run_id: str | None = None
    artifact_path: str | None = None
    logged_model_id: str | None = None
    description: str = ""
    run_link: str = ""
    stage: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    is_deleted: bool = False


class Importing:
    """The doors of an import. All need the right over a workspace; all may be gone through twice."""

    def __init__(self, platform: Platform, ledger: Ledger) -> None:
        self.states = ImportStates(platform)
        """What has arrived of runs, to be compared."""
        self._platform = platform
        self._ledger = ledger

    def import_experiment(
        self, context: Context, name: str, tags: Mapping[str, str], created_at_ms: int
    ) -> Experiment:
        """The experiment of that name, in any lifecycle; made, with its tags, if need be."""
        context.require(Action.WORKSPACE_WRITE)
        check_experiment_name(name)
        check_moment(created_at_ms, "created_at_ms")
        given = check_tags(tags, max_length=MAX_EXPERIMENT_TAG_VALUE)
        with self._platform.database.write() as tx:
            home = workspace_pk(tx, context.workspace)
            experiments.insert_experiment(tx, home, name, None, created_at_ms)
            found = experiments.find_experiment_by_name(tx, context.workspace, name)
            assert found is not None
            if found.lifecycle is Lifecycle.ACTIVE:
                for key, value in given.items():
                    if found.tags.get(key) != value:
                        experiments.set_tag(tx, experiment_pk(found.experiment_id), key, value)
                found = replace(found, tags={**found.tags, **given})
            return found

    def import_logged_model(self, context: Context, arrival: ArrivingModel) -> LoggedModel:
        """The logged model under the id that it had, in any lifecycle; made if need be.

        Raises AlreadyExists when that id is in use in another workspace.
        """
        context.require(Action.WORKSPACE_WRITE)
        parse_model_id(arrival.model_id)
        check_name(arrival.name)
        check_text(arrival.model_type, "model_type", max_length=500)
        check_text(arrival.status_message, "status_message", max_length=500)
        params, tags = check_params(arrival.params), check_tags(arrival.tags)
        for metric in arrival.metrics:
            check_metric(metric)
        with self._platform.database.write() as tx:
            found = logged_models.find_model(tx, arrival.model_id)
            if found is None:
                pk = self._insert_logged_model(tx, context, arrival)
                logged_models.add_params(tx, pk, params)
                logged_models.set_tags(tx, pk, tags)
                _keep_ties(tx, context, pk, arrival)
                found = logged_models.find_model(tx, arrival.model_id)
            if found is None or found.workspace != context.workspace:
                raise AlreadyExists(f"The id {arrival.model_id!r} is taken.", field="model_id")
            return found

    def _insert_logged_model(
        self, tx: Transaction, context: Context, arrival: ArrivingModel
    ) -> int:
        owner = experiment_pk(arrival.experiment_id)
        home, _ = open_experiment(tx, context, owner)
        run = None if arrival.run_id is None else open_run(tx, context, arrival.run_id)
        new = NewLoggedModel(
            model_id=arrival.model_id,
            workspace_pk=home,
            experiment_pk=owner,
            run_pk=None if run is None else run.pk,
            name=arrival.name,
            model_type=arrival.model_type,
            status=arrival.status,
            created_at_ms=check_moment(arrival.created_at_ms, "created_at_ms"),
        )
        pk = logged_models.insert_model(tx, new)
        updated_at_ms = check_moment(arrival.updated_at_ms, "updated_at_ms")
        logged_models.set_status(tx, pk, arrival.status, arrival.status_message, updated_at_ms)
        return pk

    def import_model(
        self,
        context: Context,
        name: str,
        *,
        description: str,
        tags: Mapping[str, str],
        created_at_ms: int,
    ) -> RegisteredModel:
        """The registered model of that name; made, with description and tags, if need be."""
        context.require(Action.WORKSPACE_WRITE)
        check_model_name(name)
        check_text(description, "description", max_length=MAX_DESCRIPTION)
        check_moment(created_at_ms, "created_at_ms")
        given = check_tags(tags, max_length=MAX_REGISTRY_TAG_VALUE)
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            if registered_models.find_model(tx, context.workspace, name) is None:
                home = get_workspace(tx, self._platform, context.workspace)
                pk = registered_models.insert_model(
                    tx, home.pk, name=name, description=description, now_ms=created_at_ms
                )
                MODEL_TAGS.insert(tx, pk, given)
                self._ledger.record(
                    tx,
                    context,
                    action=EventAction.MODEL_REGISTERED,
                    object=model_target(name),
                    workspace=context.workspace,
                    details=details_record(ModelRegistered(pk, name)),
                )
            return get_model(tx, context, name)

    def import_version(
        self, context: Context, model: str, arrival: ArrivingVersion
    ) -> ModelVersion:
        """The version under the number that it had; registered now unless it is there.

        Lineage that is not closed makes it unverifiable under any policy, as having no files does.
        Numbers arrive in order: Conflict for one that does not follow the last. AlreadyExists when
        the number belongs to another version. A stage called like a protected alias comes with
        that alias: InvalidArgument.
        """
        context.require(Action.WORKSPACE_WRITE)
        parse_version(arrival.version)
        check_text(arrival.stage, "stage", max_length=MAX_ALIAS)
        check_moment(arrival.created_at_ms, "created_at_ms")
        check_moment(arrival.updated_at_ms, "updated_at_ms")
        entry = _entry(model, arrival)
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            owner = get_model(tx, context, model)
            protected = get_workspace(tx, self._platform, context.workspace).policy.protected
            if is_protected(arrival.stage, protected):
                raise InvalidArgument(
                    f"The stage {arrival.stage!r} comes with the alias of that name.", field="stage"
                )
            found = model_versions.find_version(tx, owner.pk, arrival.version)
            if found is not None:
                return complete_version(tx, _same(found, arrival))
            if arrival.version != owner.last_version + 1:
                raise Conflict(
                    f"Version {arrival.version} of {model!r} does not follow {owner.last_version}.",
                    field="version",
                )
            return complete_version(tx, self._register(tx, context, owner, entry, arrival))

    def _register(
        self,
        tx: Transaction,
        context: Context,
        owner: RegisteredModel,
        entry: Entry,
        arrival: ArrivingVersion,
    ) -> ModelVersion:
        source = Source(None, None, None, ())
        if not arrival.is_deleted:
            source = read_source(
                tx,
                context,
                run_id=entry.run_id,
                artifact_path=entry.artifact_path,
                logged_model_id=entry.logged_model_id,
            )
        home = get_workspace(tx, self._platform, context.workspace)
        lineage = read_lineage(
            tx,
            stated=None,
            run=source.run,
            workspace_pk=home.pk,
            policy=LineagePolicy.RECORDED,
        )
        number = registered_models.take_version_number(tx, owner.pk, context.now_ms)
        new = new_version(context, entry, owner, number, source, lineage)
        origins = imported_origins(new.lineage_origins, MLFLOW)
        new = replace(new, lineage_origins=origins, now_ms=arrival.created_at_ms)
        pk = model_versions.insert_version(tx, new, source.files)
        VERSION_TAGS.insert(tx, pk, entry.tags)
        made = VersionRegistered(
            owner.pk, number, new.artifact_digest, new.fingerprint, new.verifiable
        )
        target = version_target(owner.name, number)
        self._ledger.record(
            tx,
            context,
            action=EventAction.VERSION_REGISTERED,
            object=target,
            workspace=owner.workspace,
            details=details_record(made),
            after=new.artifact_digest,
        )
        if arrival.is_deleted:
            self._bury(tx, context, owner, pk, number)
        else:
            self._label(tx, context, owner, pk, number, arrival.stage, arrival.updated_at_ms)
        found = model_versions.find_version(tx, owner.pk, number)
        assert found is not None
        return found

    def _bury(
        self, tx: Transaction, context: Context, owner: RegisteredModel, pk: int, number: int
    ) -> None:
        reason = "deleted before it was imported"
        model_versions.set_version_state(tx, pk, VersionState.DELETED, reason, context.now_ms)
        change = VersionStateChanged(
            owner.pk, number, VersionState.DELETED.value, VersionState.REGISTERED.value, reason
        )
        self._ledger.record(
            tx,
            context,
            action=EventAction.VERSION_STATE_CHANGED,
            object=version_target(owner.name, number),
            workspace=owner.workspace,
            details=details_record(change),
        )

    def _label(
        self,
        tx: Transaction,
        context: Context,
        owner: RegisteredModel,
        pk: int,
        number: int,
        stage: str,
        at_ms: int,
    ) -> None:
        model_versions.set_stage(tx, pk, stage, at_ms)
        if stage:
            self._ledger.record(
                tx,
                context,
                action="version.stage_changed",
                object=version_target(owner.name, number),
                workspace=owner.workspace,
                details={"stage": stage, "left": []},
            )

    def import_alias(
        self, context: Context, model: str, alias: str, version: int, *, stage: str = ""
    ) -> AliasMove | None:
        """Let an alias arrive on the imported version that held it, recorded as `imported`.

        `stage` is its label, where the alias is one that stages are called after. None when it has
        arrived before. Raises FailedPrecondition once the alias has ever moved here, and for a
        version that was not imported: from then on the gate decides. Such an attempt is recorded.
        """
        context.require(Action.WORKSPACE_WRITE)
        check_alias(alias)
        if stage and stage.casefold() != alias.casefold():
            raise InvalidArgument("stage must be called like the alias.", field="stage")
        try:
            with self._platform.database.write() as tx:
                self._ledger.lock(tx)
                owner = get_model(tx, context, model)
                target = get_version(tx, owner, version)
                return self._arrive(tx, context, owner, alias, target, stage)
        except FailedPrecondition as refusal:
            self._ledger.record_denied(
                context,
                action=EventAction.ALIAS_SET,
                object=alias_target(model[:300], alias),
                workspace=context.workspace,
                details={"version": version, "imported": True, "reason": refusal.message},
            )
            raise

    def _arrive(
        self,
        tx: Transaction,
        context: Context,
        owner: RegisteredModel,
        alias: str,
        target: ModelVersion,
        stage: str,
    ) -> AliasMove | None:
        held = aliases.lock_alias(tx, owner.pk, alias)
        if held.revision == 1 and held.version_pk == target.pk:
            first = aliases.find_move(tx, owner.pk, alias, 1)
            if first is not None and first.kind is MoveKind.IMPORTED:
                return None
        if held.revision:
            raise FailedPrecondition(
                f"The alias {alias!r} of {owner.name!r} has moved here already (revision "
                f"{held.revision}); an import moves it in once and never again.",
                field="alias",
                revision=held.revision,
            )
        if not is_imported(target):
            raise FailedPrecondition(
                f"Version {target.version} of {owner.name!r} was registered here, not imported: "
                "promote it.",
                field="version",
            )
        protected = get_workspace(tx, self._platform, context.workspace).policy.protected
        if is_protected(alias, protected) and has_version_registered_here(tx, owner.pk):
            raise FailedPrecondition(
                f"{owner.name!r} has versions that were registered here, so {alias!r} is earned here "
                "too: promote a version. Import a registry under names of its own.",
                field="alias",
            )
        planned = PlannedMove(owner, alias, held, target, MoveKind.IMPORTED, "imported from MLflow")
        move = write_move(tx, self._ledger, context, planned, protected)
        if stage:
            self._label(tx, context, owner, target.pk, target.version, stage, target.updated_at_ms)
        return move


def _keep_ties(tx: Transaction, context: Context, pk: int, arrival: ArrivingModel) -> None:
    written = {metric.run_id for metric in arrival.metrics}
    written |= {run_id for run_id, _ in arrival.outputs}
    run_pks = {run_id: open_run(tx, context, run_id).pk for run_id in sorted(written)}
    for run_id, step in arrival.outputs:
        logged_models.set_outputs(tx, run_pks[run_id], [(pk, check_step(step))])
    rows = [
        ModelMetric(
            pk,
            run_pks[metric.run_id],
            metric.key,
            metric.step,
            metric.timestamp_ms,
            metric.value,
            metric.dataset_name,
            metric.dataset_digest,
        )
        for metric in arrival.metrics
    ]
    if rows:
        logged_models.add_metrics(tx, rows)


def _entry(model: str, arrival: ArrivingVersion) -> Entry:
    return Entry(
        model=check_model_name(model, "model"),
        run_id=arrival.run_id,
        artifact_path=arrival.artifact_path,
        logged_model_id=arrival.logged_model_id,
        source=check_text(arrival.source, "source", max_length=MAX_LOCATION),
        lineage=None,
        description=check_text(arrival.description, "description", max_length=MAX_DESCRIPTION),
        tags=check_tags(arrival.tags, max_length=MAX_REGISTRY_TAG_VALUE),
        run_link=check_text(arrival.run_link, "run_link", max_length=MAX_LOCATION),
        create_model=False,
    )


def _same(found: ModelVersion, arrival: ArrivingVersion) -> ModelVersion:
    """The version that is there, if it is the one that arrives again."""
    is_same = is_imported(found) and (
        found.state is VersionState.DELETED or found.source == arrival.source
    )
    if not is_same:
        raise AlreadyExists(
            f"Version {found.version} of {found.model!r} is another version than the one that is to "
            "be imported; import into a workspace of its own.",
            field="version",
        )
    return found
