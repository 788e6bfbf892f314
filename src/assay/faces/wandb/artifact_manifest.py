"""Manifests of artifacts: what the client sends, read, added up, and written where there is none."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from assay.domain.collection import CollectionFile
from assay.domain.errors import InvalidArgument

HEADER: Final = "wandb-artifact-manifest-v1\n"
POLICY: Final = "wandb-storage-policy-v1"
MAX_ENTRIES: Final = 100_000


def read_manifest(raw: bytes) -> dict[str, dict[str, Any]]:
    """The entries of a manifest by path. Raises InvalidArgument for what is none."""
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        raise InvalidArgument("The manifest is not JSON.", field="manifest") from None
    contents = document.get("contents") if isinstance(document, dict) else None
    if not isinstance(contents, dict) or not all(isinstance(e, dict) for e in contents.values()):
        raise InvalidArgument("The manifest has no `contents`.", field="manifest")
    policy = document.get("storagePolicyConfig")
    refuse_region(policy.get("storageRegion") if isinstance(policy, dict) else None)
    if len(contents) > MAX_ENTRIES:
        raise InvalidArgument(f"A manifest has at most {MAX_ENTRIES} entries.", field="manifest")
    return contents


def refuse_region(region: Any) -> None:
    """Bytes are kept where the server keeps them; whoever wants them elsewhere has to know."""
    if region not in (None, "", "default"):
        raise InvalidArgument(
            f"This server has no storage region {str(region)[:100]!r}.", field="storageRegion"
        )


def write_manifest(contents: Mapping[str, Mapping[str, Any]]) -> bytes:
    """A manifest of these entries, as the client reads it."""
    document = {
        "version": 1,
        "storagePolicy": POLICY,
        "storagePolicyConfig": {"storageLayout": "V2"},
        "contents": contents,
    }
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def files_of(contents: Mapping[str, Mapping[str, Any]]) -> list[CollectionFile]:
    """The content that a manifest lists: files by digest, references by address."""
    found = []
    for path, entry in contents.items():
        digest, size, reference = entry.get("digest"), entry.get("size"), entry.get("ref")
        if not isinstance(digest, str):
            raise InvalidArgument(f"{path[:200]!r} has no digest.", field="manifest")
        is_size = isinstance(size, int) and not isinstance(size, bool)
        size_bytes = size if is_size else None
        found.append(
            CollectionFile(path, size_bytes, None, str(reference) if reference else None, digest)
        )
    return found


def entries_of(artifact_id: str, files: Iterable[CollectionFile]) -> dict[str, dict[str, Any]]:
    """The entries of a manifest for files that no manifest came with."""
    contents: dict[str, dict[str, Any]] = {}
    for file in files:
        entry: dict[str, Any] = {
            "digest": file.client_digest or file.reference or "",
            "size": file.size_bytes or 0,
            "birthArtifactID": artifact_id,
        }
        if file.reference is not None:
            entry["ref"] = file.reference
        contents[file.path] = entry
    return contents


def manifest_digest(contents: Mapping[str, Mapping[str, Any]]) -> str:
    """What the client computes over its entries: MD5, in hexadecimal digits."""
    digest = hashlib.md5(HEADER.encode(), usedforsecurity=False)
    for path in sorted(contents):
        digest.update(f"{path}:{contents[path].get('digest')}\n".encode())
    return digest.hexdigest()


def md5_of(data: bytes) -> str:
    """MD5 in base64, as the client names files by."""
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode("ascii")
