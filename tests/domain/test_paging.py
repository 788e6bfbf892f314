import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.domain.errors import InvalidArgument
from assay.domain.paging import MAX_TOKEN, bind, decode, encode
from tests.domain.examples import integers, texts

QUERY = bind({"filter": "metrics.a > 1", "order_by": []})
values = st.lists(st.none() | st.booleans() | integers() | st.floats() | texts(), max_size=6)


@given(values)
def test_a_token_carries_its_values(carried: list[object]) -> None:
    """Every kind of key comes back as it went in, NaN and minus zero included."""
    token = encode(carried, QUERY)  # type: ignore[arg-type]

    assert list(map(repr, carried)) == list(map(repr, decode(token, QUERY, size=len(carried))))
    assert token.isascii()
    assert "=" not in token


@given(values, st.data())
def test_a_damaged_token_is_refused(carried: list[object], data: st.DataObject) -> None:
    """Changing any one character is noticed."""
    token = encode(carried, QUERY)  # type: ignore[arg-type]
    place = data.draw(st.integers(0, len(token) - 2))
    other = data.draw(st.sampled_from("AZaz09-_.=é ").filter(lambda mark: mark != token[place]))
    with pytest.raises(InvalidArgument) as caught:
        decode(token[:place] + other + token[place + 1 :], QUERY)
    assert caught.value.field == "page_token"


@given(st.text(max_size=60))
def test_what_is_no_token_is_refused(text: str) -> None:
    """Any other text is a refusal, not an error of the server."""
    with pytest.raises(InvalidArgument):
        decode(text, QUERY)


def test_a_token_belongs_to_its_query() -> None:
    """The page of one query is not the page of another."""
    token = encode([1], QUERY)
    with pytest.raises(InvalidArgument, match="another query"):
        decode(token, bind({"filter": "", "order_by": []}))


def test_a_binding_does_not_depend_on_key_order() -> None:
    """The same query is the same query."""
    assert bind({"a": 1, "b": 2}) == bind({"b": 2, "a": 1}) != bind({"a": 1, "b": 3})


def test_a_token_of_another_shape_is_refused() -> None:
    """Whoever needs two keys is not handed three, nor a structure."""
    with pytest.raises(InvalidArgument):
        decode(encode([1, 2, 3], QUERY), QUERY, size=2)


@pytest.mark.parametrize(
    "payload",
    ["[]", "{}", "3", '["q",[]]', '["q",["x"]]', '["q",{"a":1}]', "x", '["q",["0x1p9999"]]'],
)
def test_a_forged_payload_is_refused(payload: str) -> None:
    """A right check value around the wrong content helps nobody."""
    from assay.domain.canonical import sha256_hex

    text = sha256_hex(payload)[:12] + payload
    with pytest.raises(InvalidArgument):
        decode(base64.urlsafe_b64encode(text.encode()).decode().rstrip("="), "q")


def test_a_token_is_bounded() -> None:
    """An endless token is refused before it is decoded."""
    with pytest.raises(InvalidArgument):
        decode("A" * (2 * MAX_TOKEN + 4), QUERY)
