"""What is told apart because it was moved in from another registry, and not registered here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from assay.domain.registry import ModelVersion

RECORD: Final = "record"
"""Beside the origins of the five lineage fields: where the version's whole record came from.

No client can state it: the origins of a registration name the five fields alone.
"""


def imported_origins(origins: Mapping[str, str], source: str) -> dict[str, str]:
    """The origins of a version's lineage, with `source` (`mlflow`) as that of its record."""
    return {**origins, RECORD: source}


def is_imported(version: ModelVersion) -> bool:
    """Whether the version was moved in by an import."""
    return RECORD in version.lineage_origins
