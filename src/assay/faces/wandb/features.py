"""What the server says it can, by the client's names: each is listed once a test proves it."""

from __future__ import annotations

from typing import Final

FEATURES: Final[tuple[str, ...]] = ("ARTIFACT_REGISTRY_SEARCH",)
