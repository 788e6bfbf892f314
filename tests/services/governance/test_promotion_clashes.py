"""P17: transactions that get into each other's way on PostgreSQL are repeated, and there is an end to it."""

import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from assay.domain.errors import GateBlocked, Unavailable
from assay.domain.registry import AliasMove
from assay.services.clashes import FIRST_PAUSE_S, MAX_PAUSE_S, MAX_REPEATS, pause_s
from assay.storage.database import Database, PostgresqlDatabase, open_database
from tests.services.governance.test_promotion_under_fire import check_history, pair
from tests.services.governance.test_races import examined, together
from tests.support.office import MODEL, Office


def test_p17_pauses_are_random_and_bounded() -> None:
    """P17: the bound doubles up to its limit, and all of the span down to nothing is used."""
    assert pause_s(0, "00000000") == 0
    assert FIRST_PAUSE_S * 0.99 < pause_s(0, "ffffffff") < FIRST_PAUSE_S
    assert pause_s(1, "80000000") == FIRST_PAUSE_S
    assert pause_s(60, "ffffffff") < MAX_PAUSE_S


def test_p17_a_storm_of_serialization_failures_ends(
    tmp_path: Path, postgresql_office: Office
) -> None:
    """P17: where every transaction is SERIALIZABLE some are refused whole; the server repeats them itself."""
    versions = examined(postgresql_office, list(range(1, 9)), items=16)
    plain = postgresql_office.platform.database
    assert isinstance(plain, PostgresqlDatabase)
    url = plain._engine.url.update_query_dict(
        {"options": "-c default_transaction_isolation=serializable"}
    )
    with closing(open_database(url.render_as_string(hide_password=False))) as database:
        office = Office(tmp_path, database)
        with database.write() as tx:
            assert tx.driver("SHOW transaction_isolation").scalar_one() == "serializable"

        answers = together(
            [
                lambda v=version: office.services.promotion.promote(office.ask(), MODEL, v)
                for version in versions
            ]
        )

        assert all(isinstance(answer, AliasMove | GateBlocked) for answer in answers), answers
        assert office.pauses, "nobody was in anybody's way"
        assert all(0 <= pause < MAX_PAUSE_S for pause in office.pauses)
        assert office.holder() == versions[-1]
        check_history(office)


def test_p17_a_deadlock_is_repeated_and_ends(postgresql_office: Office) -> None:
    """P17: of two transactions that wait for each other one is ended by PostgreSQL; the promotion goes on."""
    office = postgresql_office
    better, _ = pair(office, 9, 8)
    database = office.platform.database
    has_alias, may_go_on = threading.Event(), threading.Event()
    refused: list[Unavailable] = []

    def in_the_wrong_order() -> None:
        try:
            with database.write() as tx:
                tx.driver("SELECT 1 FROM aliases FOR UPDATE")
                has_alias.set()
                assert may_go_on.wait(30)
                # The promotion has the ledger now and waits for the alias.
                tx.driver("SET LOCAL deadlock_timeout = '60s'")
                tx.driver("SELECT 1 FROM ledger_head FOR UPDATE")
        except Unavailable as refusal:
            refused.append(refusal)

    other = threading.Thread(target=in_the_wrong_order)
    other.start()
    assert has_alias.wait(30)
    watcher = threading.Thread(target=_set_when_somebody_waits, args=(database, may_go_on))
    watcher.start()
    move = office.services.promotion.promote(office.ask(), MODEL, better.version)
    other.join()
    watcher.join()

    assert (move.revision, office.holder()) == (2, better.version)
    assert len(office.pauses) == 1
    assert refused == []
    check_history(office)


def _set_when_somebody_waits(database: Database, found: threading.Event) -> None:
    limit_s = time.monotonic() + 30
    try:
        while time.monotonic() < limit_s:
            with database.read() as tx:
                waiting = tx.driver("SELECT count(*) FROM pg_locks WHERE NOT granted").scalar_one()
            if waiting:
                return
    finally:
        found.set()


def test_p17_there_is_an_end_to_repeating(postgresql_office: Office) -> None:
    """P17: what clashes again and again is given up after a bounded number, and nothing was changed."""
    office = postgresql_office
    better, _ = pair(office, 9, 8)
    with office.platform.database.write() as tx:
        tx.driver_plain(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
            " $$BEGIN RAISE EXCEPTION 'no order' USING ERRCODE = '40001'; END$$"
        )
        tx.driver_plain(
            "CREATE TRIGGER refuse BEFORE INSERT ON alias_moves EXECUTE FUNCTION refuse()"
        )

    with pytest.raises(Unavailable, match="Try again"):
        office.promote(better)

    assert len(office.pauses) == MAX_REPEATS
    assert len(set(office.pauses)) > 1
    assert office.holder() == 1


def test_p17_only_a_clash_is_repeated(postgresql_office: Office) -> None:
    """P17: a database that refuses for another reason is not asked again."""
    office = postgresql_office
    better, _ = pair(office, 9, 8)
    with office.platform.database.write() as tx:
        tx.driver_plain("ALTER TABLE alias_moves ADD CONSTRAINT never CHECK (revision < 2)")
    with pytest.raises(Unavailable):
        office.promote(better)
    assert office.pauses == []
