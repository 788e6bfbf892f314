"""Pretraining of the base classifier and LoRA fine-tuning of its hidden layers.

Equal arguments give equal weights, bit for bit on one machine: every draw comes from the seed, and
the linear algebra runs on one thread so that its order of additions never changes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import (  # type: ignore[import-untyped]  # it ships without types
    threadpool_limits,
)

from assay.demo.data import CLASSES, SIDE, Pixels, Split
from assay.demo.network import (
    Adam,
    Floats,
    Layer,
    Layers,
    LowRankPair,
    Pairs,
    adapter_loss_and_gradients,
    forward,
    loss_and_gradients,
    mean_loss,
    merge,
    norm,
)
from assay.domain.errors import InvalidArgument

HIDDEN_SIZES = (256, 256)

_PRETRAINING_STEPS = 600
_PRETRAINING_BATCH_SIZE = 64
_PRETRAINING_LEARNING_RATE = 2e-3


@dataclass(frozen=True, slots=True)
class TuningConfig:
    """What one fine-tuning is told, apart from the data, the base and the seed.

    `lr` is the peak of the schedule: a linear warm-up over `warmup_steps`, then a cosine to zero.
    The update of a layer is scaled by `lora_alpha / lora_r`. `eval_every` counts steps between
    evaluations and has no influence on the weights.
    """

    lr: float
    lora_r: int
    lora_alpha: int
    steps: int
    batch_size: int = 64
    warmup_steps: int = 20
    eval_every: int = 50

    def __post_init__(self) -> None:
        """Refuse what cannot be trained, naming the field."""
        if not (math.isfinite(self.lr) and self.lr > 0):
            message = f"lr must be a positive number, not {self.lr!r}."
            raise InvalidArgument(message, field="lr")
        for name in ("lora_r", "lora_alpha", "steps", "batch_size", "eval_every"):
            if getattr(self, name) < 1:
                message = f"{name} must be at least 1, not {getattr(self, name)!r}."
                raise InvalidArgument(message, field=name)
        if not 0 <= self.warmup_steps <= self.steps:
            message = f"warmup_steps must be between 0 and steps ({self.steps})."
            raise InvalidArgument(message, field="warmup_steps")

    def params(self) -> dict[str, int | float]:
        """Return the config as it is logged and as lineage keeps it."""
        return asdict(self)

    def learning_rate(self, step: int) -> float:
        """Return the learning rate of one step, counted from 1."""
        if step <= self.warmup_steps:
            return self.lr * step / self.warmup_steps
        progress = (step - self.warmup_steps) / max(1, self.steps - self.warmup_steps)
        return self.lr * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))


@dataclass(frozen=True, slots=True)
class BaseModel:
    """A pretrained classifier of 8 x 8 images whose weights no fine-tuning changes."""

    layers: Layers


@dataclass(frozen=True, slots=True)
class Adapter:
    """What one fine-tuning made: low-rank pairs for the hidden layers, and how they came about."""

    base: BaseModel
    pairs: Pairs
    config: TuningConfig
    seed: int

    @property
    def layers(self) -> Layers:
        """The base with the adapter merged in, ready to predict."""
        return merge(self.base.layers, self.pairs, self.config.lora_alpha / self.config.lora_r)


def pretrain_base(train: Split, seed: int) -> BaseModel:
    """Train the classifier from scratch, all weights, and return it."""
    generator = np.random.default_rng(seed)
    sizes = (SIDE * SIDE, *HIDDEN_SIZES, CLASSES)
    layers = tuple(
        Layer(
            generator.normal(0, math.sqrt(2 / inputs), (inputs, outputs)).astype(np.float32),
            np.zeros(outputs, np.float32),
        )
        for inputs, outputs in pairwise(sizes)
    )
    optimizer = Adam(_flat_layers(layers))
    inputs = as_inputs(train.pixels)
    with _one_thread():
        for _ in range(_PRETRAINING_STEPS):
            batch = generator.integers(0, len(train), _PRETRAINING_BATCH_SIZE)
            _, gradients = loss_and_gradients(layers, inputs[batch], train.labels[batch])
            optimizer.step(_flat_layers(gradients), _PRETRAINING_LEARNING_RATE)
    return BaseModel(layers)


def fine_tune(
    base: BaseModel,
    config: TuningConfig,
    seed: int,
    *,
    train: Split,
    validation: Split,
    on_step: Callable[[int, dict[str, float]], None],
) -> Adapter:
    """Train an adapter on `train` and return it; the base is left as it was.

    `on_step(step, metrics)` is called once per step, counted from 1, with `train/loss`,
    `train/grad_norm` and `train/learning_rate`, and every `eval_every` steps and after the last one
    also with `eval/loss` and `eval/accuracy` on `validation`.
    """
    generator = np.random.default_rng(seed)
    pairs = tuple(
        LowRankPair(
            generator.normal(0, 1 / math.sqrt(inputs), (inputs, config.lora_r)).astype(np.float32),
            np.zeros((config.lora_r, outputs), np.float32),
        )
        for inputs, outputs in (layer.weight.shape for layer in base.layers[:-1])
    )
    adapter = Adapter(base, pairs, config, seed)
    optimizer = Adam(_flat_pairs(pairs))
    scale = config.lora_alpha / config.lora_r
    inputs = as_inputs(train.pixels)
    with _one_thread():
        for step in range(1, config.steps + 1):
            batch = generator.integers(0, len(train), config.batch_size)
            loss, pair_gradients = adapter_loss_and_gradients(
                base.layers, pairs, scale, inputs[batch], train.labels[batch]
            )
            gradients = _flat_pairs(pair_gradients)
            learning_rate = config.learning_rate(step)
            optimizer.step(gradients, learning_rate)
            metrics = {
                "train/loss": loss,
                "train/grad_norm": norm(gradients),
                "train/learning_rate": learning_rate,
            }
            if step % config.eval_every == 0 or step == config.steps:
                metrics |= _evaluate(adapter.layers, validation)
            on_step(step, metrics)
    return adapter


def as_inputs(pixels: Pixels) -> NDArray[np.float32]:
    """Return pixels of 0..255 as the network takes them, 0..1 in float32."""
    return pixels.astype(np.float32) / np.float32(255)


def predict(model: BaseModel | Adapter, pixels: Pixels) -> NDArray[np.intp]:
    """Return the predicted class of every image."""
    result: NDArray[np.intp] = forward(model.layers, as_inputs(pixels))[-1].argmax(axis=1)
    return result


def correct_count(model: BaseModel | Adapter, split: Split) -> int:
    """Return how many images of `split` are predicted as labelled."""
    return int((predict(model, split.pixels) == split.labels).sum())


def _evaluate(layers: Layers, split: Split) -> dict[str, float]:
    logits = forward(layers, as_inputs(split.pixels))[-1]
    correct = int((logits.argmax(axis=1) == split.labels).sum())
    return {
        "eval/loss": mean_loss(logits, split.labels),
        "eval/accuracy": correct / len(split),
    }


def _flat_layers(layers: Layers) -> list[Floats]:
    return [array for layer in layers for array in (layer.weight, layer.bias)]


def _flat_pairs(pairs: Pairs) -> list[Floats]:
    return [array for pair in pairs for array in (pair.a, pair.b)]


def _one_thread() -> AbstractContextManager[object]:
    limits: AbstractContextManager[object] = threadpool_limits(limits=1, user_api="blas")
    return limits
