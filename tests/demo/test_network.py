"""The hand-written backprop against finite differences, and the numerics around it."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from assay.demo.network import (
    Adam,
    Floats,
    Layer,
    Layers,
    LowRankPair,
    Pairs,
    adapter_loss_and_gradients,
    forward,
    log_probabilities,
    loss_and_gradients,
    mean_loss,
    merge,
    norm,
)

SIZES = (6, 7, 5, 4)
STEP = 1e-6


def some_layers(generator: np.random.Generator) -> Layers:
    """Return a small float64 network without symmetries."""
    return tuple(
        Layer(generator.normal(size=(inputs, outputs)), generator.normal(size=outputs))
        for inputs, outputs in pairwise(SIZES)
    )


def some_pairs(generator: np.random.Generator, rank: int) -> Pairs:
    """Return pairs for the two hidden layers, with both factors away from zero."""
    return tuple(
        LowRankPair(generator.normal(size=(inputs, rank)), generator.normal(size=(rank, outputs)))
        for inputs, outputs in pairwise(SIZES[:3])
    )


def finite_differences(parameter: Floats, loss: Callable[[], float]) -> Floats:
    """Return the central difference quotient of `loss` for every entry of `parameter`."""
    slopes = np.empty_like(parameter)
    for index in np.ndindex(parameter.shape):
        kept = parameter[index]
        parameter[index] = kept + STEP
        above = loss()
        parameter[index] = kept - STEP
        below = loss()
        parameter[index] = kept
        slopes[index] = (above - below) / (2 * STEP)
    return slopes


@pytest.fixture
def generator() -> np.random.Generator:
    """A fixed source of numbers."""
    return np.random.default_rng(11)


def test_the_gradient_of_every_weight_and_bias_is_the_slope_of_the_loss(
    generator: np.random.Generator,
) -> None:
    """Backprop through all layers agrees with finite differences in float64."""
    layers = some_layers(generator)
    inputs = generator.normal(size=(9, SIZES[0]))
    labels = generator.integers(0, SIZES[-1], 9).astype(np.uint8)

    loss, gradients = loss_and_gradients(layers, inputs, labels)

    def current_loss() -> float:
        return mean_loss(forward(layers, inputs)[-1], labels)

    assert loss == pytest.approx(current_loss(), rel=1e-12)
    for layer, gradient in zip(layers, gradients, strict=True):
        for parameter, slope in ((layer.weight, gradient.weight), (layer.bias, gradient.bias)):
            expected = finite_differences(parameter, current_loss)
            assert np.abs(expected).max() > 1e-3
            np.testing.assert_allclose(slope, expected, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("rank", [1, 3])
def test_the_gradient_of_every_adapter_entry_is_the_slope_of_the_loss(
    generator: np.random.Generator, rank: int
) -> None:
    """Backprop into both low-rank factors agrees with finite differences, scale included."""
    layers, pairs, scale = some_layers(generator), some_pairs(generator, rank), 0.75
    inputs = generator.normal(size=(9, SIZES[0]))
    labels = generator.integers(0, SIZES[-1], 9).astype(np.uint8)

    loss, gradients = adapter_loss_and_gradients(layers, pairs, scale, inputs, labels)

    def current_loss() -> float:
        return mean_loss(forward(merge(layers, pairs, scale), inputs)[-1], labels)

    assert loss == pytest.approx(current_loss(), rel=1e-12)
    assert len(gradients) == len(pairs)
    for pair, gradient in zip(pairs, gradients, strict=True):
        for parameter, slope in ((pair.a, gradient.a), (pair.b, gradient.b)):
            expected = finite_differences(parameter, current_loss)
            assert np.abs(expected).max() > 1e-3
            np.testing.assert_allclose(slope, expected, rtol=1e-5, atol=1e-8)


def test_merging_adds_the_scaled_product_to_the_adapted_layers_only(
    generator: np.random.Generator,
) -> None:
    """W + scale * A B for the hidden layers; the output layer and all biases stay."""
    layers, pairs = some_layers(generator), some_pairs(generator, 2)

    merged = merge(layers, pairs, 0.5)

    np.testing.assert_allclose(merged[0].weight - layers[0].weight, 0.5 * pairs[0].a @ pairs[0].b)
    np.testing.assert_allclose(merged[1].weight - layers[1].weight, 0.5 * pairs[1].a @ pairs[1].b)
    assert merged[2] is layers[2]
    assert all(new.bias is old.bias for new, old in zip(merged, layers, strict=True))


def test_log_probabilities_survive_huge_logits() -> None:
    """The softmax of logits far apart is exact and finite."""
    logs = log_probabilities(np.array([[1e4, 0.0, -1e4]]))

    assert logs.tolist() == [[0.0, -1e4, -2e4]]


def test_the_norm_is_taken_over_all_arrays_together() -> None:
    """The gradient norm is one Euclidean length."""
    assert norm([np.array([3.0]), np.array([[0.0, 4.0]])]) == 5.0


def test_adam_walks_to_the_minimum_of_a_bowl() -> None:
    """Following the gradient of a quadratic ends at its minimum, in place."""
    parameter = np.array([4.0, -3.0])
    target = np.array([1.0, 2.0])
    optimizer = Adam([parameter])

    for _ in range(400):
        optimizer.step([2 * (parameter - target)], 0.1)

    np.testing.assert_allclose(parameter, target, atol=1e-3)


def test_the_first_step_of_adam_has_the_length_of_the_learning_rate() -> None:
    """Bias correction makes the first step as long as the learning rate, whatever the gradient."""
    parameter = np.array([0.0, 0.0])

    Adam([parameter]).step([np.array([1e-3, -50.0])], 0.1)

    np.testing.assert_allclose(parameter, [-0.1, 0.1], rtol=1e-4)
