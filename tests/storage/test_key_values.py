"""Params and tags on both engines."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from assay.domain.errors import InvalidArgument
from assay.storage import params, tags
from tests.support.tracking import Tracking


@pytest.fixture
def run_pk(tracking: Tracking) -> int:
    return tracking.a_run().run.pk


def _params(tracking: Tracking, run_pk: int) -> dict[str, str]:
    with tracking.database.read() as tx:
        return params.params_of_run(tx, run_pk)


def test_the_same_param_again_changes_nothing(tracking: Tracking, run_pk: int) -> None:
    """A retried batch is no change."""
    for _ in range(2):
        with tracking.database.write() as tx:
            params.add_params(tx, run_pk, {"lr": "0.1", "empty": ""})
    assert _params(tracking, run_pk) == {"lr": "0.1", "empty": ""}


def test_another_value_refuses_the_whole_batch(tracking: Tracking, run_pk: int) -> None:
    """A param is written once; the error names it and both values, and nothing of the batch stays."""
    with tracking.database.write() as tx:
        params.add_params(tx, run_pk, {"lr": "0.1"})
    with (
        pytest.raises(InvalidArgument, match=r"'lr' was logged as '0.1'") as caught,
        tracking.database.write() as tx,
    ):
        params.add_params(tx, run_pk, {"a": "1", "lr": "0.2", "z": "1"})
    assert caught.value.field == "params.lr"
    assert _params(tracking, run_pk) == {"lr": "0.1"}


def test_a_large_batch_is_checked_as_well(tracking: Tracking, run_pk: int) -> None:
    """The rule does not depend on how many params come at once."""
    many = {f"p{number}": str(number) for number in range(500)}
    with tracking.database.write() as tx:
        params.add_params(tx, run_pk, many)
    with pytest.raises(InvalidArgument, match="p7"), tracking.database.write() as tx:
        params.add_params(tx, run_pk, {**many, "p7": "other"})
    assert _params(tracking, run_pk) == many


def test_of_two_writers_one_wins_and_the_other_is_told(tracking: Tracking, run_pk: int) -> None:
    """Two values for one param at the same time: exactly one is kept, whole batches apart."""

    def write(number: int) -> bool:
        try:
            with tracking.database.write() as tx:
                params.add_params(tx, run_pk, {"lr": str(number), f"of{number}": "x"})
        except InvalidArgument:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(write, range(8)))
    kept = _params(tracking, run_pk)
    assert won.count(True) == 1
    assert kept == {"lr": str(won.index(True)), f"of{won.index(True)}": "x"}


def test_tags_are_replaced_and_removed(tracking: Tracking, run_pk: int) -> None:
    """A tag has the value that was set last, until it is removed."""
    with tracking.database.write() as tx:
        tags.set_tags(tx, run_pk, {"a": "1", "b": "2"})
        tags.set_tags(tx, run_pk, {"b": "3", "ü %s": "'"})
        assert tags.delete_tag(tx, run_pk, "a")
        assert not tags.delete_tag(tx, run_pk, "a")
        assert tags.tags_of_run(tx, run_pk) == {"b": "3", "ü %s": "'"}


def test_tags_set_at_the_same_time_do_not_lock_each_other(tracking: Tracking, run_pk: int) -> None:
    """Batches that name the same tags in any order all succeed."""
    names = [f"t{number}" for number in range(20)]

    def write(number: int) -> None:
        ordered = names if number % 2 else list(reversed(names))
        with tracking.database.write() as tx:
            tags.set_tags(tx, run_pk, dict.fromkeys(ordered, str(number)))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(write, range(30)))
    with tracking.database.read() as tx:
        assert len(set(tags.tags_of_run(tx, run_pk).values())) == 1
