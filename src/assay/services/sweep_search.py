"""Where a bayes sweep looks next, by the optimizer of the extra `sweeps` (optuna)."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Sequence
from typing import Final, NamedTuple

from assay.domain.errors import FailedPrecondition
from assay.domain.sweep import Plan

STARTING: Final = 8
"""So many points are random, before the search begins to follow what it saw."""


class Observation(NamedTuple):
    """A point of the unit cube, and the metric there; None while its run goes on."""

    units: tuple[float, ...]
    value: float | None


def require_search() -> None:
    """Raise FailedPrecondition, with the way out, when the optimizer is not installed."""
    if importlib.util.find_spec("optuna") is None:
        raise FailedPrecondition(
            "bayes sweeps need an optimizer on the server: pip install 'assay[sweeps]'",
            field="method",
        )


def propose(plan: Plan, seen: Sequence[Observation], seed: str) -> list[float]:
    """The next point of the unit cube: each parameter's place in its own distribution.

    So a logarithmic or normal parameter is searched on the scale that its distribution says.
    """
    require_search()
    import optuna  # noqa: PLC0415 - a second of imports, for the servers that need it
    from optuna.distributions import (  # noqa: PLC0415
        BaseDistribution,
        CategoricalDistribution,
        FloatDistribution,
    )

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space: dict[str, BaseDistribution] = {}
    for place, parameter in enumerate(plan.parameters):
        spread = parameter.distribution
        if spread.is_categorical:
            space[str(place)] = CategoricalDistribution(tuple(range(len(spread.choices))))
        else:
            space[str(place)] = FloatDistribution(0.0, 1.0)
    number = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:4])
    sampler = optuna.samplers.TPESampler(
        n_startup_trials=STARTING, multivariate=True, constant_liar=True, seed=number
    )
    study = optuna.create_study(
        sampler=sampler, direction="maximize" if plan.is_maximized else "minimize"
    )
    for observation in seen:
        params = {
            str(place): _coordinate(plan, place, unit)
            for place, unit in enumerate(observation.units)
        }
        state = (
            optuna.trial.TrialState.RUNNING
            if observation.value is None
            else optuna.trial.TrialState.COMPLETE
        )
        study.add_trial(
            optuna.trial.create_trial(
                params=params, distributions=space, value=observation.value, state=state
            )
        )
    asked = study.ask(space).params
    return [_unit(plan, place, asked[str(place)]) for place in range(len(plan.parameters))]


def _coordinate(plan: Plan, place: int, unit: float) -> float | int:
    spread = plan.parameters[place].distribution
    if not spread.is_categorical:
        return unit
    return spread.choices.index(spread.at(unit))


def _unit(plan: Plan, place: int, coordinate: float) -> float:
    """The middle of a choice's part of the unit, or the coordinate itself."""
    spread = plan.parameters[place].distribution
    if not spread.is_categorical:
        return float(coordinate)
    chosen = int(coordinate)
    if not spread.weights:
        return (chosen + 0.5) / len(spread.choices)
    return sum(spread.weights[:chosen]) + spread.weights[chosen] / 2
