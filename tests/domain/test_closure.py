from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.domain.closure import (
    LOST,
    Finding,
    Standing,
    Status,
    best_of,
    describe,
    exit_code,
    is_below,
    overall,
    settle,
)

OK, MISSING, UNKNOWN = Finding(Status.OK), Finding(Status.MISSING), Finding(Status.UNKNOWN)


@pytest.mark.parametrize(
    ("given_", "expected", "code"),
    [
        ([Status.OK], Status.OK, 0),
        ([Status.OK, Status.UNKNOWN], Status.UNKNOWN, 2),
        ([Status.UNKNOWN, Status.MISSING], Status.MISSING, 1),
        ([Status.MISSING, Status.CORRUPT], Status.CORRUPT, 1),
        ([Status.OK, Status.UNREACHABLE], Status.UNREACHABLE, 1),
        ([Status.OK, Status.UNSUPPORTED], Status.UNSUPPORTED, 2),
    ],
)
def test_the_worst_answer_counts(given_: list[Status], expected: Status, code: int) -> None:
    """And what is not known is neither success nor loss."""
    assert (overall(given_), exit_code(given_)) == (expected, code)


def test_without_any_answer_nothing_is_known() -> None:
    """An empty audit is no success of anything; its exit code says that nothing was wrong."""
    assert overall([]) is Status.UNKNOWN
    assert exit_code([]) == 0


def test_one_source_that_has_it_is_enough() -> None:
    """It is missing only when every source answered that it is."""
    assert best_of([MISSING, OK]).status is Status.OK
    assert best_of([MISSING, UNKNOWN]).status is Status.UNKNOWN
    assert best_of([MISSING, MISSING]).status is Status.MISSING
    assert best_of([]).status is Status.UNKNOWN


@given(st.lists(st.sampled_from(list(Status)), max_size=40))
def test_alerts_are_one_for_each_loss(history: list[Status]) -> None:
    """Told exactly when something was ok at last and is lost now, whatever comes between."""
    standing: Standing | None = None
    alerts, expected, armed = 0, 0, False
    for status in history:
        _, standing, is_news = settle(standing, Finding(status))
        alerts += is_news
        if status is Status.OK:
            armed = True
        elif status in LOST and armed:
            expected, armed = expected + 1, False

    assert alerts == expected


def test_what_was_never_here_is_not_lost() -> None:
    """A digest that nobody logged is unknown; one that was here and is not, is missing."""
    absent = Finding(Status.UNKNOWN, is_absent=True)

    assert settle(None, absent)[0].status is Status.UNKNOWN
    assert settle(Standing(Status.OK, was_ok=True, is_alerted=False), absent)[0].status is (
        Status.MISSING
    )


@pytest.mark.parametrize(
    ("path", "inside"),
    [
        ("/srv/data", True),
        ("/srv/data/x/y", True),
        ("/srv/data/", True),
        ("/srv/database", False),
        ("/srv/data/../secret", False),
        ("/srv", False),
        ("srv/data", False),
        ("/srv/data//x", False),
        ("/srv/data\x00", False),
    ],
)
def test_a_place_is_below_a_root_or_refused(path: str, inside: bool) -> None:
    """By whole names, absolute, without a way up."""
    assert is_below(path, ("/srv/data",)) is inside


def test_counts_are_said_worst_first() -> None:
    """As the command prints them."""
    assert describe({Status.OK: 3, Status.MISSING: 1, Status.CORRUPT: 0}) == "1 missing, 3 ok"
