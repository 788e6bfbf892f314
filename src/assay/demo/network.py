"""The mathematics of the demonstration: a ReLU classifier, its hand-written backprop, LoRA, Adam.

Everything computes in the precision of its arguments, so the same code trains in float32 and is
checked against finite differences in float64. Nothing in here reads a file or draws a number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.floating[Any]]
Labels: TypeAlias = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Layer:
    """One dense layer: `weight` is (inputs, outputs), `bias` is (outputs,)."""

    weight: Floats
    bias: Floats


@dataclass(frozen=True, slots=True)
class LowRankPair:
    """The trained part of one adapted layer: `a` is (inputs, rank), `b` is (rank, outputs)."""

    a: Floats
    b: Floats


Layers: TypeAlias = tuple[Layer, ...]
Pairs: TypeAlias = tuple[LowRankPair, ...]


def forward(layers: Layers, inputs: Floats) -> list[Floats]:
    """Return the inputs followed by every layer's output; the last entry holds the logits."""
    outputs = [inputs]
    for layer in layers[:-1]:
        outputs.append(np.maximum(outputs[-1] @ layer.weight + layer.bias, 0))
    outputs.append(outputs[-1] @ layers[-1].weight + layers[-1].bias)
    return outputs


def log_probabilities(logits: Floats) -> Floats:
    """Return the logarithm of the softmax of each row, without overflow."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    result: Floats = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result


def mean_loss(logits: Floats, labels: Labels) -> float:
    """Return the mean cross-entropy in nats per example."""
    return -float(log_probabilities(logits)[np.arange(len(labels)), labels].mean())


def loss_and_gradients(layers: Layers, inputs: Floats, labels: Labels) -> tuple[float, Layers]:
    """Return the mean cross-entropy and its gradient for every weight and bias, in layer order."""
    outputs = forward(layers, inputs)
    rows = np.arange(len(labels))
    logs = log_probabilities(outputs[-1])
    upstream = np.exp(logs)
    upstream[rows, labels] -= 1
    upstream /= len(labels)
    gradients: list[Layer] = []
    for index in reversed(range(len(layers))):
        gradients.append(Layer(outputs[index].T @ upstream, upstream.sum(axis=0)))
        if index:
            upstream = (upstream @ layers[index].weight.T) * (outputs[index] > 0)
    return -float(logs[rows, labels].mean()), tuple(reversed(gradients))


def merge(base: Layers, pairs: Pairs, scale: float) -> Layers:
    """Return the base with `scale * a @ b` added to its first weights, one pair for each layer."""
    adapted = tuple(
        Layer(layer.weight + scale * (pair.a @ pair.b), layer.bias)
        for layer, pair in zip(base, pairs, strict=False)
    )
    return adapted + base[len(pairs) :]


def adapter_loss_and_gradients(
    base: Layers, pairs: Pairs, scale: float, inputs: Floats, labels: Labels
) -> tuple[float, Pairs]:
    """Return the loss of the merged model and its gradient for the pairs; the base is frozen."""
    loss, gradients = loss_and_gradients(merge(base, pairs, scale), inputs, labels)
    return loss, tuple(
        LowRankPair(scale * (layer.weight @ pair.b.T), scale * (pair.a.T @ layer.weight))
        for pair, layer in zip(pairs, gradients, strict=False)
    )


def norm(gradients: list[Floats]) -> float:
    """Return the Euclidean norm over all entries of all arrays together."""
    return float(np.sqrt(sum(float(np.square(gradient).sum()) for gradient in gradients)))


class Adam:
    """Adam (Kingma and Ba) with bias correction; holds one pair of moments for each parameter."""

    _FIRST_DECAY = 0.9
    _SECOND_DECAY = 0.999
    _EPSILON = 1e-8

    def __init__(self, parameters: list[Floats]) -> None:
        """Remember `parameters`; `step` changes these very arrays in place."""
        self._parameters = parameters
        self._first = [np.zeros_like(parameter) for parameter in parameters]
        self._second = [np.zeros_like(parameter) for parameter in parameters]
        self._steps = 0

    def step(self, gradients: list[Floats], learning_rate: float) -> None:
        """Move every parameter once against its gradient."""
        self._steps += 1
        first_correction = 1 - self._FIRST_DECAY**self._steps
        second_correction = 1 - self._SECOND_DECAY**self._steps
        for parameter, gradient, first, second in zip(
            self._parameters, gradients, self._first, self._second, strict=True
        ):
            first[...] = self._FIRST_DECAY * first + (1 - self._FIRST_DECAY) * gradient
            second[...] = self._SECOND_DECAY * second + (1 - self._SECOND_DECAY) * gradient**2
            spread = np.sqrt(second / second_correction) + self._EPSILON
            parameter[...] -= learning_rate * (first / first_correction) / spread
