"""Statements on aliases and on the history of how they moved. Only the services decide a move."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, bindparam, func, insert, select

from assay.domain.canonical import as_object, parse_strict
from assay.domain.names import is_protected
from assay.domain.registry import Alias, AliasMove, MoveKind
from assay.storage import dialect
from assay.storage.database import Transaction
from assay.storage.tables.registry import alias_moves, aliases, model_versions

_FROM = model_versions.alias("from_version")
_TO = model_versions.alias("to_version")
_MAX_DECISION_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class HeldAlias:
    """An alias's row: which version holds it (None after removal), at which revision."""

    version_pk: int | None
    version: int | None
    revision: int
    updated_at_ms: int


@dataclass(frozen=True, slots=True)
class NewMove:
    """An entry for an alias's history; `decision` is canonical JSON."""

    model_pk: int
    alias: str
    revision: int
    kind: MoveKind
    from_version_pk: int | None
    to_version_pk: int | None
    decision: str | None
    reason: str
    actor: str
    ledger_seq: int
    at_ms: int


_HELD = select(
    aliases.c.version_id,
    aliases.c.revision,
    aliases.c.updated_at_ms,
).where(aliases.c.model_id == bindparam("model_pk"), aliases.c.alias == bindparam("alias"))
_NUMBER = select(model_versions.c.version).where(model_versions.c.id == bindparam("pk"))
_ALIASES = (
    select(
        aliases.c.model_id,
        aliases.c.alias,
        aliases.c.version_id,
        aliases.c.revision,
        aliases.c.updated_at_ms,
        model_versions.c.version,
    )
    .join_from(aliases, model_versions, aliases.c.version_id == model_versions.c.id)
    .order_by(aliases.c.model_id, aliases.c.alias)
)
_MOVES = (
    select(
        alias_moves,
        _FROM.c.version.label("from_version"),
        _TO.c.version.label("to_version"),
    )
    .select_from(alias_moves)
    .outerjoin(_FROM, alias_moves.c.from_version_id == _FROM.c.id)
    .outerjoin(_TO, alias_moves.c.to_version_id == _TO.c.id)
    .where(
        alias_moves.c.model_id == bindparam("model_pk"),
        alias_moves.c.alias == bindparam("alias"),
    )
)
_HISTORY = _MOVES.where(alias_moves.c.revision > bindparam("after")).order_by(
    alias_moves.c.revision
)
_MOVE = _MOVES.where(alias_moves.c.revision == bindparam("revision"))


def lock_alias(tx: Transaction, model_pk: int, alias: str) -> HeldAlias:
    """The alias as it is, locked until the transaction ends; revision 0 where it never existed.

    An alias without a row cannot be locked: whoever moves aliases holds the ledger's lock first.
    """
    statement = dialect.for_update(tx.engine, _HELD)
    row = tx.execute(statement, {"model_pk": model_pk, "alias": alias}).first()
    return _held(tx, row)


def read_alias(tx: Transaction, model_pk: int, alias: str) -> HeldAlias:
    """The alias as this transaction sees it; revision 0 where it never existed."""
    return _held(tx, tx.execute(_HELD, {"model_pk": model_pk, "alias": alias}).first())


def _held(tx: Transaction, row: Row[Any] | None) -> HeldAlias:
    if row is None:
        return HeldAlias(None, None, 0, 0)
    number = None
    if row.version_id is not None:
        number = tx.execute(_NUMBER, {"pk": row.version_id}).scalar_one()
    return HeldAlias(row.version_id, number, row.revision, row.updated_at_ms)


def point_alias(
    tx: Transaction, model_pk: int, alias: str, version_pk: int | None, revision: int, now_ms: int
) -> None:
    """Let the alias name a version (None: no version any more) at `revision`."""
    statement = dialect.insert(tx.engine, aliases).values(
        model_id=model_pk,
        alias=alias,
        version_id=version_pk,
        revision=revision,
        updated_at_ms=now_ms,
    )
    statement = statement.on_conflict_do_update(
        index_elements=["model_id", "alias"],
        set_={
            "version_id": statement.excluded.version_id,
            "revision": statement.excluded.revision,
            "updated_at_ms": statement.excluded.updated_at_ms,
        },
    )
    tx.execute(statement)


