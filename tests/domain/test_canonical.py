# ruff: noqa: N802 -- L6 to L31 are the numbers of the adversarial lineage cases

import enum
import json

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from assay.domain.canonical import (
    MAX_TEXT_BYTES,
    canonical_text,
    check_value,
    is_portable,
    parse_canonical,
    parse_strict,
    sha256_hex,
)
from assay.domain.errors import AppError, InvalidArgument, LimitExceeded
from tests.domain.examples import json_values


def reference(value: object) -> str:
    """What the scheme is defined as."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def refusal(raw: bytes | str) -> InvalidArgument:
    """The refusal of a text by the strict parser."""
    with pytest.raises(InvalidArgument) as caught:
        parse_strict(raw)
    return caught.value


@given(json_values())
@example({"ﬀ": 1, "😀": 2, "": 3, "__proto__": 4})
@example([1e16, 1e21, 5e-324, 1.7976931348623157e308, -0.0, 0.0, 0, 2**53 + 1, 10**63])
def test_the_canonical_text_is_what_python_dumps(value: object) -> None:
    """For every value of the domain our text equals the reference and parses back to the value."""
    text = canonical_text(value)

    assert reference(value) == text
    assert reference(parse_strict(text)) == text
    assert text.isascii()


@given(json_values(), st.booleans())
def test_parsing_a_text_of_the_domain_gives_what_json_gives(
    value: object, ascii_only: bool
) -> None:
    """The strict parser differs from the standard one only in what it refuses."""
    text = json.dumps(value, ensure_ascii=ascii_only, indent=1)

    assert reference(json.loads(text)) == reference(parse_strict(text.encode()))


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_any_text_is_parsed_or_refused(raw: bytes | str) -> None:
    """Whatever arrives, the parser answers with a value or with a refusal, never another error."""
    try:
        value = parse_strict(raw)
    except AppError:
        return
    assert canonical_text(value) == reference(value)


def test_L6_big_integers_are_exact_and_marked() -> None:
    """Integers beyond 2**53 - 1 keep every digit; they are flagged as not portable."""
    for number in (2**53 + 1, 2**63, 2**64, 10**30):
        assert parse_strict(str(number)) == number
        assert not is_portable(parse_strict(f'{{"a": [{number}]}}'))
    assert is_portable([2**53 - 1, -(2**53) + 1, True, 1.5, {"a": None}])


def test_L7_an_endless_integer_is_refused_by_path() -> None:
    """64 digits pass, 65 and 5,000 are refused naming where they stand."""
    assert parse_strict("9" * 64) == 10**64 - 1
    assert parse_strict("-" + "9" * 64) == -(10**64) + 1
    assert refusal('{"a": {"seed": ' + "9" * 65 + "}}").field == "a.seed"
    assert refusal('{"seed": -' + "9" * 5000 + "}").field == "seed"
    with pytest.raises(InvalidArgument, match="64 digits"):
        check_value(10**64, "seed")


@pytest.mark.parametrize("number", ["1e400", "-1e400", "NaN", "Infinity", "-Infinity"])
def test_L16_L17_numbers_that_are_not_finite_are_refused(number: str) -> None:
    """1e400 would silently become infinity, and the bare words are not JSON."""
    assert refusal(f'{{"config": {{"lr": {number}}}}}').field == "config.lr"
    with pytest.raises(InvalidArgument) as caught:
        check_value({"lr": [float("nan")]})
    assert caught.value.field == "lr[0]"


def test_L18_nothing_is_normalised() -> None:
    """One letter composed and decomposed stays two texts."""
    assert canonical_text("é") != canonical_text("e\u0301")


def test_L20_awkward_characters_are_escaped_as_python_does() -> None:
    """DEL, the line separator and markup keep their exact reference form."""
    assert canonical_text("\x7f\u2028</script>") == '"\\u007f\\u2028</script>"'


def test_L21_a_lone_surrogate_is_refused_and_a_pair_is_a_character() -> None:
    """An escape that is half a character is refused; a pair equals the raw character."""
    assert refusal('{"a": "\\ud800"}').field == "a"
    assert "lone surrogate" in refusal('{"a\\udc00": 1}').message
    assert parse_strict('"\\ud83d\\ude00"') == parse_strict('"😀"')
    with pytest.raises(InvalidArgument, match="lone surrogate"):
        canonical_text({"k": "\ud800"})


def test_L22_nul_is_refused_in_keys_and_values() -> None:
    """NUL cannot be kept in every database, so it is refused everywhere."""
    assert refusal('{"config": {"x": "a\\u0000b"}}').field == "config.x"
    assert "NUL" in refusal('{"a\\u0000": 1}').message


def test_L23_a_key_that_occurs_twice_is_refused_at_any_depth() -> None:
    """Two parsers would pick different values, so neither is right."""
    assert refusal('{"seed": 1, "seed": 1}').field == "seed"
    assert refusal('{"config": {"a": [{"lr": 1, "lr": 2}]}}').field == "config.a[0].lr"
    assert refusal('{"a b": 1, "a b": 1}').field == '["a b"]'


def test_L24_odd_keys_are_ordinary_keys() -> None:
    """The empty key and `__proto__` are kept like any other."""
    assert canonical_text({"__proto__": 1, "": 2}) == '{"":2,"__proto__":1}'


@pytest.mark.parametrize("depth", [65, 1_000, 100_000])
def test_L25_deep_nesting_is_refused_before_parsing(depth: int) -> None:
    """64 levels are legal; deeper text is refused without recursion, closed or not."""
    parse_strict("[" * 64 + "]" * 64)
    for opening, closing in (("[", "]"), ('{"a":', "1" + "}")):
        assert "64" in refusal(opening * depth + closing * depth).message
        assert "64" in refusal(opening * depth).message


def test_L25_deep_python_values_are_refused() -> None:
    """A value that contains itself ends in a refusal, not in endless recursion."""
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(InvalidArgument, match="64"):
        check_value(loop)
    assert check_value([[1]], max_depth=2) == [[1]]
    with pytest.raises(InvalidArgument):
        check_value([[[1]]], max_depth=2)


def test_brackets_inside_texts_are_not_nesting() -> None:
    """Depth is counted outside strings, escaped quotes included."""
    assert parse_strict(json.dumps(["[" * 1000, '"' + "{" * 1000, "\\" * 99])) is not None


def test_an_unclosed_string_of_quotes_is_scanned_once() -> None:
    """Half a million escaped quotes without an end are refused at once."""
    assert "not valid JSON" in refusal('"' + '\\"' * 500_000).message


def test_L26_the_limit_is_one_mebibyte() -> None:
    """A text of exactly 1 MiB passes, one byte more is refused, as raw text and as canonical text."""
    full = "a" * (MAX_TEXT_BYTES - 2)
    assert len(canonical_text(full)) == MAX_TEXT_BYTES
    assert parse_strict(f'"{full}"') == full
    with pytest.raises(LimitExceeded):
        canonical_text(full + "a")
    with pytest.raises(LimitExceeded):
        parse_strict(f'"{full}a"')
    assert len(canonical_text(full + "a", max_bytes=None)) == MAX_TEXT_BYTES + 1


@pytest.mark.parametrize(
    "raw",
    [b"\xef\xbb\xbf{}", "\ufeff{}", "{}".encode("utf-16"), "[1]".encode("utf-16-le"), b'"\xff"'],
)
def test_L27_only_plain_utf8_is_read(raw: bytes | str) -> None:
    """A byte order mark, UTF-16 and broken UTF-8 are refused."""
    assert refusal(raw).field == "body"


def test_L29_keys_must_be_strings() -> None:
    """Integer keys sort as numbers here and as text after a round trip, so they are refused."""
    for key in (1, None, True, 1.5, ("a",)):
        with pytest.raises(InvalidArgument, match="keys must be strings") as caught:
            check_value({"config": {key: 1}})
        assert caught.value.field == "config"


def test_L30_a_tuple_is_a_list() -> None:
    """A tuple and a list of the same items have one text."""
    assert canonical_text({"betas": (0.9, 0.999)}) == canonical_text({"betas": [0.9, 0.999]})


def test_L31_only_scalars_that_are_python_numbers_pass() -> None:
    """float64 is a float and passes; the other array scalars and containers are refused by path."""
    assert canonical_text({"lr": np.float64(0.1)}) == '{"lr":0.1}'
    foreign = (np.float32(0.1), np.int64(3), np.bool_(True), {1, 2}, b"x", object())
    for value in foreign:
        with pytest.raises(InvalidArgument) as caught:
            check_value({"config": [value]})
        assert caught.value.field == "config[0]"


def test_subclasses_of_plain_types_become_plain() -> None:
    """Enum members that are numbers or texts keep their value and lose their class."""

    class Level(enum.IntEnum):
        HIGH = 3

    class Word(enum.StrEnum):
        YES = "yes"

    plain = check_value({Word.YES: Level.HIGH, "w": Word.YES})

    assert plain == {"yes": 3, "w": "yes"}
    assert isinstance(plain, dict)
    assert {type(value) for value in plain.values()} == {int, str}
    assert {type(key) for key in plain} == {str}


def test_a_value_of_endless_size_is_refused() -> None:
    """Sharing can blow a small value up; the walk stops at the size that a text may have."""
    doubled: object = "x"
    for _ in range(40):
        doubled = [doubled, doubled]
    with pytest.raises(LimitExceeded):
        check_value(doubled)


def test_digests_are_of_utf8() -> None:
    """The digest of the empty text is the known one, and a text is hashed as UTF-8."""
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert sha256_hex("") == empty
    assert sha256_hex("é") == "4a99557e4033c3539de2eb65472017cad5f9557f7a0625a09f1c3f6e2ba69c4c"


def test_a_long_path_is_cut_in_the_message() -> None:
    """An error never repeats more than a few hundred characters of what was sent."""
    error = refusal(json.dumps({"k" * 5000: {"x" * 5000: "\0"}}))
    assert len(error.message) < 400


def the_long_way(text: str) -> object:
    """What `parse_canonical` promises, in its own words."""
    value = parse_strict(text)
    if canonical_text(value) != text:
        raise InvalidArgument("another text")
    return value


@given(json_values())
def test_a_canonical_text_is_read_as_what_it_stands_for(value: object) -> None:
    """Reading the canonical text gives the value, as the strict parser does."""
    text = canonical_text(value)
    assert repr(parse_canonical(text)) == repr(parse_strict(text))


@given(json_values(), st.integers(0, 200), st.text('{}[]",:\\ud08 019.eE+-n', max_size=3))
@example([10**64], 0, "")
@example(["\\u0000", "\\ud83d"], 0, "")
def test_every_other_text_is_refused(value: object, place: int, patch: str) -> None:
    """The short way to read a canonical text refuses exactly what the long way refuses."""
    try:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    except ValueError:
        return
    text = text[:place] + patch + text[place + len(patch) :]
    try:
        expected: object = the_long_way(text)
    except AppError:
        with pytest.raises(AppError):
            parse_canonical(text)
    else:
        assert repr(parse_canonical(text)) == repr(expected)


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"a":1}',
        '{"b":1,"a":1}',
        "[1, 2]",
        "[1E5]",
        "[NaN]",
        "[1e400]",
        "[1" + "0" * 64 + "]",
        "[" + "9" * 5_000 + "]",
        '["\\ud800"]',
        '["\\u0000"]',
        '["é"]',
        "[" * 65 + "]" * 65,
        "[" * 90_000 + "]" * 90_000,
        "\ufeff1",
        "",
    ],
)
def test_what_is_no_canonical_text_of_the_domain_is_refused(text: str) -> None:
    """Twice the same key, another order or spelling, and every value outside the domain."""
    with pytest.raises(AppError):
        parse_canonical(text)
