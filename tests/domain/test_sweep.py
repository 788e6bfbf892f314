"""Spaces of hyperparameters: what a config asks for, counted exactly and drawn again the same."""

from __future__ import annotations

import math
from typing import Any

import pytest

from assay.domain.errors import AppError
from assay.domain.sweep import (
    Plan,
    drawn_units,
    grid_values,
    metric_of,
    parse_plan,
    run_config,
    values_at,
)

DRAWS = 2_000


def a_plan(method: str = "random", **parameters: Any) -> Plan:
    return parse_plan({"method": method, "metric": {"name": "m"}, "parameters": parameters})


def drawn(body: dict[str, Any]) -> list[Any]:
    plan = a_plan(x=body)
    return [values_at(plan, drawn_units(plan, "seed", number))[0] for number in range(DRAWS)]


def test_a_grid_is_counted_through_without_gap_or_repeat() -> None:
    """Every combination has one number; the last parameter varies fastest."""
    plan = a_plan("grid", a={"values": [1, 2]}, b={"min": 3, "max": 5}, c={"value": "x"})

    points = [tuple(grid_values(plan, number)) for number in range(plan.grid_size)]

    assert points == [(a, b, "x") for a in (1, 2) for b in (3, 4, 5)]
    assert plan.size == 6


def test_steps_between_bounds_are_a_grid_too() -> None:
    """q_uniform in a grid has both of its bounds and everything between."""
    plan = a_plan("grid", x={"distribution": "q_uniform", "min": 0, "max": 0.3, "q": 0.1})

    assert [grid_values(plan, n)[0] for n in range(plan.grid_size)] == [0.0, 0.1, 0.2, 0.3]


def test_a_cap_ends_a_grid_early_and_a_random_sweep_at_all() -> None:
    """`run_cap` is the most runs that there are."""
    spelled = {"parameters": {"a": {"values": [1, 2, 3]}}, "run_cap": 2}

    assert parse_plan({"method": "grid", **spelled}).size == 2
    assert parse_plan({"method": "random", **spelled}).size == 2
    assert a_plan(a={"values": [1]}).size is None


def test_nested_parameters_become_nested_config() -> None:
    """A parameter of parameters is an object in the run's config."""
    plan = a_plan("grid", o={"parameters": {"lr": {"value": 1}, "b": {"value": 2}}}, s={"value": 3})

    assert run_config(plan, grid_values(plan, 0)) == {"o": {"lr": 1, "b": 2}, "s": 3}


