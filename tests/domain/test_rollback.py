import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.domain.errors import FailedPrecondition
from assay.domain.promotion import rollback_target
from assay.domain.registry import MoveKind

P, R = MoveKind.PROMOTION, MoveKind.ROLLBACK


def promoted(*versions: int) -> list[tuple[MoveKind, int | None]]:
    """The history of an alias to which these versions were promoted in turn."""
    return [(P, version) for version in versions]


def test_rollbacks_go_down_a_stack() -> None:
    """After P1 P2 P3, rollbacks give 2, then 1, then nothing."""
    history = promoted(1, 2, 3)
    for expected in (2, 1):
        target = rollback_target(history)
        assert target == expected
        history.append((R, target))
    with pytest.raises(FailedPrecondition, match="nothing to roll back"):
        rollback_target(history)


@pytest.mark.parametrize("history", [[], promoted(1), promoted(1, 1)])
def test_without_an_earlier_holder_there_is_no_rollback(
    history: list[tuple[MoveKind, int | None]],
) -> None:
    """One holder, or the same one twice, leaves nothing to go back to."""
    with pytest.raises(FailedPrecondition):
        rollback_target(history)


def test_a_promotion_after_a_rollback_stacks_on_what_was_left() -> None:
    """P1 P2 P3, back to 2, P4: the rollback of 4 is 2, not the 3 that was rolled away from."""
    history = [*promoted(1, 2, 3), (R, 2), (P, 4)]
    assert rollback_target(history) == 2
    assert rollback_target([*history, (R, 2)]) == 1


def test_unusable_versions_are_passed_over() -> None:
    """A deleted or quarantined version is no target; the one before it is."""
    history = promoted(1, 2, 3, 4)
    assert rollback_target(history, unusable={3}) == 2
    assert rollback_target([*history, (R, 2)], unusable={3, 4}) == 1
    with pytest.raises(FailedPrecondition):
        rollback_target(history, unusable={1, 2, 3})


def test_a_removed_alias_can_be_rolled_back_to_its_last_holder() -> None:
    """Removal is a move like another: what held the alias before comes back, and nothing twice."""
    history = [*promoted(1, 2), (MoveKind.REMOVED, None)]
    assert rollback_target(history) == 2
    assert rollback_target([*history, (R, 2)]) == 1
    assert rollback_target([*history, (P, 3)]) == 2


@given(st.lists(st.integers(1, 5) | st.none(), max_size=30))
def test_any_history_of_promotions_and_rollbacks_follows_the_model(
    steps: list[int | None],
) -> None:
    """Against a plain list: a number promotes it, None rolls back, in any order."""
    history: list[tuple[MoveKind, int | None]] = []
    model: list[int] = []
    for step in steps:
        if step is not None:
            history.append((P, step))
            model.append(step)
            continue
        below = [i for i, version in enumerate(model) if version != model[-1]]
        if not below:
            with pytest.raises(FailedPrecondition):
                rollback_target(history)
            continue
        target = rollback_target(history)
        del model[below[-1] + 1 :]
        assert target == model[-1]
        history.append((R, target))
