"""Registering a model version: its files frozen, its lineage closed, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from assay.domain.access import Action
from assay.domain.artifact import ManifestEntry, artifact_digest, total_bytes
from assay.domain.canonical import JsonValue, sha256_hex
from assay.domain.errors import FailedPrecondition, InvalidArgument, LineageIncomplete
from assay.domain.event_target import model_target, version_target
from assay.domain.fingerprint import FIELDS
from assay.domain.ledger import EventAction
from assay.domain.lineage import LineageDraft
from assay.domain.names import (
    MAX_DESCRIPTION,
    MAX_LOCATION,
    MAX_REGISTRY_TAG_VALUE,
    check_model_name,
    check_text,
)
from assay.domain.references import check_strict
from assay.domain.registry import PROMPT_TAG, ModelVersion, RegisteredModel, VersionState, is_prompt
from assay.domain.replay import VersionRegistered, details_record
from assay.domain.tracking import LineagePolicy
from assay.services.catalogue import complete_version, get_model, get_version, get_workspace
from assay.services.checks import check_tags
from assay.services.clashes import repeats_clashes
from assay.services.closure_findings import lineage_fields
from assay.services.context import Context
from assay.services.idempotency import recall, remember
from assay.services.ledger import Ledger, actor_text
from assay.services.lineage import ReadLineage, read_lineage
from assay.services.platform import Platform
from assay.services.registry import Registry
from assay.services.sources import Source, no_files, read_source
from assay.storage import logged_models, model_versions, registered_models, runs
from assay.storage.database import Transaction
from assay.storage.model_versions import VERSION_TAGS, NewVersion
from assay.storage.registered_models import MODEL_TAGS


@dataclass(frozen=True, slots=True)
class Entry:
    """What a client asks to be registered."""

    model: str
    run_id: str | None
    artifact_path: str | None
    logged_model_id: str | None
    source: str
    lineage: str | None
    description: str
    tags: Mapping[str, str]
    run_link: str
    create_model: bool
    collection_version: str | None = None

    def request(self) -> dict[str, JsonValue]:
        """What makes two requests the same."""
        stated: dict[str, JsonValue] = {
            "operation": "register",
            "model": self.model,
            "run_id": self.run_id,
            "artifact_path": self.artifact_path,
            "logged_model_id": self.logged_model_id,
            "source": self.source,
            "lineage_sha256": None if self.lineage is None else sha256_hex(self.lineage),
        }
        if self.collection_version is not None:
            stated["collection_version"] = self.collection_version
        return stated


class Registration:
    """The one way by which a model version comes into being."""

    def __init__(self, platform: Platform, ledger: Ledger, registry: Registry) -> None:
        self._platform = platform
        self._ledger = ledger
        self._registry = registry

    @repeats_clashes
    def register(  # noqa: PLR0913 - one keyword for each thing that a client may state
        self,
        context: Context,
        model: str,
        *,
        run_id: str | None = None,
        artifact_path: str | None = None,
        logged_model_id: str | None = None,
        collection_version: str | None = None,
        source: str = "",
        lineage: str | None = None,
        description: str = "",
        tags: Mapping[str, str] | None = None,
        run_link: str = "",
        create_model: bool = True,
    ) -> ModelVersion:
        """Freeze a folder of a run ('' for all of it), a logged model or a collection's version.

        A version of a collection comes with the run that made it. `lineage` is strict JSON and counts
        alone; without it the run's own record, params, tags and dataset inputs are read. Under policy
        `required` a version without files is refused (FailedPrecondition naming the run's folders),
        and so is one whose lineage is not closed: LineageIncomplete names every missing field, and the
        attempt is recorded. Under `recorded` both are accepted as unverifiable. A refusal leaves
        nothing behind.
        """
        context.require(Action.REGISTRY_WRITE)
        entry = Entry(
            model=check_model_name(model, "model"),
            run_id=run_id,
            artifact_path=artifact_path,
            logged_model_id=logged_model_id,
            source=check_text(source, "source", max_length=MAX_LOCATION),
            lineage=lineage,
            description=check_text(description, "description", max_length=MAX_DESCRIPTION),
            tags=check_tags(tags or {}, max_length=MAX_REGISTRY_TAG_VALUE),
            run_link=check_text(run_link, "run_link", max_length=MAX_LOCATION),
            create_model=create_model,
            collection_version=collection_version,
        )
        try:
            with self._platform.database.write() as tx:
                self._ledger.lock(tx)
                return self._register(tx, context, entry)
        except (LineageIncomplete, InvalidArgument) as refusal:
            why = {name: refusal.details.get(name) for name in ("missing", "faults")}
            told = {name: value for name, value in why.items() if value is not None}
            if told:
                self._ledger.record_denied(
                    context,
                    action=EventAction.VERSION_REGISTERED,
                    object=model_target(model),
                    workspace=context.workspace,
                    details={**told, "run_id": run_id},
                )
            raise

    @repeats_clashes
    def copy(
        self,
        context: Context,
        model: str,
        *,
        of_model: str,
        of_version: int | str,
        description: str = "",
        tags: Mapping[str, str] | None = None,
        run_link: str = "",
    ) -> ModelVersion:
        """Register a version once more, as the next of `model`, which must exist (it may be the same).

        The copy has the frozen files, lineage and origin of the first, whatever became of its run; not
        its tags, aliases, stage or verdicts. The first is refused (FailedPrecondition) while it is
        quarantined, and under policy `required` when it is unverifiable; InvalidArgument where its
        references may move and the workspace takes only those that cannot.
        """
        context.require(Action.REGISTRY_WRITE)
        wanted = check_tags(tags or {}, max_length=MAX_REGISTRY_TAG_VALUE)
        check_text(description, "description", max_length=MAX_DESCRIPTION)
        check_text(run_link, "run_link", max_length=MAX_LOCATION)
        request: dict[str, JsonValue] = {
            "operation": "copy",
            "model": model,
            "of_model": of_model,
            "of_version": str(of_version),
        }
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            owner = get_model(tx, context, model)
            answer = recall(tx, context, request)
            if answer is not None:
                return complete_version(tx, get_version(tx, owner, str(answer["version"])))
            first_owner = get_model(tx, context, of_model)
            first = get_version(tx, first_owner, of_version)
            self._check_copied(tx, context, first, (first_owner, owner))
            number = registered_models.take_version_number(tx, owner.pk, context.now_ms)
            new = _copied(tx, context, owner, number, first)
            new = replace(new, description=description, run_link=run_link)
            self._insert(tx, context, owner, new, model_versions.list_files(tx, first.pk), wanted)
            details = {
                "model": first.model,
                "version": first.version,
                "digest": first.artifact_digest,
            }
            self._ledger.record(
                tx,
                context,
                action="version.copied",
                object=version_target(owner.name, number),
                workspace=owner.workspace,
                details=details,
                after=new.artifact_digest,
            )
            remember(tx, context, request, {"version": number})
            return complete_version(tx, get_version(tx, owner, number))

    def register_prompt(
        self,
        context: Context,
        model: str,
        *,
        source: str = "",
        description: str = "",
        tags: Mapping[str, str],
    ) -> ModelVersion:
        """Keep a text (in its tags) as the next version of a prompt, under any lineage policy.

        A prompt is no model: it has no run, files or lineage, its versions are unverifiable for ever,
        and so no promotion takes one to a protected alias. Raises InvalidArgument when `model` was
        not made as a prompt.
        """
        context.require(Action.REGISTRY_WRITE)
        entry = Entry(
            model=check_model_name(model, "model"),
            run_id=None,
            artifact_path=None,
            logged_model_id=None,
            source=check_text(source, "source", max_length=MAX_LOCATION),
            lineage=None,
            description=check_text(description, "description", max_length=MAX_DESCRIPTION),
            tags=check_tags(tags, max_length=MAX_REGISTRY_TAG_VALUE),
            run_link="",
            create_model=False,
        )
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            owner = get_model(tx, context, model)
            if not is_prompt(MODEL_TAGS.of(tx, owner.pk)):
                raise InvalidArgument(
                    f"{model!r} is not a prompt: make the registered model with the tag "
                    f"{PROMPT_TAG} = 'true' first.",
                    field="tags",
                )
            number = registered_models.take_version_number(tx, owner.pk, context.now_ms)
            nothing = ReadLineage(LineageDraft({}, {}, list(FIELDS)), None)
            new = new_version(context, entry, owner, number, Source(None, None, None, ()), nothing)
            self._insert(tx, context, owner, new, (), entry.tags)
            return complete_version(tx, get_version(tx, owner, number))

    def _register(self, tx: Transaction, context: Context, entry: Entry) -> ModelVersion:
        answer = recall(tx, context, entry.request())
        if answer is not None:
            owner = get_model(tx, context, entry.model)
            return complete_version(tx, get_version(tx, owner, str(answer["version"])))
        owner = self._owner(tx, context, entry)
        _refuse_prompt(tx, owner)
        workspace = get_workspace(tx, self._platform, context.workspace)
        source = read_source(
            tx,
            context,
            run_id=entry.run_id,
            artifact_path=entry.artifact_path,
            logged_model_id=entry.logged_model_id,
            collection_version=entry.collection_version,
        )
        if not source.files and workspace.policy.lineage is LineagePolicy.REQUIRED:
            raise no_files(tx, source, entry.artifact_path)
        lineage = read_lineage(
            tx,
            stated=entry.lineage,
            run=source.run,
            workspace_pk=workspace.pk,
            policy=workspace.policy.lineage,
        )
        if lineage.fingerprint is not None:
            check_strict(
                workspace.policy.strict_refs, lineage.draft.fields, lineage.draft.annotations
            )
        number = registered_models.take_version_number(tx, owner.pk, context.now_ms)
        new = new_version(context, entry, owner, number, source, lineage)
        self._insert(tx, context, owner, new, source.files, entry.tags)
        remember(tx, context, entry.request(), {"version": number})
        return complete_version(tx, get_version(tx, owner, number))

    def _owner(self, tx: Transaction, context: Context, entry: Entry) -> RegisteredModel:
        found = registered_models.find_model(tx, context.workspace, entry.model)
        if found is None and entry.create_model:
            return self._registry.insert_model(tx, context, entry.model)
        return get_model(tx, context, entry.model) if found is None else found

    def _check_copied(
        self,
        tx: Transaction,
        context: Context,
        first: ModelVersion,
        owners: tuple[RegisteredModel, RegisteredModel],
    ) -> None:
        for owner in owners:
            _refuse_prompt(tx, owner)
        name = f"Version {first.version} of {first.model!r}"
        if first.state is VersionState.QUARANTINED:
            raise FailedPrecondition(
                f"{name} cannot be copied: it is quarantined. Clear it first.", field="source"
            )
        policy = get_workspace(tx, self._platform, context.workspace).policy
        check_strict(policy.strict_refs, lineage_fields(first), first.annotations)
        if policy.lineage is LineagePolicy.REQUIRED and not first.verifiable:
            raise FailedPrecondition(
                f"{name} cannot be copied: it is unverifiable, and this workspace requires closed "
                "lineage of every version. Register its files from their run.",
                field="source",
            )

    def _insert(
        self,
        tx: Transaction,
        context: Context,
        owner: RegisteredModel,
        new: NewVersion,
        files: Sequence[ManifestEntry],
        tags: Mapping[str, str],
    ) -> None:
        pk = model_versions.insert_version(tx, new, files)
        VERSION_TAGS.insert(tx, pk, tags)
        details = VersionRegistered(
            owner.pk, new.version, new.artifact_digest, new.fingerprint, new.verifiable
        )
        self._ledger.record(
            tx,
            context,
            action=EventAction.VERSION_REGISTERED,
            object=version_target(owner.name, new.version),
            workspace=owner.workspace,
            details=details_record(details),
            after=new.artifact_digest,
        )


def _refuse_prompt(tx: Transaction, owner: RegisteredModel) -> None:
    if is_prompt(MODEL_TAGS.of(tx, owner.pk)):
        raise InvalidArgument(
            f"{owner.name!r} is a prompt, not a model: no files are registered under it.",
            field="model",
        )


def _copied(
    tx: Transaction, context: Context, owner: RegisteredModel, number: int, first: ModelVersion
) -> NewVersion:
    run = None if first.run_id is None else runs.find_run(tx, first.run_id)
    logged = first.logged_model_id
    logged_model = None if logged is None else logged_models.find_model(tx, logged)
    return NewVersion(
        model_pk=owner.pk,
        version=number,
        run_pk=None if run is None else run.pk,
        logged_model_pk=None if logged_model is None else logged_model.pk,
        source=f"models:/{first.model}/{first.version}",
        artifact_path=first.artifact_path,
        artifact_digest=first.artifact_digest,
        size_bytes=first.size_bytes,
        lineage_scheme=first.lineage_scheme,
        lineage_canonical=first.lineage_canonical,
        fingerprint=first.fingerprint,
        lineage_origins=first.lineage_origins,
        annotations=first.annotations,
        verifiable=first.verifiable,
        description="",
        run_link="",
        created_by=actor_text(context),
        now_ms=context.now_ms,
    )


def new_version(
    context: Context,
    entry: Entry,
    owner: RegisteredModel,
    number: int,
    source: Source,
    lineage: ReadLineage,
) -> NewVersion:
    """All that is written of a version, from what was asked for and what was found."""
    closed = lineage.fingerprint
    return NewVersion(
        model_pk=owner.pk,
        version=number,
        run_pk=None if source.run is None else source.run.pk,
        logged_model_pk=None if source.logged_model is None else source.logged_model.pk,
        source=entry.source,
        artifact_path=source.artifact_path,
        artifact_digest=artifact_digest(source.files) if source.files else None,
        size_bytes=total_bytes(source.files),
        lineage_scheme=None if closed is None else closed.scheme,
        lineage_canonical=None if closed is None else closed.canonical,
        fingerprint=None if closed is None else closed.hex,
        lineage_origins=lineage.draft.origins,
        annotations=lineage.draft.annotations,
        verifiable=closed is not None and bool(source.files),
        description=entry.description,
        run_link=entry.run_link,
        created_by=actor_text(context),
        now_ms=context.now_ms,
    )