@pytest.mark.parametrize(
    ("body", "low", "high", "median"),
    [
        ({"min": 2.0, "max": 4.0}, 2, 4, 3.0),
        ({"distribution": "log_uniform_values", "min": 1e-4, "max": 1.0}, 1e-4, 1, 1e-2),
        ({"distribution": "log_uniform", "min": -2, "max": 2}, math.exp(-2), math.exp(2), 1.0),
        ({"distribution": "inv_log_uniform", "min": -2, "max": 2}, math.exp(-2), math.exp(2), 1.0),
        (
            {"distribution": "inv_log_uniform_values", "min": 1e-4, "max": 1.0},
            *(1e-4, 1, 1e-2),
        ),
        ({"distribution": "normal", "mu": 5, "sigma": 0.1}, 4, 6, 5.0),
        ({"distribution": "log_normal", "mu": 0, "sigma": 0.1}, 0.5, 2, 1.0),
        ({"min": 1, "max": 9}, 1, 9, 5),
    ],
)
def test_values_keep_to_their_distribution(
    body: dict[str, Any], low: float, high: float, median: float
) -> None:
    """All lie within the bounds, half of them on either side of the median."""
    values = sorted(drawn(body))

    assert low <= values[0]
    assert values[-1] <= high
    assert values[DRAWS // 2] == pytest.approx(median, rel=0.2)


@pytest.mark.parametrize(
    ("kind", "numbers", "quantum"),
    [
        ("q_log_uniform_values", {"min": 1, "max": 1000}, 5),
        ("q_normal", {"mu": 100, "sigma": 30}, 2),
        ("q_log_normal", {"mu": 3, "sigma": 1}, 1),
        ("q_uniform", {"min": 0, "max": 100}, 10),
    ],
)
def test_quantized_values_are_whole_multiples(
    kind: str, numbers: dict[str, float], quantum: int
) -> None:
    """`q_*` gives multiples of q, whole numbers for a whole q."""
    values = drawn({"distribution": kind, "q": quantum, **numbers})

    assert all(isinstance(value, int) and value % quantum == 0 for value in values)
    assert len(set(values)) > 5


def test_choices_come_as_often_as_their_probabilities_say() -> None:
    """Without probabilities each is as likely as the others."""
    weighted = drawn({"values": ["a", "b"], "probabilities": [0.9, 0.1]})
    even = drawn({"values": [True, None, "c", 4]})

    assert 0.87 < weighted.count("a") / DRAWS < 0.93
    assert all(0.2 < even.count(choice) / DRAWS < 0.3 for choice in (True, None, "c", 4))


def test_a_seed_draws_the_same_points_evermore() -> None:
    """What another seed or another number draws is something else."""
    plan = a_plan(x={"min": 0.0, "max": 1.0}, y={"min": 0.0, "max": 1.0})

    again = drawn_units(plan, "s", 3)
    assert drawn_units(plan, "s", 3) == again
    assert again != drawn_units(plan, "s", 4)
    assert again != drawn_units(plan, "t", 3)
    assert again[0] != again[1]


@pytest.mark.parametrize(
    ("summary", "value"),
    [
        ({"m": 1}, 1.0),
        ({"m": {"min": 2, "last": 5}}, 2.0),
        ({"m": math.nan}, None),
        ({"m": True}, None),
        ({"n": 1}, None),
    ],
)
def test_a_metric_is_a_finite_number_of_the_summary(
    summary: dict[str, Any], value: float | None
) -> None:
    """Of its extremes the one that the goal is about; what is no number is not observed."""
    assert metric_of(a_plan(x={"value": 1}), summary) == value


@pytest.mark.parametrize(
    "config",
    [
        None,
        {"method": "grid"},
        {"method": "walk", "parameters": {"a": {"value": 1}}},
        {"method": "grid", "parameters": {"a": {"min": 0.0, "max": 1.0}}},
        {"method": "bayes", "parameters": {"a": {"value": 1}}},
        {"method": "random", "parameters": {"a": {}}},
        {"method": "random", "parameters": {"a": {"values": []}}},
        {"method": "random", "parameters": {"a": {"min": 2.0, "max": 1.0}}},
        {"method": "random", "parameters": {"a": {"distribution": "beta", "a": 1, "b": 1}}},
        {"method": "random", "parameters": {"a": {"values": [1], "probabilities": [0.5]}}},
        {"method": "random", "parameters": {"a": {"distribution": "normal", "sigma": 0}}},
        {
            "method": "random",
            "parameters": {"a": {"distribution": "log_uniform", "min": 0, "max": 1e9}},
        },
        {"method": "random", "parameters": {"a": {"value": 1}}, "run_cap": 0},
        {"method": "grid", "parameters": {c: {"min": 0, "max": 9999} for c in "abc"}},
    ],
)
def test_a_config_that_means_nothing_is_refused(config: Any) -> None:
    """The refusal comes when the sweep is made, not when an agent asks."""
    with pytest.raises(AppError):
        parse_plan(config)


def test_early_termination_is_not_done_and_that_is_said() -> None:
    """The client prints the warning."""
    config = {"method": "grid", "parameters": {"a": {"value": 1}}}

    assert parse_plan({**config, "early_terminate": {"type": "hyperband"}}).warnings
    assert not parse_plan(config).warnings
