"""Making collection versions: a draft, its files, and the commit that gives it a number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from assay.domain.access import Action
from assay.domain.collection import (
    LATEST,
    MAX_CLIENT_DIGEST,
    MAX_CLIENT_ID,
    Collection,
    CollectionFile,
    CollectionKind,
    CollectionVersion,
    Direction,
    NewVersion,
    VersionState,
    check_alias,
    check_collection_name,
    check_metadata,
    check_reference,
    check_tag,
    check_ttl,
    check_type,
    content_digest,
    experiment_place,
    is_expired,
    is_model_type,
    reasons_to_keep,
)
from assay.domain.errors import FailedPrecondition, InvalidArgument, LimitExceeded
from assay.domain.ids import ID_BYTES
from assay.domain.names import MAX_DESCRIPTION, check_text, is_protected
from assay.domain.tracking import FileEntry
from assay.services.artifacts import check_path
from assay.services.catalogue import get_workspace
from assay.services.checks import check_step
from assay.services.collection_access import seen_version
from assay.services.context import Context
from assay.services.digested_upload import DigestedUpload
from assay.services.experiments import experiment_pk, open_experiment
from assay.services.platform import Platform
from assay.services.runs import open_run
from assay.storage import collection_edges, collection_files, collection_versions, collections, runs
from assay.storage.database import Transaction

MAX_FILES: Final = 100_000
MAX_ALIASES: Final = 100
MAX_TAGS: Final = 100
_EXPIRED_AT_ONCE: Final = 100
_NAMED: Final = 3


class CollectionDrafts:
    """Begins, fills and commits versions. Nothing of a draft can be read before its commit."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def begin(
        self,
        context: Context,
        experiment_id: str,
        new: NewVersion,
        *,
        drop_protected: bool = False,
    ) -> CollectionVersion:
        """A draft of the next version; the collection is made by its first one.

        Where a committed version has the `client_digest` already, that version is answered, with the
        wanted aliases moved to it. Raises FailedPrecondition when the collection holds another type,
        and for a protected alias on a model (`drop_protected` leaves it out instead): such a name is
        earned in a registry.
        """
        new = _checked(new)
        with self._platform.database.write() as tx:
            workspace_pk, workspace = open_experiment(tx, context, experiment_pk(experiment_id))
            new = self._without_protected(tx, workspace, new, drop=drop_protected)
            run_pk = None
            if new.run_id is not None:
                run = open_run(tx, context, new.run_id)
                if run.workspace != workspace:
                    raise InvalidArgument("The run is of another workspace.", field="run_id")
                run_pk = run.pk
            wanted = _collection(context, workspace, experiment_id, new)
            home = _of_type(collections.ensure_collection(tx, wanted, workspace_pk), new)
            if new.client_digest is not None:
                known = collection_versions.find_by_digest(tx, home.pk, client=new.client_digest)
                if known is not None:
                    return _repeat(tx, context, known, new, run_pk)
            pk = collection_versions.insert_version(
                tx,
                self._platform.token_hex(ID_BYTES),
                home.pk,
                new,
                run_pk=run_pk,
                created_by=context.actor.name,
                now_ms=context.now_ms,
            )
            return _reload(tx, pk)

    def begin_upload(
        self, context: Context, version_id: str, path: str, *, expected_md5: str | None = None
    ) -> DigestedUpload:
        """Start to put a file of a draft. Its MD5 is kept beside its SHA-256, for clients that ask.

        With `expected_md5` (base64) other bytes are refused. Raises FailedPrecondition once the
        version is committed.
        """
        checked = check_path(path)
        with self._platform.database.read() as tx:
            _draft(tx, context, version_id)

        def put(sha256: str, size_bytes: int, md5: str) -> FileEntry:
            file = CollectionFile(checked, size_bytes, sha256, None, md5)
            with self._platform.database.write() as tx:
                version = _draft(tx, context, version_id, lock=True)
                collection_files.put_files(tx, version.pk, [file], context.now_ms)
            return FileEntry(checked, is_folder=False, size_bytes=size_bytes, sha256=sha256)

        return DigestedUpload(self._platform.blobs.begin(), put, expected_md5)

    def announce(
        self, context: Context, version_id: str, files: Sequence[tuple[str, str]]
    ) -> list[bool]:
        """Name files of a draft by (path, client's digest); for each, whether its bytes are here.

        Bytes count as here only where a committed version of this very collection has them under that
        digest: the caller can read those, so nothing is given away, and nothing is taken on trust
        from elsewhere. The others have to be uploaded.
        """
        if len(files) > MAX_FILES:
            raise LimitExceeded(f"A version has at most {MAX_FILES} files.", field="files")
        for path, digest in files:
            check_path(path)
            check_text(digest, "digest", max_length=MAX_CLIENT_DIGEST, allow_empty=False)
        with self._platform.database.write() as tx:
            version = _draft(tx, context, version_id, lock=True)
            context.require(Action.TRACKING_READ, version.collection.workspace)
            stored = collection_files.find_stored(
                tx, version.collection.pk, [digest for _, digest in files]
            )
            present = collection_files.files_at(tx, version.pk, [path for path, _ in files])
            rows = {path: _announced(path, digest, present, stored) for path, digest in files}
            collection_files.put_files(tx, version.pk, list(rows.values()), context.now_ms)
        return [rows[path].sha256 is not None for path, _ in files]

    def add_references(
        self, context: Context, version_id: str, references: Sequence[CollectionFile]
    ) -> None:
        """Let a draft name bytes that are kept elsewhere. Their addresses are never visited."""
        checked = [
            check_reference(file.path, file.reference, file.size_bytes, file.client_digest)
            for file in references
        ]
        with self._platform.database.write() as tx:
            version = _draft(tx, context, version_id, lock=True)
            collection_files.put_files(tx, version.pk, checked, context.now_ms)

    def commit(
        self,
        context: Context,
        version_id: str,
        *,
        contents: Sequence[CollectionFile] | None = None,
        client_digest: str | None = None,
    ) -> CollectionVersion:
        """Give the draft the next number, move its aliases, and let it be read.

        `contents`, where given, is the whole content: files by path and client's digest, references
        by address; what else was uploaded is forgotten. `client_digest` replaces what the client
        claimed at the beginning. A version with the same content that is there already is answered
        in the draft's place, which then stands for it. Committing again changes nothing.

        Raises FailedPrecondition naming files whose bytes never came.
        """
        with self._platform.database.write() as tx:
            version = seen_version(tx, context, Action.TRACKING_WRITE, version_id, lock=True)
            if version.state is VersionState.COMMITTED:
                return version
            # Held until the end: of two commits to one collection, one goes first.
            home = collections.find_collection_by_pk(tx, version.collection.pk, lock=True)
            if home is None:
                raise FailedPrecondition(f"The collection of {version.label} was deleted.")
            files = collection_files.list_files(tx, version.pk)
            if contents is not None:
                files = _settled(tx, version, files, contents)
                collection_files.remove_files(tx, version.pk)
                collection_files.put_files(tx, version.pk, files, context.now_ms)
            _refuse_absent(files)
            claimed = version.client_digest if client_digest is None else client_digest
            version = replace(version, client_digest=claimed)
            done = self._close(tx, context, version, files)
            _expire(tx, context, home, keep=done.pk)
            return done

    def discard(self, context: Context, version_id: str) -> None:
        """Drop a draft with all that was put into it."""
        with self._platform.database.write() as tx:
            version = _draft(tx, context, version_id, lock=True)
            forget_content(tx, version.pk)
            collection_versions.update_version(
                tx, version.pk, context.now_ms, state=VersionState.DELETED.value
            )

    def _close(
        self,
        tx: Transaction,
        context: Context,
        version: CollectionVersion,
        files: Sequence[CollectionFile],
    ) -> CollectionVersion:
        digest = content_digest(files)
        known = collection_versions.find_by_digest(tx, version.collection.pk, digest=digest)
        run_pk = None if version.run_id is None else _run_pk(tx, version.run_id)
        if known is not None:
            return _stand_for(tx, context, version, known, run_pk)
        index = collections.take_index(tx, version.collection.pk, context.now_ms)
        collection_versions.update_version(
            tx,
            version.pk,
            context.now_ms,
            version_index=index,
            state=VersionState.COMMITTED.value,
            digest=digest,
            client_digest=version.client_digest,
            file_count=len(files),
            size_bytes=sum(file.size_bytes or 0 for file in files),
            committed_at_ms=context.now_ms,
        )
        _name(tx, version.collection.pk, version.pk, version.wanted_aliases)
        if run_pk is not None:
            collection_edges.add_use(
                tx, run_pk, version.pk, Direction.OUTPUT, "", version.step, context.now_ms
            )
        return _reload(tx, version.pk)

    def _without_protected(
        self, tx: Transaction, workspace: str, new: NewVersion, *, drop: bool
    ) -> NewVersion:
        if not is_model_type(new.type):
            return new
        protected = get_workspace(tx, self._platform, workspace).policy.protected
        kept = tuple(alias for alias in new.aliases if not is_protected(alias, protected))
        if len(kept) < len(new.aliases) and not drop:
            raise FailedPrecondition(
                "A protected alias is earned: link the version into a registry of models, and ask "
                "for the alias there.",
                field="aliases",
            )
        return replace(new, aliases=kept)


