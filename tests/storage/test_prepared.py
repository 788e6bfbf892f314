"""Statements that are compiled once and run on the driver, on both engines."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, insert, select, update

from assay.storage import dialect
from assay.storage.database import Database
from assay.storage.dialect import Engine
from assay.storage.prepared import Prepared
from assay.storage.tables.access import facts

_INSERT = Prepared(insert(facts).values(name=bindparam("name"), value="fixed"))
_BY_NAME = Prepared(select(facts.c.value).where(facts.c.name == bindparam("name")))
_ALL = Prepared(select(facts.c.name, facts.c.value).order_by(facts.c.name))
_SET = Prepared(
    update(facts).where(facts.c.name == bindparam("wanted")).values(value=bindparam("new_value"))
)
_DELETE = Prepared(delete(facts).where(facts.c.value == bindparam("wanted")))


def _upsert(engine: Engine) -> object:
    statement = dialect.insert(engine, facts).values(name=bindparam("name"), value=bindparam("to"))
    changed = {"value": statement.excluded.value}
    return statement.on_conflict_do_update(index_elements=["name"], set_=changed)


_UPSERT = Prepared(_upsert)  # type: ignore[arg-type]


def test_named_values_reach_their_places(database: Database) -> None:
    """Values are bound by name, whatever the order of the statement; constants stay as written."""
    with database.write() as tx:
        assert _INSERT.run(tx, name="a") == 1
        assert _INSERT.run_many(tx, ("name",), [("b",), ("c",)]) == 2
        assert _SET.run(tx, new_value="it's %s, ? and :x", wanted="b") == 1
        assert _SET.run(tx, new_value="x", wanted="nobody") == 0
    with database.read() as tx:
        assert _ALL.rows(tx) == [("a", "fixed"), ("b", "it's %s, ? and :x"), ("c", "fixed")]
        assert _BY_NAME.first(tx, name="b") == ("it's %s, ? and :x",)
        assert _BY_NAME.first(tx, name="nobody") is None


def test_a_statement_may_depend_on_the_engine(database: Database) -> None:
    """It is built for the engine of the transaction, once."""
    with database.write() as tx:
        _UPSERT.run(tx, name="a", to="1")
        _UPSERT.run_many(tx, ("to", "name"), [("2", "a"), ("2", "b")])
        assert _ALL.rows(tx) == [("a", "2"), ("b", "2")]
        assert _DELETE.run(tx, wanted="2") == 2
