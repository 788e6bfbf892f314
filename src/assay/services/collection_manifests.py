"""Manifests that clients send for a version: lists of files, kept byte for byte as they came."""

from __future__ import annotations

from typing import Final

from assay.domain.access import Action
from assay.domain.collection import MAX_CLIENT_DIGEST, CollectionVersion
from assay.domain.errors import DataCorrupted, FailedPrecondition, InvalidArgument, NotFound
from assay.domain.ids import ID_BYTES
from assay.domain.names import check_text
from assay.domain.tracking import FileEntry
from assay.services.artifacts import OpenFile, reader
from assay.services.collection_access import seen_version
from assay.services.context import Context
from assay.services.digested_upload import DigestedUpload
from assay.services.platform import Platform
from assay.storage import collection_files, collection_versions
from assay.storage.collection_files import Manifest
from assay.storage.database import Transaction

KINDS: Final = frozenset({"full", "patch", "incremental"})
MAX_MANIFESTS: Final = 1_000
MAX_MANIFEST_BYTES: Final = 256 << 20


class CollectionManifests:
    """Announces manifests, takes their bytes and reads them back."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def announce(
        self,
        context: Context,
        version_id: str,
        kind: str,
        digest: str,
        *,
        base_version_id: str | None = None,
    ) -> Manifest:
        """A place for a manifest: the one of that kind without bytes, or a new one.

        `patch` manifests of several writers add up; an `incremental` one adds to its base version.
        """
        if kind not in KINDS:
            raise InvalidArgument("kind must be full, patch or incremental.", field="kind")
        check_text(digest, "digest", max_length=MAX_CLIENT_DIGEST)
        with self._platform.database.write() as tx:
            version = seen_version(tx, context, Action.TRACKING_WRITE, version_id, lock=True)
            base_pk = None
            if base_version_id is not None:
                base = seen_version(tx, context, Action.TRACKING_READ, base_version_id)
                if base.collection.pk != version.collection.pk:
                    raise FailedPrecondition(
                        "The base must be a version of the same collection.", field="base"
                    )
                base_pk = base.pk
            known = collection_files.list_manifests(tx, version.pk)
            waiting = next((m for m in known if m.kind == kind and m.sha256 is None), None)
            if waiting is not None and kind != "patch":
                collection_files.update_manifest(tx, waiting.pk, digest=digest)
                return _get(tx, waiting.manifest_id)
            if len(known) >= MAX_MANIFESTS:
                raise FailedPrecondition(f"A version has at most {MAX_MANIFESTS} manifests.")
            manifest_id = self._platform.token_hex(ID_BYTES)
            collection_files.insert_manifest(
                tx, manifest_id, version.pk, kind, digest, base_pk, context.now_ms
            )
            return _get(tx, manifest_id)

    def update(self, context: Context, manifest_id: str, digest: str) -> Manifest:
        """Announce other bytes for a manifest."""
        check_text(digest, "digest", max_length=MAX_CLIENT_DIGEST)
        with self._platform.database.write() as tx:
            manifest, _ = self._seen(tx, context, manifest_id, Action.TRACKING_WRITE)
            collection_files.update_manifest(tx, manifest.pk, digest=digest)
            return _get(tx, manifest_id)

    def get(self, context: Context, manifest_id: str) -> tuple[Manifest, CollectionVersion]:
        """The manifest and the version that it is of. Raises NotFound."""
        with self._platform.database.read() as tx:
            return self._seen(tx, context, manifest_id, Action.TRACKING_READ)

    def begin_upload(
        self, context: Context, manifest_id: str, *, expected_md5: str | None = None
    ) -> DigestedUpload:
        """Start to bring the bytes of a manifest; with `expected_md5` (base64) others are refused."""
        with self._platform.database.read() as tx:
            self._seen(tx, context, manifest_id, Action.TRACKING_WRITE)

        def put(sha256: str, size_bytes: int, _md5: str) -> FileEntry:
            with self._platform.database.write() as tx:
                manifest, _version = self._seen(tx, context, manifest_id, Action.TRACKING_WRITE)
                collection_files.keep_manifest(tx, manifest.pk, sha256, size_bytes, context.now_ms)
            return FileEntry("manifest.json", is_folder=False, size_bytes=size_bytes, sha256=sha256)

        return DigestedUpload(self._platform.blobs.begin(), put, expected_md5)

    def list(self, context: Context, version_id: str) -> list[Manifest]:
        """The manifests of a version or draft, oldest first."""
        with self._platform.database.read() as tx:
            version = seen_version(tx, context, Action.TRACKING_READ, version_id)
            return collection_files.list_manifests(tx, version.pk)

    def base_of(self, context: Context, manifest: Manifest) -> CollectionVersion | None:
        """The version that an incremental manifest adds to."""
        if manifest.base_pk is None:
            return None
        with self._platform.database.read() as tx:
            found = collection_versions.find_version_by_pk(tx, manifest.base_pk)
        if found is not None:
            context.require(Action.TRACKING_READ, found.collection.workspace)
        return found

    def read(self, manifest: Manifest) -> bytes:
        """The bytes of a manifest that the caller was given. Raises FailedPrecondition without any."""
        opened = self.open(manifest)
        if (opened.entry.size_bytes or 0) > MAX_MANIFEST_BYTES:
            raise FailedPrecondition("The manifest is larger than 256 MiB.", field="manifest")
        with opened.read(0, None) as pieces:
            return b"".join(pieces)

    def open(self, manifest: Manifest) -> OpenFile:
        """The same, as a file that can be streamed."""
        if manifest.sha256 is None:
            raise FailedPrecondition("The manifest's bytes never came.", field="manifest")
        entry = FileEntry(
            "manifest.json",
            is_folder=False,
            size_bytes=manifest.size_bytes,
            sha256=manifest.sha256,
        )
        return OpenFile(entry, reader(self._platform.blobs, entry))

    def _seen(
        self, tx: Transaction, context: Context, manifest_id: str, action: Action
    ) -> tuple[Manifest, CollectionVersion]:
        manifest = collection_files.find_manifest(tx, manifest_id)
        version = (
            None
            if manifest is None
            else collection_versions.find_version_by_pk(tx, manifest.version_pk)
        )
        if manifest is None or version is None:
            raise _unknown(manifest_id)
        context.require_object(action, version.collection.workspace, "The manifest")
        return manifest, version


def _get(tx: Transaction, manifest_id: str) -> Manifest:
    found = collection_files.find_manifest(tx, manifest_id)
    if found is None:
        raise DataCorrupted("The manifest is gone.")
    return found


def _unknown(manifest_id: str) -> NotFound:
    return NotFound(f"Manifest {manifest_id[:100]!r} does not exist.", field="manifest_id")
