"""Every trainer that people use, told nothing but where the server is."""

import hashlib
import json
from dataclasses import dataclass

import pytest

from tests.support.server import LiveServer
from tests.trainers.training import Checkout, Training

STEPS = 5
DATA_VERSION = "questions@2026-11-01"


@dataclass(frozen=True)
class Expected:
    """What one trainer is known to send."""

    script: str
    curves: tuple[str, ...]
    params: dict[str, str]
    base_model_from: str = "param _name_or_path"
    seed: int = 42
    first_step: int = 1
    logged_models: int = 0
    checkpoints: frozenset[str] = frozenset()


OPTIMISER = ("loss", "grad_norm", "learning_rate")
ARGUMENTS = {"max_steps": "5", "per_device_train_batch_size": "2", "hidden_size": "16"}

TRAINERS = (
    Expected(
        "transformers_trainer",
        OPTIMISER,
        {**ARGUMENTS, "run_name": "plain trainer"},
        logged_models=1,
    ),
    Expected(
        "trl_sft",
        (*OPTIMISER, "entropy", "mean_token_accuracy", "num_tokens"),
        {**ARGUMENTS, "max_length": "16", "packing": "False"},
    ),
    Expected(
        "trl_dpo",
        (*OPTIMISER, "rewards/chosen", "rewards/rejected", "rewards/margins", "logps/chosen"),
        {**ARGUMENTS, "beta": "0.1", "loss_type": "['sigmoid']"},
    ),
    Expected(
        "trl_grpo",
        (*OPTIMISER, "reward", "reward_std", "rewards/says_yes/mean", "completions/mean_length"),
        {**ARGUMENTS, "num_generations": "2", "max_completion_length": "6"},
    ),
    Expected(
        "lightning_fit",
        ("train/loss", "epoch"),
        {"lr": "0.01", "layers/layer_59/dropout": "0.059", "layers/layer_59/frozen": "False"},
        base_model_from="param base_model",
        seed=7,
        first_step=0,
        checkpoints=frozenset({"epoch=0-step=5"}),
    ),
)


@pytest.fixture(scope="module", params=TRAINERS, ids=lambda trainer: trainer.script)
def expected(request: pytest.FixtureRequest) -> Expected:
    """The trainers one after the other."""
    trainer: Expected = request.param
    return trainer


@pytest.fixture(scope="module")
def training(
    expected: Expected, server: LiveServer, tmp_path_factory: pytest.TempPathFactory
) -> Training:
    """One training by that trainer, done once for all tests of it."""
    checkout = Checkout.make(tmp_path_factory.mktemp(expected.script) / "checkout")
    answer = checkout.train(expected.script, server, HF_MLFLOW_LOG_ARTIFACTS="TRUE")
    return Training(expected.script, checkout, server, answer)


def test_every_curve_has_a_point_for_each_step(expected: Expected, training: Training) -> None:
    """What the trainer reports while it trains is a curve, in order and without a gap."""
    first = expected.first_step

    steps = {key: training.steps(key) for key in expected.curves}

    assert steps == {key: list(range(first, first + STEPS)) for key in expected.curves}


def test_all_settings_are_params(expected: Expected, training: Training) -> None:
    """More than one batch of a hundred arrives, whole."""
    params = training.run()["params"]

    assert len(params) > 100
    assert {key: params.get(key) for key in expected.params} == expected.params


def test_the_run_is_finished(training: Training) -> None:
    """The trainer or the script closed it, and nobody's credentials were asked for."""
    run = training.run()

    assert run["status"] == "finished"
    assert run["ended_at_ms"] >= run["started_at_ms"]


def test_checkpoints_are_where_the_trainer_puts_them(
    expected: Expected, training: Training
) -> None:
    """Transformers logs one as a model, Lightning as files of the run; the others saved none."""
    run = training.run()
    folders = {file["path"] for file in training.ask(f"/runs/{run['run_id']}/artifacts")["files"]}

    assert len(run["outputs"]) == expected.logged_models
    assert folders == {"model"} | expected.checkpoints


def test_a_training_on_unnamed_data_cannot_be_registered(training: Training) -> None:
    """The one fact that no trainer knows is asked for by its name; the other four are there."""
    assert "unsaid" not in training.answer
    assert "The lineage is incomplete: data_version missing" in training.answer["refusal"]


def test_the_lineage_closes_over_what_the_trainer_logged(
    expected: Expected, training: Training
) -> None:
    """Model, seed and settings come from the trainer, the commit from the checkout."""
    version = training.version()
    lineage = version["lineage"]
    params = training.run()["params"]
    text = json.dumps(lineage, sort_keys=True, separators=(",", ":"))

    assert version["is_verifiable"] is True
    assert version["fingerprint"] == hashlib.sha256(text.encode()).hexdigest()
    assert lineage["data_version"] == DATA_VERSION
    assert lineage["code_commit"] == training.checkout.commit
    assert lineage["base_model"] == "tiny-base"
    assert lineage["seed"] == expected.seed
    assert version["lineage_origins"]["base_model"] == expected.base_model_from
    assert set(params) - set(lineage["config"]) == {
        "dataset_version",
        "seed",
        expected.base_model_from.removeprefix("param "),
    }


def test_the_version_is_the_folder_that_was_saved(training: Training) -> None:
    """Every file, byte for byte, with no description of a model beside it."""
    assert "model.safetensors" in training.saved()
    assert training.files() == training.saved()
