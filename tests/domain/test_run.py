import pytest

from assay.domain.errors import FailedPrecondition
from assay.domain.run import check_transition, is_terminal, may_follow
from assay.domain.tracking import RunStatus


def test_three_statuses_end_a_run() -> None:
    """Finished, failed and killed."""
    ended = {status for status in RunStatus if is_terminal(status)}
    assert ended == {RunStatus.FINISHED, RunStatus.FAILED, RunStatus.KILLED}


@pytest.mark.parametrize("old", RunStatus)
@pytest.mark.parametrize("new", RunStatus)
def test_a_run_is_scheduled_only_at_first(old: RunStatus, new: RunStatus) -> None:
    """Anything else may follow anything: runs are resumed, and their end is corrected."""
    legal = new is not RunStatus.SCHEDULED or old is RunStatus.SCHEDULED
    assert may_follow(old, new) is legal
    if legal:
        check_transition(old, new)
    else:
        with pytest.raises(FailedPrecondition):
            check_transition(old, new)
