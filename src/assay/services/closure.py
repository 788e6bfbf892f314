"""Closure: looking at what versions were made from, keeping the answers, telling losses once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assay.closure.reach import Reach
from assay.domain.access import Action
from assay.domain.artifact import ManifestEntry
from assay.domain.canonical import JsonValue
from assay.domain.closure import (
    MAX_SOURCES,
    Checked,
    Closure,
    Finding,
    Source,
    Standing,
    Status,
    overall,
    settle,
)
from assay.domain.errors import InvalidArgument, NotFound
from assay.domain.event_target import version_target
from assay.domain.names import is_protected
from assay.domain.references import Reference, ReferenceKind, faults_of, references_of
from assay.domain.registry import ModelVersion, VersionState
from assay.services.catalogue import complete_version, get_model, get_version, get_workspace
from assay.services.closure_findings import (
    Examination,
    Subject,
    examine,
    folder_with_digest,
    lineage_fields,
)
from assay.services.context import Context
from assay.services.ledger import Ledger
from assay.services.platform import Platform
from assay.storage import closure as rows
from assay.storage import model_versions, registered_models, runs, workspaces
from assay.storage.database import Transaction
from assay.storage.files import RUN_FILES

CHECKED = "closure.checked"
DROPPED = "closure.dropped"
MAX_RUN_FILES = 10_000


@dataclass(frozen=True, slots=True)
class WatchedVersion:
    """A version that holds protected aliases, and what is known of its closure."""

    version: ModelVersion
    aliases: tuple[str, ...]
    closure: Closure


class Closures:
    """Checks versions and remembers; also the sources that may be asked."""

    def __init__(self, platform: Platform, ledger: Ledger, reach: Reach) -> None:
        self._platform = platform
        self._ledger = ledger
        self._reach = reach

    def get(self, context: Context, model: str, version: int | str) -> Closure:
        """What was found last; nothing is looked at."""
        context.require(Action.REGISTRY_READ)
        with self._platform.database.read() as tx:
            found = get_version(tx, get_model(tx, context, model), version)
            return closure_of(tx, found.pk)

    def faults(self, version: ModelVersion) -> tuple[Reference, ...]:
        """The references of a version that may come to mean something else."""
        return tuple(faults_of(lineage_fields(version), version.annotations))

    def watched(self, context: Context) -> tuple[WatchedVersion, ...]:
        """Every version of the workspace that holds a protected alias."""
        context.require(Action.REGISTRY_READ)
        with self._platform.database.read() as tx:
            workspace = get_workspace(tx, self._platform, context.workspace)
            held: dict[int, list[str]] = {}
            for workspace_pk, alias, version_pk, _ in rows.held_versions(tx):
                if workspace_pk == workspace.pk and is_protected(alias, workspace.policy.protected):
                    held.setdefault(version_pk, []).append(alias)
            found = []
            for version_pk, names in held.items():
                version = model_versions.find_version_by_pk(tx, version_pk)
                assert version is not None
                closure = closure_of(tx, version_pk)
                found.append(WatchedVersion(version, tuple(sorted(names)), closure))
        return tuple(found)

    def check(
        self, context: Context, model: str, version: int | str, *, deep: bool = False
    ) -> Closure:
        """Look at everything that the version was made from, and keep what was found.

        Takes as long as its sources take, each at most `Reach.timeout_s`. A status that changed is an
        event, a loss another one. Raises NotFound.
        """
        context.require(Action.LEDGER_READ)
        return self.look(context, model, version, deep=deep)

    def look(
        self, context: Context, model: str, version: int | str, *, deep: bool = False
    ) -> Closure:
        """As `check`, for the server's own use: at promotion, and on schedule."""
        asked = self._asked(context, model, version, deep=deep)
        found = list(examine(self._platform.blobs, self._reach, asked))
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            if asked.version.state is VersionState.DELETED:
                return closure_of(tx, asked.version.pk)
            self._keep(tx, context, asked, found)
            return closure_of(tx, asked.version.pk)

    def list_sources(self, context: Context, workspace: str) -> tuple[Source, ...]:
        """The sources of a workspace, by name."""
        context.require_object(Action.WORKSPACE_READ, workspace, f"Workspace {workspace!r}")
        with self._platform.database.read() as tx:
            return rows.list_sources(tx, get_workspace(tx, self._platform, workspace).pk)

    def put_source(self, context: Context, workspace: str, source: Source) -> Source:
        """Let the server ask a source on behalf of the workspace, or change it."""
        context.require_object(Action.WORKSPACE_WRITE, workspace, f"Workspace {workspace!r}")
        self._reach.check(source)
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            pk = get_workspace(tx, self._platform, workspace).pk
            known = rows.list_sources(tx, pk)
            if len(known) >= MAX_SOURCES and source.name not in {other.name for other in known}:
                raise InvalidArgument(f"A workspace has at most {MAX_SOURCES} sources.")
            rows.put_source(tx, pk, source)
            self._tell_source(tx, context, workspace, "workspace.source_set", source)
        return source

    def delete_source(self, context: Context, workspace: str, name: str) -> None:
        """Ask a source no more. Raises NotFound."""
        context.require_object(Action.WORKSPACE_WRITE, workspace, f"Workspace {workspace!r}")
        with self._platform.database.write() as tx:
            self._ledger.lock(tx)
            pk = get_workspace(tx, self._platform, workspace).pk
            gone = [source for source in rows.list_sources(tx, pk) if source.name == name]
            if not gone or not rows.delete_source(tx, pk, name):
                raise NotFound(f"Source {name[:100]!r} does not exist.", field="source")
            self._tell_source(tx, context, workspace, "workspace.source_deleted", gone[0])

    def _tell_source(
        self, tx: Transaction, context: Context, workspace: str, action: str, source: Source
    ) -> None:
        details: dict[str, JsonValue] = {
            "name": source.name,
            "kind": source.kind.value,
            "location": source.location,
            "remote": source.remote,
            "credentials": source.credentials,
        }
        self._ledger.record(
            tx,
            context,
            action=action,
            object=f"workspace:{workspace}",
            workspace=workspace,
            details=details,
        )

    def _asked(
        self, context: Context, model: str, version: int | str, *, deep: bool
    ) -> Examination:
        with self._platform.database.read() as tx:
            found = get_version(tx, get_model(tx, context, model), version)
            workspace = workspaces.find_workspace_pk(tx, found.workspace)
            assert workspace is not None
            here = {
                reference.text: self._here(tx, workspace, found, reference)
                for reference in references_here(found)
            }
            return Examination(
                version=complete_version(tx, found),
                files=model_versions.list_files(tx, found.pk),
                sources=rows.list_sources(tx, workspace),
                here=lambda reference: here[reference.text],
                is_deep=deep,
            )

    def _here(
        self, tx: Transaction, workspace_pk: int, version: ModelVersion, reference: Reference
    ) -> tuple[Finding, Sequence[ManifestEntry]]:
        if reference.kind is ReferenceKind.MODEL:
            return self._model_here(tx, version, reference)
        if rows.has_file(tx, workspace_pk, reference.value):
            size = self._platform.blobs.stat(reference.value)
            named = ManifestEntry(reference.value, size or 0, reference.value)
            return Finding(Status.OK), [named]
        other = rows.version_of_digest(tx, workspace_pk, reference.value)
        if other is not None:
            return Finding(Status.OK), model_versions.list_files(tx, other)
        collected = rows.files_of_collected(tx, workspace_pk, reference.value)
        if collected is not None:
            return Finding(Status.OK), collected
        run = None if version.run_id is None else runs.find_run(tx, version.run_id)
        inside: Sequence[ManifestEntry] = ()
        if run is not None:
            logged = [
                ManifestEntry(file.path, file.size_bytes or 0, file.sha256 or "")
                for file in RUN_FILES.walk(tx, run.pk, "")[:MAX_RUN_FILES]
            ]
            inside = folder_with_digest(logged, reference.value)
        if inside:
            return Finding(Status.OK), inside
        absent = "No artifact here has this digest; log the data with the run to keep it here."
        return Finding(Status.UNKNOWN, message=absent, is_absent=True), ()

    def _model_here(
        self, tx: Transaction, version: ModelVersion, reference: Reference
    ) -> tuple[Finding, Sequence[ManifestEntry]]:
        owner = registered_models.find_model(tx, version.workspace, reference.place)
        named = None
        if owner is not None:
            named = model_versions.find_version(tx, owner.pk, int(reference.value))
        if named is None or named.state is VersionState.DELETED:
            return Finding(Status.MISSING, message="There is no such model version here."), ()
        return Finding(Status.OK), model_versions.list_files(tx, named.pk)

    def _keep(
        self, tx: Transaction, context: Context, asked: Examination, found: Sequence[Subject]
    ) -> None:
        version = asked.version
        known = {check.subject: check for check in rows.list_checks(tx, version.pk)}
        dropped: list[JsonValue] = []
        kept: dict[str, Status] = {}
        for subject in found:
            last = known.get(subject.name)
            before = None if last is None else Standing(last.status, last.was_ok, last.is_alerted)
            finding, standing, is_news = settle(before, subject.finding)
            check = Checked(
                subject=subject.name,
                reference=subject.reference,
                status=finding.status,
                level=finding.level,
                message=finding.message,
                is_deep=asked.is_deep,
                was_ok=standing.was_ok,
                is_alerted=standing.is_alerted,
                checked_at_ms=context.now_ms,
            )
            rows.put_check(tx, version.pk, check)
            kept[subject.name] = finding.status
            if is_news:
                dropped.append(_loss(check))
        if kept != {name: check.status for name, check in known.items()}:
            statuses: dict[str, JsonValue] = {name: status.value for name, status in kept.items()}
            self._tell(tx, context, version, CHECKED, {"is_deep": asked.is_deep, **statuses})
        if dropped:
            self._tell(tx, context, version, DROPPED, {"lost": dropped})

    def _tell(
        self,
        tx: Transaction,
        context: Context,
        version: ModelVersion,
        action: str,
        details: dict[str, JsonValue],
    ) -> None:
        self._ledger.record(
            tx,
            context,
            action=action,
            object=version_target(version.model, version.version),
            workspace=version.workspace,
            details=details,
            after=version.artifact_digest,
        )


def closure_of(tx: Transaction, version_pk: int) -> Closure:
    """What was found of a version last."""
    checks = rows.list_checks(tx, version_pk)
    if not checks:
        return Closure(None, is_deep=False, checked_at_ms=None, checks=())
    return Closure(
        status=overall(check.status for check in checks),
        is_deep=all(check.is_deep for check in checks),
        checked_at_ms=min(check.checked_at_ms for check in checks),
        checks=checks,
    )


def references_here(version: ModelVersion) -> tuple[Reference, ...]:
    """Those of a version's references that are answered from the registry itself."""
    return tuple(
        reference
        for reference in references_of(lineage_fields(version))
        if reference.kind in {ReferenceKind.SHA256, ReferenceKind.MODEL}
    )


def _loss(check: Checked) -> JsonValue:
    return {
        "subject": check.subject,
        "reference": check.reference[:2_000],
        "status": check.status.value,
        "message": check.message,
    }
