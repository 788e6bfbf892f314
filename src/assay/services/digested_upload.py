"""Uploads whose MD5 counts: clients that know files by it alone."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

from assay.blobs.store import Upload
from assay.domain.errors import InvalidArgument
from assay.domain.tracking import FileEntry
from assay.services.artifacts import ArtifactUpload


class DigestedUpload(ArtifactUpload):
    """An upload that computes the MD5 of its bytes, and refuses others than those expected."""

    def __init__(
        self,
        upload: Upload,
        place: Callable[[str, int, str], FileEntry],
        expected_md5: str | None = None,
    ) -> None:
        super().__init__(upload, lambda sha256, size: place(sha256, size, self._digest()))
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._expected_md5 = expected_md5

    def write(self, piece: bytes | bytearray | memoryview) -> None:
        """Append bytes. Raises Unavailable when they cannot be kept."""
        self._md5.update(piece)
        super().write(piece)

    def finish(self, expected_sha256: str | None = None) -> FileEntry:
        """Make the bytes durable. Raises InvalidArgument when they are not those expected."""
        found = self._digest()
        if self._expected_md5 is not None and found != self._expected_md5:
            self.abort()
            raise InvalidArgument(
                f"The bytes have the MD5 {found}, not {self._expected_md5[:100]}; nothing was kept.",
                field="md5",
            )
        return super().finish(expected_sha256)

    def _digest(self) -> str:
        return base64.b64encode(self._md5.digest()).decode("ascii")
