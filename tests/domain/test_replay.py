from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.domain.ledger import Event, EventAction, EventOutcome
from assay.domain.replay import (
    AliasMoved,
    AliasRemoved,
    AliasState,
    Details,
    ModelDeleted,
    ModelRegistered,
    ModelRenamed,
    ModelState,
    Replay,
    RolledBack,
    VersionFacts,
    VersionRegistered,
    VersionStateChanged,
    details_record,
    parse_details,
)

A = EventAction


def an_event(
    action: str, details: Details, outcome: EventOutcome = EventOutcome.ALLOWED, seq: int = 1
) -> Event:
    """An event of the workspace `default`."""
    return Event(seq, 0, "user:ann", action, "x", "default", outcome, "r", details_record(details))


def replayed(*events: tuple[str, Details]) -> tuple[Replay, list[str]]:
    """The fold of some events, and what contradicted it."""
    replay = Replay()
    problems = [
        problem.message
        for seq, (action, details) in enumerate(events, start=1)
        for problem in replay.apply(an_event(action, details, seq=seq))
    ]
    return replay, problems


def version(number: int) -> tuple[str, Details]:
    """The registration of a version of model 1."""
    digest = str(number) * 64
    return A.VERSION_REGISTERED, VersionRegistered(1, number, digest, "f" * 64, verifiable=True)


def promotion(to: int, previous: int | None, revision: int) -> tuple[str, Details]:
    """A promotion to `production`."""
    return A.PROMOTION, AliasMoved(1, "production", to, previous, revision, decision={"x": 1})


MODEL = (A.MODEL_REGISTERED, ModelRegistered(1, "reward"))
STORY = (
    MODEL,
    version(1),
    version(2),
    promotion(1, None, 1),
    promotion(2, 1, 2),
    (A.ROLLBACK, RolledBack(1, "production", 1, 2, 3, quarantined=2)),
    (A.ALIAS_SET, AliasMoved(1, "staging", 2, None, 1)),
    (A.VERSION_STATE_CHANGED, VersionStateChanged(1, 2, "registered", "quarantined", "fixed")),
    (A.MODEL_RENAMED, ModelRenamed(1, "judge", "reward")),
    (A.ALIAS_DELETED, AliasRemoved(1, "staging", 2, 2)),
)


def test_a_story_replays_to_its_tables() -> None:
    """Registration, promotion, rollback, quarantine, clearing, renaming and removal add up."""
    replay, problems = replayed(*STORY)

    assert problems == []
    assert replay.models == {1: ModelState("default", "judge", is_deleted=False, last_version=2)}
    assert replay.versions == {
        (1, number): VersionFacts("registered", str(number) * 64, "f" * 64, verifiable=True)
        for number in (1, 2)
    }
    assert replay.aliases == {
        (1, "production"): AliasState(1, 3),
        (1, "staging"): AliasState(None, 2),
    }
    assert list(replay.compare(replay.models, replay.versions, replay.aliases)) == []


def test_a_rollback_quarantines_what_it_left() -> None:
    """The quarantine is part of the rollback's own event."""
    replay, problems = replayed(*STORY[:6])
    assert problems == []
    assert replay.versions[1, 2].state == "quarantined"


@pytest.mark.parametrize("outcome", [EventOutcome.DENIED, EventOutcome.ERROR])
def test_refused_attempts_change_nothing(outcome: EventOutcome) -> None:
    """A denied promotion stands in the ledger and moves no alias, whatever its details hold."""
    replay, _ = replayed(*STORY[:3])
    denied = an_event(*promotion(2, None, 1), outcome)
    odd = Event(5, 0, "a", "promotion", "x", None, outcome, "r", {"anything": 1})
    assert [*replay.apply(denied), *replay.apply(odd)] == []
    assert replay.aliases == {}


def test_other_actions_are_passed_over() -> None:
    """Tokens, gates and verdicts are events too, and not of these tables."""
    replay = Replay()
    event = Event(1, 0, "a", "token.created", "x", None, EventOutcome.ALLOWED, "r", {"id": 1})
    assert list(replay.apply(event)) == []
    assert parse_details(event) is None


