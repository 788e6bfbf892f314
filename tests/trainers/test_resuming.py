"""A training that goes on after it failed, in the run that it had."""

import pytest

from tests.support.server import LiveServer
from tests.trainers.training import Checkout, Training

SCRIPT = "transformers_resumed"


@pytest.fixture(scope="module")
def failed(checkout: Checkout, server: LiveServer) -> dict[str, object]:
    """The run as it was when the first half had failed."""
    answer = checkout.train(SCRIPT, server)
    training = Training(SCRIPT, checkout, server, answer)
    return {**training.run(), "steps": training.steps("loss")}


@pytest.fixture(scope="module")
def resumed(failed: dict[str, object], checkout: Checkout, server: LiveServer) -> Training:
    """The second half, sent to the same run."""
    answer = checkout.train(SCRIPT, server, MLFLOW_RUN_ID=str(failed["run_id"]))
    return Training(SCRIPT, checkout, server, answer)


def test_a_training_that_raises_leaves_a_failed_run(failed: dict[str, object]) -> None:
    """Nothing that was measured until then is lost."""
    assert failed["status"] == "failed"
    assert failed["steps"] == [1, 2, 3]


def test_the_second_half_continues_the_curve(resumed: Training) -> None:
    """One run, one curve: the same params again are no conflict, and no point counts twice."""
    assert resumed.steps("loss") == [1, 2, 3, 4, 5, 6]
    assert resumed.run()["status"] == "finished"


def test_a_resumed_training_can_be_registered(resumed: Training) -> None:
    """Its lineage is that of the run, whichever start logged it."""
    version = resumed.version()

    assert version["run_id"] == resumed.answer["run_id"]
    assert version["lineage"]["code_commit"] == resumed.checkout.commit