def insert_move(tx: Transaction, move: NewMove) -> None:
    """Add an entry to the alias's history."""
    tx.execute(
        insert(alias_moves).values(
            model_id=move.model_pk,
            alias=move.alias,
            revision=move.revision,
            kind=move.kind.value,
            from_version_id=move.from_version_pk,
            to_version_id=move.to_version_pk,
            decision=move.decision,
            reason=move.reason,
            actor=move.actor,
            ledger_seq=move.ledger_seq,
            at_ms=move.at_ms,
        )
    )


def aliases_of_models(
    tx: Transaction, model_pks: Sequence[int], protected: frozenset[str]
) -> dict[int, list[Alias]]:
    """The held aliases of several models, by the model's key and then by name."""
    found: dict[int, list[Alias]] = {pk: [] for pk in model_pks}
    if model_pks:
        for row in tx.execute(_ALIASES.where(aliases.c.model_id.in_(model_pks))):
            found[row.model_id].append(
                Alias(
                    alias=row.alias,
                    version=row.version,
                    revision=row.revision,
                    updated_at_ms=row.updated_at_ms,
                    protected=is_protected(row.alias, protected),
                )
            )
    return found


def aliases_of_versions(tx: Transaction, version_pks: Sequence[int]) -> dict[int, list[str]]:
    """The names of the aliases that hold each version."""
    found: dict[int, list[str]] = {pk: [] for pk in version_pks}
    if version_pks:
        for row in tx.execute(_ALIASES.where(aliases.c.version_id.in_(version_pks))):
            found[row.version_id].append(row.alias)
    return found


def list_moves(
    tx: Transaction, model_pk: int, alias: str, *, after_revision: int = 0, limit: int | None = None
) -> list[AliasMove]:
    """The alias's history, oldest first; all of it without a limit."""
    parameters = {"model_pk": model_pk, "alias": alias, "after": after_revision}
    rows = tx.execute(_HISTORY.limit(limit), parameters)
    return [_move(row) for row in rows]


def find_move(tx: Transaction, model_pk: int, alias: str, revision: int) -> AliasMove | None:
    """One entry of the history."""
    parameters = {"model_pk": model_pk, "alias": alias, "revision": revision}
    row = tx.execute(_MOVE, parameters).first()
    return None if row is None else _move(row)


def holder_trail(
    tx: Transaction, model_pk: int, alias: str
) -> Iterator[tuple[MoveKind, int | None]]:
    """(kind, target's number) of every move, oldest first: what a rollback looks back on."""
    for row in tx.execute(_HISTORY, {"model_pk": model_pk, "alias": alias, "after": 0}):
        yield MoveKind(row.kind), row.to_version


def last_contest_ms(tx: Transaction, model_pk: int, alias: str) -> int | None:
    """When an alias was last promoted to, or taken by breaking the glass."""
    kinds = (MoveKind.PROMOTION.value, MoveKind.BREAK_GLASS.value)
    statement = select(func.max(alias_moves.c.at_ms)).where(
        alias_moves.c.model_id == model_pk,
        alias_moves.c.alias == alias,
        alias_moves.c.kind.in_(kinds),
    )
    found: int | None = tx.execute(statement).scalar()
    return found


def list_aliases_ever(tx: Transaction, model_pk: int) -> list[str]:
    """The names of all aliases that a model ever had."""
    statement = select(aliases.c.alias).where(aliases.c.model_id == model_pk)
    return list(tx.execute(statement.order_by(aliases.c.alias)).scalars())


def _move(row: Row[Any]) -> AliasMove:
    decision = None
    if row.decision is not None:
        text = parse_strict(row.decision, root="decision", max_bytes=_MAX_DECISION_BYTES)
        decision = as_object(text, "decision")
    return AliasMove(
        alias=row.alias,
        revision=row.revision,
        kind=MoveKind(row.kind),
        from_version=row.from_version,
        to_version=row.to_version,
        decision=decision,
        reason=row.reason,
        actor=row.actor,
        ledger_seq=row.ledger_seq,
        at_ms=row.at_ms,
    )
