"""What training promises: it learns, it repeats bit for bit, it leaves the base alone."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from assay.demo.checkpoint import adapter_digest, base_reference
from assay.demo.data import Digits
from assay.demo.training import (
    Adapter,
    BaseModel,
    TuningConfig,
    correct_count,
    fine_tune,
    pretrain_base,
)
from assay.domain.errors import InvalidArgument

Steps = list[tuple[int, dict[str, float]]]


def tuned(
    digits: Digits, base: BaseModel, config: TuningConfig, seed: int
) -> tuple[Adapter, Steps]:
    """Fine-tune on the scanner domain and return the adapter with everything it reported."""
    steps: Steps = []
    adapter = fine_tune(
        base,
        config,
        seed,
        train=digits.scanner.train,
        validation=digits.scanner.validation,
        on_step=lambda step, metrics: steps.append((step, metrics)),
    )
    return adapter, steps


def test_the_base_knows_clean_digits_and_not_scanned_ones(digits: Digits, base: BaseModel) -> None:
    """Pretraining works, and there is something left for the adapters to learn."""
    assert correct_count(base, digits.clean.holdout) > 0.9 * 500
    assert correct_count(base, digits.scanner.holdout) < 0.3 * 500


def test_pretraining_repeats_bit_for_bit(digits: Digits, base: BaseModel) -> None:
    """The same seed gives the same base, another seed another one."""
    assert base_reference(pretrain_base(digits.clean.train, 0)) == base_reference(base)
    assert base_reference(pretrain_base(digits.clean.train, 1)) != base_reference(base)


def test_an_adapter_beats_its_base_on_the_new_domain(
    digits: Digits, base: BaseModel, adapter: Adapter
) -> None:
    """A short fine-tuning gains at least 30 points on images that it never saw."""
    gained = correct_count(adapter, digits.scanner.holdout) - correct_count(
        base, digits.scanner.holdout
    )

    assert gained >= 0.3 * len(digits.scanner.holdout)


def test_fine_tuning_repeats_bit_for_bit(digits: Digits, base: BaseModel, adapter: Adapter) -> None:
    """Config and seed decide every bit of the weights and of the reported numbers."""
    again, steps = tuned(digits, base, adapter.config, adapter.seed)
    third, third_steps = tuned(digits, base, adapter.config, adapter.seed)

    assert adapter_digest(again) == adapter_digest(adapter) == adapter_digest(third)
    assert steps == third_steps


def test_the_evaluation_interval_has_no_influence_on_the_weights(
    digits: Digits, base: BaseModel, adapter: Adapter
) -> None:
    """Looking more often changes nothing, which is how an exact tie is made."""
    config = replace(adapter.config, eval_every=7)

    assert adapter_digest(tuned(digits, base, config, adapter.seed)[0]) == adapter_digest(adapter)


def test_another_seed_gives_other_weights(
    digits: Digits, base: BaseModel, adapter: Adapter
) -> None:
    """The seed is part of what made the weights."""
    other, _ = tuned(digits, base, replace(adapter.config, steps=20), seed=4)
    same_length, _ = tuned(digits, base, replace(adapter.config, steps=20), seed=3)

    assert adapter_digest(other) != adapter_digest(same_length)


def test_the_base_is_frozen(digits: Digits, base: BaseModel, adapter: Adapter) -> None:
    """Fine-tuning changes neither the base's weights nor what it predicts."""
    before = base_reference(base)

    tuned(digits, base, replace(adapter.config, steps=30), seed=1)

    assert base_reference(base) == before
    assert adapter.base is base


def test_every_step_is_reported(digits: Digits, base: BaseModel) -> None:
    """Loss, gradient norm and learning rate at each step; evaluations at k, 2k, … and the end."""
    config = TuningConfig(lr=0.01, lora_r=2, lora_alpha=2, steps=130, eval_every=50)

    adapter, steps = tuned(digits, base, config, seed=0)

    assert [step for step, _ in steps] == list(range(1, 131))
    always = {"train/loss", "train/grad_norm", "train/learning_rate"}
    assert all(always <= metrics.keys() for _, metrics in steps)
    assert all(np.isfinite(list(metrics.values())).all() for _, metrics in steps)
    evaluated = {step: metrics for step, metrics in steps if "eval/accuracy" in metrics}
    assert list(evaluated) == [50, 100, 130]
    correct = correct_count(adapter, digits.scanner.validation)
    assert evaluated[130]["eval/accuracy"] == correct / len(digits.scanner.validation)
    assert steps[-1][1]["train/loss"] < steps[0][1]["train/loss"] / 2


def test_the_learning_rate_warms_up_and_decays_to_zero() -> None:
    """The peak is reached at the end of the warm-up, zero at the last step."""
    config = TuningConfig(lr=0.5, lora_r=1, lora_alpha=1, steps=100, warmup_steps=10)
    rates = [config.learning_rate(step) for step in range(1, 101)]

    assert rates[:2] == [0.05, 0.1]
    assert max(rates) == rates[9] == 0.5
    assert rates[9:] == sorted(rates[9:], reverse=True)
    assert rates[-1] == pytest.approx(0.0, abs=1e-12)


def test_a_training_without_warm_up_starts_below_its_peak() -> None:
    """No warm-up steps means that the cosine starts at once."""
    config = TuningConfig(lr=0.5, lora_r=1, lora_alpha=1, steps=4, warmup_steps=0)

    assert 0.25 < config.learning_rate(1) < 0.5


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("lr", 0.0),
        ("lr", float("nan")),
        ("lr", float("inf")),
        ("lora_r", 0),
        ("lora_alpha", 0),
        ("steps", 0),
        ("batch_size", 0),
        ("eval_every", 0),
        ("warmup_steps", 101),
        ("warmup_steps", -1),
    ],
)
def test_a_config_that_cannot_train_is_refused_by_field(field: str, value: float) -> None:
    """The refusal names the field."""
    good: dict[str, Any] = {"lr": 0.1, "lora_r": 1, "lora_alpha": 1, "steps": 100}

    with pytest.raises(InvalidArgument) as refusal:
        TuningConfig(**(good | {field: value}))

    assert refusal.value.field == field
