"""Distributions of hyperparameters, each as its quantile function: from [0, 1) to a value."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Final

from assay.domain.errors import InvalidArgument, LimitExceeded

MAX_CHOICES: Final = 100_000
_EDGE: Final = 1e-12
_MAX_EXPONENT: Final = 700.0

_Quantile = Callable[[float, float, float], float]


@dataclass(frozen=True, slots=True)
class Distribution:
    """What values a parameter takes.

    `choices` are all of them where they can be counted, else empty; then `first` and `second` are
    the two numbers that the kind is described by, bounds or mean and deviation, and values are
    whole multiples of `quantum` unless that is 0.
    """

    kind: str
    choices: Sequence[Any] = ()
    weights: tuple[float, ...] = ()
    first: float = 0.0
    second: float = 0.0
    quantum: float = 0.0

    @property
    def is_categorical(self) -> bool:
        """Whether its values have no order."""
        return self.kind in ("constant", "categorical", "categorical_w_probabilities")

    def at(self, unit: float) -> Any:
        """The value below which the part `unit` of the distribution lies."""
        unit = min(max(unit, 0.0), 1 - _EDGE)
        if self.choices:
            return self.choices[self._place(unit)]
        _, quantile = _KINDS[self.kind.removeprefix("q_")]
        value = quantile(unit, self.first, self.second)
        if not self.quantum:
            return value
        value = round(value / self.quantum) * self.quantum
        return int(value) if float(self.quantum).is_integer() else _tidy(value, self.quantum)

    def _place(self, unit: float) -> int:
        if not self.weights:
            return min(int(unit * len(self.choices)), len(self.choices) - 1)
        reached = 0.0
        for place, weight in enumerate(self.weights):
            reached += weight
            if unit < reached:
                return place
        return len(self.weights) - 1


def parse_distribution(body: Mapping[Any, Any], field: str) -> Distribution:
    """The distribution that a parameter's mapping describes. Raises InvalidArgument."""
    kind = body.get("distribution") or _guess(body)
    if not isinstance(kind, str):
        raise InvalidArgument(f"{field} has neither a value, values, nor bounds.", field=field)
    if kind == "constant":
        if "value" not in body:
            raise InvalidArgument(f"{field} has no value.", field=field)
        return Distribution(kind, (body["value"],))
    if kind in ("categorical", "categorical_w_probabilities"):
        return _categorical(body, field)
    if kind == "int_uniform":
        return _whole(body, field)
    bare = kind.removeprefix("q_")
    if bare not in _KINDS or (kind != bare and bare.startswith("inv_")):
        raise InvalidArgument(f"{field}: {kind[:50]!r} is no distribution here.", field=field)
    names, _ = _KINDS[bare]
    first, second = (_number(body, name, field) for name in names)
    _check_range(bare, first, second, field)
    quantum = 0.0
    if kind != bare:
        quantum = _number({"q": 1, **body}, "q", field)
        if quantum <= 0:
            raise InvalidArgument(f"{field}.q must be greater than 0.", field=field)
    choices = _multiples(first, second, quantum) if kind == "q_uniform" else ()
    return Distribution(kind, choices, (), first, second, quantum)


def _guess(body: Mapping[Any, Any]) -> str | None:
    if "value" in body:
        return "constant"
    if "values" in body:
        return "categorical"
    if "min" in body and "max" in body:
        is_whole = all(
            isinstance(body[name], int) and not isinstance(body[name], bool)
            for name in ("min", "max")
        )
        return "int_uniform" if is_whole else "uniform"
    if "mu" in body or "sigma" in body:
        return "normal"
    return None


