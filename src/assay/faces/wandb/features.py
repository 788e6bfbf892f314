"""What the server says it can, by the client's names: each is listed once a test proves it."""

from __future__ import annotations

from typing import Final

FEATURES: Final[tuple[str, ...]] = (
    "ARTIFACT_COLLECTIONS_FILTERING_SORTING",
    "ARTIFACT_REGISTRY_SEARCH",
    "FILESTREAM_GZIP",
    "INCLUDE_ARTIFACT_TYPES_IN_REGISTRY_CREATION",
    "MARK_RUN_FILES_UPLOADED",
    "STRUCTURED_CONSOLE_LOGS",
    "TOTAL_COUNT_IN_FILE_CONNECTION",
)
