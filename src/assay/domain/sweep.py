"""Sweeps: a space of hyperparameters, and the points of it that runs are given.

Pure: numbers between 0 and 1 are handed in, wherever they come from.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple

from assay.domain.distributions import Distribution, parse_distribution
from assay.domain.errors import InvalidArgument, LimitExceeded

MAX_PARAMETERS: Final = 1_000
MAX_GRID: Final = 10**9
MAX_DEPTH: Final = 10
_DRAW_BITS: Final = 53


class Method(StrEnum):
    """How the next point is chosen."""

    GRID = "grid"
    RANDOM = "random"
    BAYES = "bayes"


class SweepState(StrEnum):
    """Where a sweep is in its life."""

    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELED = "canceled"

    @property
    def is_over(self) -> bool:
        """Whether no run begins any more."""
        return self in (SweepState.FINISHED, SweepState.CANCELED)


class TrialState(StrEnum):
    """What became of a point that was given to an agent."""

    LEASED = "leased"
    DONE = "done"
    LOST = "lost"


class Parameter(NamedTuple):
    """One dimension: where it goes in the run's config, and what values it takes."""

    path: tuple[str, ...]
    distribution: Distribution


@dataclass(frozen=True, slots=True)
class Plan:
    """What a sweep's config asks for. `warnings` say what of it is not done."""

    method: Method
    parameters: tuple[Parameter, ...]
    metric: str | None
    is_maximized: bool
    run_cap: int | None
    warnings: tuple[str, ...]

    @property
    def grid_size(self) -> int:
        """How many points the grid has."""
        return math.prod(len(each.distribution.choices) for each in self.parameters)

    @property
    def size(self) -> int | None:
        """How many runs there will be; None for no end."""
        sizes = [self.grid_size] if self.method is Method.GRID else []
        if self.run_cap is not None:
            sizes.append(self.run_cap)
        return min(sizes, default=None)


def parse_plan(config: Any) -> Plan:
    """The plan in a sweep's config. Raises InvalidArgument, naming the member that is wrong."""
    if not isinstance(config, Mapping):
        raise InvalidArgument("A sweep's config is a mapping.", field="config")
    try:
        method = Method(config.get("method", ""))
    except ValueError:
        raise InvalidArgument("method is one of grid, random and bayes.", field="method") from None
    spelled = config.get("parameters")
    if not isinstance(spelled, Mapping) or not spelled:
        raise InvalidArgument("parameters names at least one parameter.", field="parameters")
    parameters = tuple(_parameters(spelled, (), method))
    if len(parameters) > MAX_PARAMETERS:
        raise LimitExceeded(f"A sweep has at most {MAX_PARAMETERS} parameters.", field="parameters")
    metric, is_maximized = _metric(config.get("metric"))
    if method is Method.BAYES and metric is None:
        raise InvalidArgument("A bayes sweep names its metric.", field="metric")
    warnings = []
    if config.get("early_terminate"):
        warnings.append(
            "early_terminate: this server stops no run early; every run goes to its end"
        )
    plan = Plan(
        method, parameters, metric, is_maximized, _cap(config.get("run_cap")), tuple(warnings)
    )
    if method is Method.GRID and plan.grid_size > MAX_GRID:
        raise LimitExceeded(f"A grid has at most {MAX_GRID} points.", field="parameters")
    return plan


def grid_values(plan: Plan, number: int) -> list[Any]:
    """The values of the `number`-th point of the grid, from 0; the last parameter varies fastest."""
    values: list[Any] = []
    for parameter in reversed(plan.parameters):
        choices = parameter.distribution.choices
        number, place = divmod(number, len(choices))
        values.append(choices[place])
    return values[::-1]


def values_at(plan: Plan, units: Sequence[float]) -> list[Any]:
    """The values at a point of the unit cube, one number for each parameter."""
    return [each.distribution.at(unit) for each, unit in zip(plan.parameters, units, strict=True)]


def drawn_units(plan: Plan, seed: str, number: int) -> list[float]:
    """The `number`-th random point of the unit cube: the same for the same seed, evermore."""
    return [_draw(seed, number, each.path) for each in plan.parameters]


def run_config(plan: Plan, values: Sequence[Any]) -> dict[str, Any]:
    """Values as the config of a run; those of nested parameters in objects within each other."""
    config: dict[str, Any] = {}
    for parameter, value in zip(plan.parameters, values, strict=True):
        place = config
        for name in parameter.path[:-1]:
            place = place.setdefault(name, {})
        place[parameter.path[-1]] = value
    return config


def metric_of(plan: Plan, summary: Mapping[str, Any]) -> float | None:
    """The sweep's metric in a run's summary: a finite number, or None.

    Of an object that holds extremes, the one that the goal is about.
    """
    value = _member(summary, plan.metric or "")
    if isinstance(value, Mapping):
        order = ("max", "last") if plan.is_maximized else ("min", "last")
        value = next((value[name] for name in ("best", *order) if name in value), None)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _member(summary: Mapping[str, Any], key: str) -> Any:
    if key in summary:
        return summary[key]
    found: Any = summary
    for part in key.split("."):
        if not isinstance(found, Mapping) or part not in found:
            return None
        found = found[part]
    return found


def _parameters(
    spelled: Mapping[Any, Any], above: tuple[str, ...], method: Method
) -> list[Parameter]:
    if len(above) >= MAX_DEPTH:
        raise LimitExceeded("The parameters are nested too deeply.", field="parameters")
    found = []
    for name, body in spelled.items():
        path = (*above, str(name))
        field = "parameters." + ".".join(path)
        if not isinstance(body, Mapping):
            raise InvalidArgument(f"{field} must be a mapping.", field=field)
        if "parameters" in body:
            inner = body["parameters"]
            if not isinstance(inner, Mapping) or not inner:
                raise InvalidArgument(f"{field}.parameters must name parameters.", field=field)
            found += _parameters(inner, path, method)
            continue
        distribution = parse_distribution(body, field)
        if method is Method.GRID and not distribution.choices:
            raise InvalidArgument(
                f"{field}: a grid needs values, a value, or whole numbers between two bounds.",
                field=field,
            )
        found.append(Parameter(path, distribution))
    return found


def _metric(given: Any) -> tuple[str | None, bool]:
    if given is None:
        return None, False
    if not isinstance(given, Mapping) or not isinstance(given.get("name"), str):
        raise InvalidArgument("metric has a name and a goal.", field="metric")
    goal = given.get("goal", "minimize")
    if goal not in ("minimize", "maximize"):
        raise InvalidArgument("metric.goal is minimize or maximize.", field="metric")
    return given["name"], goal == "maximize"


def _cap(given: Any) -> int | None:
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int) or given < 1:
        raise InvalidArgument("run_cap is a whole number from 1.", field="run_cap")
    return given


def _draw(seed: str, number: int, path: tuple[str, ...]) -> float:
    text = json.dumps([seed, number, *path])
    whole = int.from_bytes(hashlib.sha256(text.encode()).digest())
    return (whole >> (256 - _DRAW_BITS)) / (1 << _DRAW_BITS)
