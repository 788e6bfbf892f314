"""Which runs are due for compaction, found without looking at all the others."""

from __future__ import annotations

import threading

from assay.services.backlogs import (
    IDLE_ROWS,
    MAX_TAIL_POINTS,
    MAX_TAIL_ROWS,
    QUIET_WORK,
    URGENT_FACTOR,
    Backlogs,
)

LONG_S = 3_600.0


def test_a_full_tail_is_due_while_ingest_is_quiet() -> None:
    """Over the limit, not at it."""
    backlogs = Backlogs(LONG_S)
    for _ in range(MAX_TAIL_ROWS + 1):
        backlogs.note(1, 1)
    for _ in range(MAX_TAIL_ROWS):
        backlogs.note(2, 1)
    backlogs.due()

    assert backlogs.due() == [(1, False)]


def test_a_full_tail_waits_while_ingest_is_busy() -> None:
    """Until it is many times over its limit."""
    backlogs = Backlogs(LONG_S)
    backlogs.note(1, max(MAX_TAIL_POINTS, QUIET_WORK) + 1)

    assert backlogs.due() == []

    backlogs.note(1, MAX_TAIL_POINTS * URGENT_FACTOR)
    assert backlogs.due() == [(1, False)]


def test_the_fullest_comes_first_and_once() -> None:
    """A run that is both full and idle is named once, as idle."""
    backlogs = Backlogs(0.0)
    for run_pk, points in ((1, 100_000), (2, 300_000), (3, 200_000)):
        backlogs.note(run_pk, points)
    backlogs.due()

    assert backlogs.due() == [(2, True), (3, True), (1, True)]


def test_what_is_too_small_rests_and_still_counts() -> None:
    """A run that logs a little now and then is compacted once that is enough together."""
    backlogs = Backlogs(0.0)
    for _ in range(IDLE_ROWS - 1):
        backlogs.note(1, 1)
        assert backlogs.due() == []

    backlogs.note(1, 1)

    assert backlogs.due() == [(1, True)]


def test_nothing_wakes_while_only_small_tails_rest() -> None:
    """Whoever waits is let go by the next row, and not before."""
    backlogs = Backlogs(0.0)
    backlogs.recall((run_pk, 1, 1) for run_pk in range(1_000))
    backlogs.due()
    assert not backlogs.wait(0)
    woken = threading.Event()

    def wait() -> None:
        backlogs.wait()
        woken.set()

    waiting = threading.Thread(target=wait)
    waiting.start()
    backlogs.note(5, 1)

    assert woken.wait(30)
    waiting.join()
    assert len(backlogs) == 1_000


def test_what_is_remembered_has_a_bound() -> None:
    """The smallest are forgotten; the fullest never."""
    backlogs = Backlogs(LONG_S, max_runs=100)
    backlogs.note(1_000, MAX_TAIL_POINTS + 1)
    for run_pk in range(500):
        backlogs.note(run_pk, 1)

    assert len(backlogs) <= 100
    backlogs.due()
    assert backlogs.due() == [(1_000, False)]


def test_compacting_starts_the_count_anew() -> None:
    """What is left as blocks is finished when the run is idle."""
    backlogs = Backlogs(LONG_S)
    backlogs.note(1, MAX_TAIL_POINTS + 1)
    backlogs.due()
    backlogs.begin(1, is_idle=False)

    assert backlogs.due() == []
    assert len(backlogs) == 1

    backlogs.begin(1, is_idle=True)
    assert len(backlogs) == 0
