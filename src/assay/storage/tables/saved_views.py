"""Views of runs tables that people named, to come back to and to share."""

from __future__ import annotations

from sqlalchemy import ForeignKey, UniqueConstraint

from assay.storage.tables.columns import number, serial, table, text

saved_views = table(
    "saved_views",
    serial(),
    number("experiment_id", ForeignKey("experiments.id")),
    text("name"),
    # What the page keeps in its address, a JSON object. The server reads nothing out of it.
    text("state"),
    text("created_by"),
    number("created_at_ms"),
    number("updated_at_ms"),
    UniqueConstraint("experiment_id", "name"),
)
