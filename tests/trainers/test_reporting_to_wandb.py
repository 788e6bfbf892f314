"""Trainers with `report_to="wandb"`, told nothing but where the server is."""

from dataclasses import dataclass

import pytest

from tests.support.server import LiveServer
from tests.trainers.training import Checkout, Training

STEPS = 5
KEY = "local0" * 7


@dataclass(frozen=True)
class Expected:
    """What one trainer is known to send."""

    kind: str
    curves: tuple[str, ...]
    params: dict[str, str]
    records: tuple[str, ...] = ()


OPTIMISER = ("train/loss", "train/grad_norm", "train/learning_rate")
ARGUMENTS = {"max_steps": "5", "per_device_train_batch_size": "2", "hidden_size": "16"}
TRAINERS = (
    Expected("plain", OPTIMISER, {**ARGUMENTS, "run_name": "plain trainer"}),
    Expected("sft", (*OPTIMISER, "train/mean_token_accuracy"), {**ARGUMENTS, "max_length": "16"}),
    Expected("dpo", (*OPTIMISER, "train/rewards/margins"), {**ARGUMENTS, "beta": "0.1"}),
    Expected(
        "grpo",
        (*OPTIMISER, "train/reward", "train/rewards/says_yes/mean"),
        {**ARGUMENTS, "num_generations": "2"},
        records=("completions",),
    ),
)


@pytest.fixture(scope="module", params=TRAINERS, ids=lambda trainer: trainer.kind)
def expected(request: pytest.FixtureRequest) -> Expected:
    """The trainers one after the other."""
    trainer: Expected = request.param
    return trainer


@pytest.fixture(scope="module")
def training(
    expected: Expected, server: LiveServer, tmp_path_factory: pytest.TempPathFactory
) -> Training:
    """One training by that trainer, done once for all tests of it."""
    checkout = Checkout.make(tmp_path_factory.mktemp(expected.kind) / "checkout")
    answer = checkout.train(
        "reporting_to_wandb",
        server,
        expected.kind,
        WANDB_BASE_URL=server.url,
        WANDB_API_KEY=KEY,
        WANDB_PROJECT="trainers",
        WANDB_SILENT="true",
        WANDB_ERROR_REPORTING="false",
    )
    return Training("reporting_to_wandb", checkout, server, answer)


def test_every_curve_has_a_point_for_each_step(expected: Expected, training: Training) -> None:
    """What the trainer reports while it trains is a curve, in order and without a gap."""
    counts = {key: len(training.steps(key)) for key in expected.curves}

    assert counts == dict.fromkeys(expected.curves, STEPS)


def test_all_settings_are_params(expected: Expected, training: Training) -> None:
    """The trainer's arguments and the model's config arrive, whole."""
    params = training.run()["params"]

    assert len(params) > 100
    assert {key: params.get(key) for key in expected.params} == expected.params


def test_the_run_is_finished(training: Training) -> None:
    """Closed by `wandb.finish`, and nobody's credentials were asked for."""
    assert training.run()["status"] == "finished"


def test_tables_of_completions_are_records_and_files(
    expected: Expected, training: Training
) -> None:
    """What a policy wrote can be read step by step; the trainer may log a last table at its end."""
    run_id = training.answer["run_id"]
    count = 0
    for key in expected.records:
        found = training.ask(f"/runs/{run_id}/records?key={key}")["records"]
        count += len(found)
        assert len(found) >= STEPS
        assert {record["kind"] for record in found} == {"table-file"}
    files = training.ask(f"/runs/{run_id}/artifacts?recursive=true")["files"]
    assert len([each for each in files if each["path"].endswith(".table.json")]) == count