def forget_content(tx: Transaction, version_pk: int) -> None:
    """Forget the files and manifests of a version; the bytes stay where others refer to them."""
    collection_files.remove_files(tx, version_pk)
    collection_files.remove_manifests(tx, version_pk)


def bury(tx: Transaction, context: Context, version: CollectionVersion) -> None:
    """Let a committed version keep its number alone, and `latest` name the newest that is left."""
    forget_content(tx, version.pk)
    collection_edges.delete_aliases(tx, version.collection.pk, version.pk)
    collection_versions.update_version(
        tx, version.pk, context.now_ms, state=VersionState.DELETED.value
    )
    newest = collection_versions.list_versions(tx, version.collection.pk, None, 1)
    if newest and LATEST in version.aliases:
        collection_edges.set_alias(tx, version.collection.pk, LATEST, newest[0].pk)


def _checked(new: NewVersion) -> NewVersion:
    if len(new.aliases) > MAX_ALIASES or len(new.tags) > MAX_TAGS:
        raise LimitExceeded(
            f"A version has at most {MAX_ALIASES} aliases and {MAX_TAGS} tags.", field="aliases"
        )
    check_collection_name(new.name)
    check_type(new.type)
    for alias in new.aliases:
        check_alias(alias, "aliases")
    for tag in new.tags:
        check_tag(tag, "tags")
    check_text(new.description, "description", max_length=MAX_DESCRIPTION)
    if new.client_digest is not None:
        check_text(new.client_digest, "digest", max_length=MAX_CLIENT_DIGEST, allow_empty=False)
    if new.client_id is not None:
        check_text(new.client_id, "client_id", max_length=MAX_CLIENT_ID)
    return replace(
        new,
        metadata=check_metadata(new.metadata),
        ttl_s=check_ttl(new.ttl_s),
        step=None if new.step is None else check_step(new.step),
    )


