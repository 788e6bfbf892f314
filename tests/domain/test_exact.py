import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.domain.errors import InvalidArgument
from assay.domain.exact import exact, exact_sum, exact_text, short
from tests.domain.examples import floats, integers

fractions = st.fractions() | st.builds(
    lambda number, places: Fraction(number, 10**places), integers(), st.integers(0, 200)
)


@given(fractions)
def test_an_exact_text_reads_back_as_the_same_number(number: Fraction) -> None:
    """Writing a number down and reading it loses nothing."""
    assert exact(exact_text(number)) == number


@given(floats())
def test_a_float_is_the_decimal_that_python_prints(number: float) -> None:
    """The fraction of a float is that of its printed form, and the same float comes back."""
    assert exact(number) == Fraction(repr(number))
    assert float(exact(number)) == number


@given(st.lists(floats() | integers(), max_size=30), st.randoms(use_true_random=False))
def test_a_sum_is_exact_in_any_order(numbers: list[float], random: object) -> None:
    """Order changes nothing, and no double from 1e308 to 5e-324 is rounded away."""
    assert exact_sum(numbers) == sum((exact(number) for number in numbers), Fraction(0))
    assert exact_sum(reversed(numbers)) == exact_sum(numbers)


def test_tenths_add_up() -> None:
    """0.1 and 0.2 make 0.3, and ten tenths make one, as whoever wrote them meant."""
    assert exact_sum([0.1, 0.2]) == exact(0.3) == exact("0.3") == Fraction(3, 10)
    assert exact_sum([0.1] * 10) == 1
    assert exact_sum([1e308, 5e-324, -1e308]) == Fraction("5e-324")


@pytest.mark.parametrize(
    "value",
    [True, math.nan, math.inf, -math.inf, "", "x", "1/0", "nan", "inf", "1e9999999", "1_0", " 1",
     "0x1", "9" * 900, "--1", "1/2/3", "٣", None, [1], 10**64],
)  # fmt: skip
def test_what_is_not_a_plain_number_is_refused(value: object) -> None:
    """Booleans, NaN, infinities, other scripts and endless digits are no scores."""
    with pytest.raises(InvalidArgument) as caught:
        exact(value, "threshold")
    assert caught.value.field == "threshold"


@pytest.mark.parametrize(
    ("number", "text"),
    [(Fraction(1, 2), "0.5"), (Fraction(-1, 8), "-0.125"), (Fraction(2, 3), "2/3"),
     (Fraction(1200), "1200"), (Fraction(0), "0"), (Fraction("1e-5"), "0.00001")],
)  # fmt: skip
def test_numbers_are_written_plainly(number: Fraction, text: str) -> None:
    """A decimal without exponent where it ends, a ratio where it does not."""
    assert exact_text(number) == text


def test_a_mean_of_doubles_of_every_size_is_read_back() -> None:
    """What the server computes from legal rows can be kept: 308 digits before the point, 324 behind."""
    mean = exact_sum([1.2345678901234567e308, 4.940656458412465e-324, 1.5]) / 100_003
    assert exact(exact_text(mean)) == mean


def test_a_long_number_is_shortened_in_sentences_only() -> None:
    """A sentence says that it shortened; the exact text stays exact."""
    number = Fraction(10**30 + 1, 3 * 10**30)
    assert short(number).startswith("≈0.333333333333")
    assert short(Fraction(61, 100)) == "0.61"