@pytest.mark.parametrize(
    ("events", "message"),
    [
        ((MODEL, MODEL), "exists already"),
        ((version(1),), "does not exist"),
        ((MODEL, version(2)), "does not follow"),
        ((MODEL, version(1), promotion(2, None, 1)), "does not exist"),
        ((MODEL, version(1), promotion(1, None, 2)), "does not follow"),
        ((MODEL, version(1), promotion(1, 7, 1)), "was on None"),
        ((MODEL, (A.MODEL_RENAMED, ModelRenamed(1, "b", "a"))), "was called"),
        (
            (MODEL, version(1),
             (A.VERSION_STATE_CHANGED, VersionStateChanged(1, 1, "deleted", "quarantined"))),
            "was registered",
        ),
        (
            (MODEL, version(1),
             (A.VERSION_STATE_CHANGED, VersionStateChanged(1, 1, "lost", "registered"))),
            "not a state",
        ),
        (
            (MODEL, version(1),
             (A.VERSION_STATE_CHANGED, VersionStateChanged(1, 1, "deleted", "registered")),
             (A.VERSION_STATE_CHANGED, VersionStateChanged(1, 1, "registered", "deleted"))),
            "tombstone",
        ),
        (
            (MODEL, (A.VERSION_STATE_CHANGED, VersionStateChanged(1, 9, "deleted", "registered"))),
            "does not exist",
        ),
        (
            (MODEL, version(1), promotion(1, None, 1), (A.MODEL_DELETED, ModelDeleted(1))),
            "still held",
        ),
        ((MODEL, (A.MODEL_DELETED, ModelDeleted(1)), version(1)), "does not exist"),
    ],
)  # fmt: skip
def test_an_impossible_history_shows(events: Iterable[Any], message: str) -> None:
    """An event that contradicts those before it is a problem at its number."""
    _, problems = replayed(*events)
    assert len(problems) == 1
    assert message in problems[0]


def test_a_name_may_be_used_again() -> None:
    """A deleted model keeps its rows; a new one of the same name is another model."""
    replay, problems = replayed(
        MODEL,
        version(1),
        (A.MODEL_DELETED, ModelDeleted(1)),
        (A.MODEL_REGISTERED, ModelRegistered(2, "reward")),
    )
    assert problems == []
    assert replay.models[1].is_deleted
    assert not replay.models[2].is_deleted
    assert (1, 1) in replay.versions


@pytest.mark.parametrize(
    "details",
    [{}, {"model_id": "1", "name": "a"}, {"model_id": True, "name": "a"}, {"model_id": 1},
     {"model_id": 1, "name": None}, {"model_id": 1, "name": "a", "extra": 1}],
)  # fmt: skip
def test_malformed_details_are_a_problem_and_not_a_crash(details: dict[str, Any]) -> None:
    """A ledger that someone else wrote is reported, not trusted."""
    event = Event(9, 0, "a", A.MODEL_REGISTERED, "x", None, EventOutcome.ALLOWED, "r", details)
    replay = Replay()
    problems = list(replay.apply(event))
    assert [(problem.seq, problem.kind) for problem in problems] == [(9, "details")]
    assert replay.models == {}


@given(st.sampled_from(["models", "versions", "aliases"]), st.booleans())
def test_any_difference_of_a_table_shows(table: str, removed: bool) -> None:
    """A row too few, too many or changed is told."""
    replay, _ = replayed(*STORY)
    kept: dict[str, Any] = {
        name: dict(getattr(replay, name)) for name in ("models", "versions", "aliases")
    }
    key = next(iter(kept[table]))
    if removed:
        del kept[table][key]
    else:
        kept[table]["other"] = kept[table][key]
        kept[table][key] = kept[table][key][::-1]
    told = list(replay.compare(**kept))
    assert len(told) == (1 if removed else 2)
    assert all(table[:5].rstrip("s") in line for line in told)


@pytest.mark.parametrize("event", STORY, ids=lambda event: str(event[0]))
def test_details_survive_an_event(event: tuple[str, Details]) -> None:
    """Every replayed action's details read back as they were recorded."""
    assert parse_details(an_event(*event)) == event[1]
