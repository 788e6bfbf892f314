"""The frozen files of a version, for commands that fetch, compare or sign them."""

from __future__ import annotations

from assay.cli.download import entries_of
from assay.cli.lookup import version_path
from assay.domain.artifact import ManifestEntry, artifact_digest
from assay.domain.errors import DataCorrupted, FailedPrecondition
from assay.sdk.client import Client


def manifest_of(client: Client, name: str, version: int) -> tuple[str, tuple[ManifestEntry, ...]]:
    """The frozen files, if they have the digest that the registry keeps for them."""
    found = client.get(version_path(name, version) + "/manifest")
    promised, entries = found["artifact_digest"], entries_of(found["files"])
    if promised is None or not entries:
        raise FailedPrecondition(f"Version {version} of {name!r} was recorded without files.")
    if artifact_digest(entries) != promised:
        raise DataCorrupted(
            f"The manifest of version {version} of {name!r} does not have the digest {promised}; "
            "nothing was fetched. Run `assay audit verify`."
        )
    return promised, entries
