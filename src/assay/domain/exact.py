"""Exact numbers: scores and thresholds as fractions, so that a tie is a tie.

A float means the decimal that Python prints for it: 0.1 is one tenth, not the nearest double. That
is what the person who wrote 0.1 meant, and it makes 0.1 + 0.2 equal to 0.3.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from decimal import Context, Decimal, Inexact
from fractions import Fraction
from typing import Final

from assay.domain.canonical import MAX_INTEGER_DIGITS
from assay.domain.errors import InvalidArgument

MAX_TEXT: Final = 1_200

_DECIMAL: Final = re.compile(
    r"[+-]?(?:[0-9]{1,400}(?:\.[0-9]{0,400})?|\.[0-9]{1,400})(?:[eE][+-]?[0-9]{1,3})?"
)
# A mean of doubles: 308 digits before the point and 324 after it, and the number of items.
_RATIO: Final = re.compile(r"([+-]?[0-9]{1,700})/([0-9]{1,400})")
_INTEGER_LIMIT: Final = 10**MAX_INTEGER_DIGITS
# Doubles reach from 1e308 down to 5e-324 with 17 digits, so 1,000 digits hold any sum of them
# exactly; the trap turns a mistake in that reasoning into an error instead of a rounded score.
_EXACT: Final = Context(prec=1_000, Emax=10_000, Emin=-10_000, traps=[Inexact])


def exact(value: object, field: str = "value") -> Fraction:
    """The fraction that an integer, a float, a decimal text or an `n/d` text stands for.

    InvalidArgument naming `field` for anything else: booleans, NaN, infinities, endless digits.
    """
    if isinstance(value, Fraction):
        return value
    if isinstance(value, bool):
        raise InvalidArgument(f"{field} must be a number, not a bool.", field=field)
    if isinstance(value, int):
        if not -_INTEGER_LIMIT < value < _INTEGER_LIMIT:
            raise InvalidArgument(
                f"{field} has more than {MAX_INTEGER_DIGITS} digits.", field=field
            )
        return Fraction(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidArgument(f"{field} must be a finite number.", field=field)
        return Fraction(float.__repr__(value))
    if isinstance(value, str):
        return _parse(value, field)
    raise InvalidArgument(f"{field} must be a number, not a {type(value).__name__}.", field=field)


def exact_text(value: Fraction) -> str:
    """The number as a plain decimal where that ends, else as `n/d`; `exact` reads it back."""
    number, twos, fives = value.denominator, 0, 0
    while number % 2 == 0:
        number, twos = number // 2, twos + 1
    while number % 5 == 0:
        number, fives = number // 5, fives + 1
    places = max(twos, fives)
    if number != 1 or places > 400:
        return f"{value.numerator}/{value.denominator}"
    digits = str(abs(value.numerator) * 10**places // value.denominator).rjust(places + 1, "0")
    sign = "-" if value < 0 else ""
    return sign + (f"{digits[:-places]}.{digits[-places:]}" if places else digits)


def exact_sum(values: Iterable[int | float]) -> Fraction:
    """The exact sum of finite numbers; linear in their count, without a rounding anywhere."""
    whole = 0
    real = Decimal(0)
    for value in values:
        if isinstance(value, int):
            whole += value
        else:
            real = _EXACT.add(real, Decimal(float.__repr__(value)))
    return Fraction(real) + whole


def short(value: Fraction) -> str:
    """The number for a sentence: exact where that is short, else 12 digits marked with `≈`."""
    text = exact_text(value)
    return text if len(text) <= 24 else f"≈{float(value):.12g}"


def _parse(text: str, field: str) -> Fraction:
    if len(text) <= MAX_TEXT:
        if _DECIMAL.fullmatch(text) is not None:
            return Fraction(text)
        ratio = _RATIO.fullmatch(text)
        if ratio is not None and int(ratio[2]) != 0:
            return Fraction(int(ratio[1]), int(ratio[2]))
    raise InvalidArgument(f"{field} must be a decimal number, not {text[:50]!r}.", field=field)