def _collection(
    context: Context, workspace: str, experiment_id: str, new: NewVersion
) -> Collection:
    return Collection(
        pk=0,
        workspace=workspace,
        experiment_id=experiment_id,
        place=experiment_place(experiment_id),
        name=new.name,
        type=new.type,
        kind=CollectionKind.SEQUENCE,
        description="",
        created_by=context.actor.name,
        created_at_ms=context.now_ms,
        updated_at_ms=context.now_ms,
    )


def _of_type(home: Collection, new: NewVersion) -> Collection:
    if home.kind is not CollectionKind.SEQUENCE:
        raise FailedPrecondition(
            f"{home.name!r} is a portfolio: versions are linked into it, not made in it.",
            field="name",
        )
    if home.type != new.type:
        raise FailedPrecondition(
            f"Collection {home.name!r} holds the type {home.type!r}; {new.type!r} needs another "
            "name.",
            field="type",
        )
    return home


def _draft(
    tx: Transaction, context: Context, version_id: str, *, lock: bool = False
) -> CollectionVersion:
    version = seen_version(tx, context, Action.TRACKING_WRITE, version_id, lock=lock)
    if version.state is not VersionState.PENDING:
        raise FailedPrecondition(
            f"{version.label} is committed: its files are what they are. Begin a new version.",
            field="version_id",
        )
    return version


def _announced(
    path: str,
    digest: str,
    present: Mapping[str, CollectionFile],
    stored: Mapping[str, tuple[str, int]],
) -> CollectionFile:
    here = present.get(path)
    if here is not None and here.sha256 is not None and here.client_digest == digest:
        return here
    known = stored.get(digest)
    if known is None:
        return CollectionFile(path, None, None, None, digest)
    return CollectionFile(path, known[1], known[0], None, digest)


