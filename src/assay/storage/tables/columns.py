"""Column types that mean the same on both engines, and the one MetaData of the catalogue."""

from __future__ import annotations

from sqlalchemy import (
    REAL,
    BigInteger,
    Column,
    Double,
    Identity,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import TypeEngine

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

BigInt = BigInteger().with_variant(Integer(), "sqlite")
Real: TypeEngine[float] = Double().with_variant(REAL(), "sqlite")
Bytes = LargeBinary()
# Byte order on both engines, so that pages and orders agree whatever the database's locale is.
Plain = Text().with_variant(Text(collation="C"), "postgresql")


def serial() -> Column[int]:
    """A 64-bit key that the database hands out, ascending."""
    return Column("id", BigInt, Identity(always=False), primary_key=True)


def number(name: str, *args: SchemaItem, null: bool = False) -> Column[int]:
    """A 64-bit integer column."""
    return Column(name, BigInt, *args, nullable=null)


def text(name: str, *args: SchemaItem, null: bool = False) -> Column[str]:
    """A text column, kept byte for byte (never JSON or JSONB, which rewrite numbers)."""
    return Column(name, Plain, *args, nullable=null)


def real(name: str, *, null: bool = False) -> Column[float]:
    """A double. NaN is stored as NULL on both engines, since SQLite knows no NaN."""
    return Column(name, Real, nullable=null)


def blob(name: str, *, null: bool = False) -> Column[bytes]:
    """Raw bytes."""
    return Column(name, Bytes, nullable=null)


def table(name: str, *items: SchemaItem, rowid: bool = True, reuses_ids: bool = True) -> Table:
    """A table: STRICT on SQLite, and without a rowid where the primary key is how it is read.

    With `reuses_ids=False` the id of a deleted row never goes to another one (PostgreSQL's never do).
    """
    return Table(
        name,
        metadata,
        *items,
        sqlite_strict=True,
        sqlite_with_rowid=rowid,
        sqlite_autoincrement=not reuses_ids,
    )