def _categorical(body: Mapping[Any, Any], field: str) -> Distribution:
    values = body.get("values")
    if not isinstance(values, list) or not values:
        raise InvalidArgument(f"{field}.values must be a list of at least one.", field=field)
    if len(values) > MAX_CHOICES:
        raise LimitExceeded(f"{field} has more than {MAX_CHOICES} values.", field=field)
    weights = body.get("probabilities")
    if weights is None:
        return Distribution("categorical", tuple(values))
    if (
        not isinstance(weights, list)
        or len(weights) != len(values)
        or any(isinstance(w, bool) or not isinstance(w, int | float) or w < 0 for w in weights)
        or not math.isclose(math.fsum(weights), 1, abs_tol=1e-6)
    ):
        raise InvalidArgument(
            f"{field}.probabilities must be a number for each value, 1 together.", field=field
        )
    return Distribution("categorical_w_probabilities", tuple(values), tuple(map(float, weights)))


def _whole(body: Mapping[Any, Any], field: str) -> Distribution:
    low, high = _number(body, "min", field), _number(body, "max", field)
    if not low.is_integer() or not high.is_integer() or low > high:
        raise InvalidArgument(f"{field}: min and max are whole numbers in order.", field=field)
    return Distribution("int_uniform", range(int(low), int(high) + 1), (), low, high)


def _multiples(low: float, high: float, quantum: float) -> tuple[Any, ...]:
    """Every value of a uniform distribution in steps, unless there are too many to count."""
    start, end = math.ceil(low / quantum - 1e-9), math.floor(high / quantum + 1e-9)
    if not 0 < end - start + 1 <= MAX_CHOICES:
        return ()
    is_whole = float(quantum).is_integer()
    return tuple(
        int(n * quantum) if is_whole else _tidy(n * quantum, quantum) for n in range(start, end + 1)
    )


def _tidy(value: float, quantum: float) -> float:
    """A multiple without the dust of binary fractions."""
    return round(value, max(0, 12 - math.floor(math.log10(quantum))))


def _number(body: Mapping[Any, Any], name: str, field: str) -> float:
    value = body.get(name)
    if value is None and name in _DEFAULTS:
        value = _DEFAULTS[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidArgument(f"{field}.{name} must be a number.", field=field)
    return float(value)


def _check_range(kind: str, first: float, second: float, field: str) -> None:
    if kind in ("normal", "log_normal"):
        if second <= 0:
            raise InvalidArgument(f"{field}.sigma must be greater than 0.", field=field)
        is_right = kind == "normal" or abs(first) + 8 * second < _MAX_EXPONENT
    else:
        is_right = first <= second
        if kind.endswith("_values"):
            is_right = is_right and first > 0
        elif kind != "uniform":
            is_right = is_right and max(abs(first), abs(second)) < _MAX_EXPONENT
    if not is_right:
        raise InvalidArgument(f"{field}: the bounds do not fit a {kind}.", field=field)


def _between(unit: float, low: float, high: float) -> float:
    return low + unit * (high - low)


_BOUNDS: Final = ("min", "max")
_DEFAULTS: Final = {"mu": 0.0, "sigma": 1.0}
_KINDS: Final[Mapping[str, tuple[tuple[str, str], _Quantile]]] = {
    "uniform": (_BOUNDS, _between),
    "log_uniform": (_BOUNDS, lambda u, a, b: math.exp(_between(u, a, b))),
    "log_uniform_values": (
        _BOUNDS,
        lambda u, a, b: min(max(math.exp(_between(u, math.log(a), math.log(b))), a), b),
    ),
    "inv_log_uniform": (_BOUNDS, lambda u, a, b: math.exp(-_between(1 - u, a, b))),
    "inv_log_uniform_values": (
        _BOUNDS,
        lambda u, a, b: min(max(math.exp(_between(u, math.log(a), math.log(b))), a), b),
    ),
    "normal": (("mu", "sigma"), lambda u, m, s: NormalDist(m, s).inv_cdf(max(u, _EDGE))),
    "log_normal": (
        ("mu", "sigma"),
        lambda u, m, s: math.exp(NormalDist(m, s).inv_cdf(max(u, _EDGE))),
    ),
}
"""By kind: what its two numbers are called, and its quantile function."""