def _settled(
    tx: Transaction,
    version: CollectionVersion,
    uploaded: Sequence[CollectionFile],
    contents: Sequence[CollectionFile],
) -> list[CollectionFile]:
    """The content that a client lists, each file with the bytes that it means."""
    if len(contents) > MAX_FILES:
        raise LimitExceeded(f"A version has at most {MAX_FILES} files.", field="files")
    by_path = {file.path: file for file in uploaded}
    elsewhere = [
        file.client_digest
        for file in contents
        if file.reference is None
        and file.client_digest is not None
        and not _is_here(by_path.get(file.path), file)
    ]
    stored = collection_files.find_stored(tx, version.collection.pk, elsewhere)
    # One upload serves every path of the draft that has the same bytes.
    own = {
        file.client_digest: (file.sha256, file.size_bytes)
        for file in uploaded
        if file.sha256 is not None and file.client_digest is not None
    }
    settled = []
    for file in contents:
        if file.reference is not None:
            settled.append(
                check_reference(file.path, file.reference, file.size_bytes, file.client_digest)
            )
            continue
        check_path(file.path)
        here = by_path.get(file.path)
        if here is not None and _is_here(here, file):
            settled.append(here)
            continue
        known = None
        if file.client_digest is not None:
            known = own.get(file.client_digest) or stored.get(file.client_digest)
        sha256, size_bytes = known or (None, None)
        settled.append(CollectionFile(file.path, size_bytes, sha256, None, file.client_digest))
    return settled


def _is_here(here: CollectionFile | None, wanted: CollectionFile) -> bool:
    return (
        here is not None and here.sha256 is not None and here.client_digest == wanted.client_digest
    )


def _refuse_absent(files: Sequence[CollectionFile]) -> None:
    absent = [file.path for file in files if file.sha256 is None and file.reference is None]
    if absent:
        listed = ", ".join(repr(path[:200]) for path in absent[:_NAMED])
        more = f" and {len(absent) - _NAMED} more" if len(absent) > _NAMED else ""
        raise FailedPrecondition(
            f"The bytes of {listed}{more} never came; upload them and commit again.", field="files"
        )


def _repeat(
    tx: Transaction,
    context: Context,
    known: CollectionVersion,
    new: NewVersion,
    run_pk: int | None,
) -> CollectionVersion:
    """What a client gets that announces content which is there: the version, named as wanted."""
    _name(tx, known.collection.pk, known.pk, new.aliases)
    if new.client_id:
        collection_versions.add_client_id(tx, new.client_id, known.pk)
    if run_pk is not None:
        collection_edges.add_use(
            tx, run_pk, known.pk, Direction.OUTPUT, "", new.step, context.now_ms
        )
    return _reload(tx, known.pk)


def _stand_for(
    tx: Transaction,
    context: Context,
    draft: CollectionVersion,
    known: CollectionVersion,
    run_pk: int | None,
) -> CollectionVersion:
    _name(tx, known.collection.pk, known.pk, draft.wanted_aliases)
    collection_edges.move_uses(tx, draft.pk, known.pk)
    if run_pk is not None:
        collection_edges.add_use(
            tx, run_pk, known.pk, Direction.OUTPUT, "", draft.step, context.now_ms
        )
    forget_content(tx, draft.pk)
    collection_versions.update_version(
        tx, draft.pk, context.now_ms, state=VersionState.DELETED.value, same_as_pk=known.pk
    )
    return _reload(tx, known.pk)


def _name(tx: Transaction, collection_pk: int, version_pk: int, aliases: Sequence[str]) -> None:
    for alias in sorted({LATEST, *aliases}):
        collection_edges.set_alias(tx, collection_pk, alias, version_pk)


def _expire(tx: Transaction, context: Context, home: Collection, *, keep: int) -> None:
    """Bury versions that have outlived their time and that nothing names or links."""
    for version in collection_versions.list_expiring(tx, home.pk, context.now_ms, _EXPIRED_AT_ONCE):
        linked = [str(link.pk) for link in collection_edges.links_of_version(tx, version.pk)]
        held = reasons_to_keep(version.aliases, linked, drop_aliases=False)
        if version.pk != keep and is_expired(version, context.now_ms) and not held:
            bury(tx, context, version)


def _run_pk(tx: Transaction, run_id: str) -> int | None:
    found = runs.find_handle(tx, run_id)
    return None if found is None else found.pk


def _reload(tx: Transaction, pk: int) -> CollectionVersion:
    found = collection_versions.find_version_by_pk(tx, pk)
    assert found is not None
    return found
