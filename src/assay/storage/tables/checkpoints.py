"""Checkpoints of the ledger, the keys that signed them, and kept nodes of its Merkle tree."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, PrimaryKeyConstraint

from assay.storage.tables.columns import BigInt, Plain, number, table, text

ledger_keys = table(
    "ledger_keys",
    Column("key_id", Plain, primary_key=True, nullable=False),
    # The public key as it is handed on: name+id+base64.
    text("verifier"),
    number("created_at_ms"),
)

checkpoints = table(
    "checkpoints",
    # The number of events that it covers.
    Column("size", BigInt, primary_key=True, autoincrement=False, nullable=False),
    text("root"),
    number("at_ms"),
    text("key_id", ForeignKey("ledger_keys.key_id")),
    # The signed note, byte for byte.
    text("note"),
)

anchored = table(
    "anchored",
    # Which checkpoint was kept where, so that a place that lost some is found out.
    text("place"),
    number("size", ForeignKey("checkpoints.size")),
    number("at_ms"),
    PrimaryKeyConstraint("place", "size"),
    rowid=False,
)

ledger_nodes = table(
    "ledger_nodes",
    # Complete subtrees of 2^level events: every eighth level is kept.
    Column("level", BigInt, primary_key=True, autoincrement=False, nullable=False),
    Column("position", BigInt, primary_key=True, autoincrement=False, nullable=False),
    text("hash"),
    rowid=False,
)
