"""A view of an experiment's runs that somebody named, to come back to and to share."""

from __future__ import annotations

from typing import Final, NamedTuple

MAX_VIEWS: Final = 200
"""For one experiment."""
MAX_VIEW_NAME: Final = 120
MAX_VIEW_STATE: Final = 64 * 1024
"""Characters of a view's state: room for a thousand marked runs."""


class SavedView(NamedTuple):
    """`state` is a JSON object as the page wrote it; nothing but pages reads in it."""

    name: str
    state: str
    created_by: str
    created_at_ms: int
    updated_at_ms: int
