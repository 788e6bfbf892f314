"""The JSON of protocol buffers as MLflow's clients send it: lenient spelling, strict meaning.

A field may be spelled `run_id` or `runId`, a 64-bit integer may be a number or a text, a double may
be "NaN", "Infinity" or "-Infinity", an enum a name or a number, null means absent, and unknown fields
are ignored. What is ambiguous or does not fit is refused by the name of the field.
"""

from __future__ import annotations

import math
import re
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Annotated, Any, Final, TypeAlias, TypeVar, Union, get_args, get_origin

import msgspec

from assay.domain.errors import InvalidArgument

MessageT = TypeVar("MessageT", bound="Message")
Reader: TypeAlias = Callable[[Any, str], Any]

_RUN_ID: Final = "run_id"
_OLDER_RUN_ID: Final = "run_uuid"  # the field's name in the protocol's first version
_INT32: Final = 2**31
_INT64: Final = 2**63
_SHOWN: Final = 200
_INTEGER: Final = re.compile(r"-?[0-9]{1,19}")
_DOUBLE: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_SPELLED: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_API_DOCS: Final = "See the API docs for more information about request parameters."

Required: TypeAlias = Annotated[str, msgspec.Meta(min_length=1)]
"""A text that must be there and must not be empty."""

Int64: TypeAlias = Annotated[int, msgspec.Meta(ge=-_INT64, le=_INT64 - 1)]
Int32: TypeAlias = Annotated[int, msgspec.Meta(ge=-_INT32, le=_INT32 - 1)]


class Message(msgspec.Struct, gc=False):
    """A request of the protocol. A field without a default is required."""


class WireEnum(Enum):
    """An enum of the protocol: a member's value is its number, its name is its name."""


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    camel: str
    read: Reader
    is_list: bool
    is_required: bool


def missing(path: str) -> InvalidArgument:
    """The refusal for a required field that is absent or empty."""
    return InvalidArgument(
        f"Missing value for required parameter '{path}'. {_API_DOCS}", field=path
    )


def invalid(path: str, value: object, hint: str = "") -> InvalidArgument:
    """The refusal for a value that does not fit its field."""
    try:
        shown = msgspec.json.encode(value).decode()
    except (TypeError, ValueError, OverflowError, RecursionError):
        shown = f"of type {type(value).__name__}"
    if len(shown) > _SHOWN:
        shown = shown[:_SHOWN] + "…"
    why = hint or f"Hint: Value was of type '{type(value).__name__}'."
    return InvalidArgument(
        f"Invalid value {shown} for parameter '{path}' supplied: {why} {_API_DOCS}", field=path
    )


def bad_page_size(value: int, most: int) -> InvalidArgument:
    """The refusal of a `max_results` that is not from 1 to `most`."""
    rule = "It must be a positive integer" if value < 1 else f"It must be at most {most}"
    return InvalidArgument(
        f"Invalid value {value} for parameter 'max_results' supplied. {rule}; whole numbers from 1 "
        f"to {most} are allowed. {_API_DOCS}",
        field="max_results",
    )


def read_message(kind: type[MessageT], raw: Any, path: str = "") -> MessageT:
    """A message from decoded JSON; InvalidArgument names the field that is wrong."""
    return kind(**_read_fields(kind, raw, path))


def read_query(kind: type[MessageT], items: Mapping[str, list[str]]) -> MessageT:
    """A message from query parameters: a repeated parameter is a list, of others the first counts."""
    raw: dict[str, Any] = {}
    for field in _fields(kind):
        given = items.get(field.name)
        if given is None and field.name == _RUN_ID:
            given = items.get(_OLDER_RUN_ID)
        if given is None:
            continue
        raw[field.name] = given if field.is_list else _query_value(field, given[0])
    return read_message(kind, raw)


def _query_value(field: _Field, text: str) -> Any:
    if field.read is not _boolean:
        return text
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    raise invalid(field.name, text, "It must be 'true' or 'false'.")


def _read_fields(kind: type[Message], raw: Any, path: str) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise invalid(path or "body", raw, "It must be a JSON object.")
    values: dict[str, Any] = {}
    for field in _fields(kind):
        where = f"{path}.{field.name}" if path else field.name
        value = _pick(raw, field, where)
        if field.is_required and (value is None or value == ""):
            raise missing(where)
        if value is None:
            continue
        if field.is_list:
            values[field.name] = _read_list(field, value, where)
        else:
            values[field.name] = field.read(value, where)
    return values


def _pick(raw: dict[str, Any], field: _Field, where: str) -> Any:
    if field.camel == field.name or field.camel not in raw:
        value = raw.get(field.name)
    elif field.name in raw:
        msg = f"Request specifies both '{field.name}' and '{field.camel}'; send one of them."
        raise InvalidArgument(msg, field=where)
    else:
        value = raw[field.camel]
    if field.name == _RUN_ID and (value is None or value == ""):
        older = raw.get(_OLDER_RUN_ID, raw.get("runUuid"))
        return value if older is None else older
    return value


def _read_list(field: _Field, value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise invalid(where, value)
    return [field.read(item, f"{where}[{index}]") for index, item in enumerate(value)]


@cache
def _fields(kind: type[Message]) -> tuple[_Field, ...]:
    return tuple(_field(found) for found in msgspec.structs.fields(kind))


def _field(found: Any) -> _Field:
    kind = _without_none(found.type)
    is_list = get_origin(kind) in (list, tuple)
    if is_list:
        kind = _without_none(get_args(kind)[0])
    head, *rest = found.name.split("_")
    camel = head + "".join(part[:1].upper() + part[1:] for part in rest)
    return _Field(found.name, camel, _reader(kind), is_list, found.required)


def _without_none(kind: Any) -> Any:
    if get_origin(kind) in (Union, types.UnionType):
        return next(part for part in get_args(kind) if part is not type(None))
    return kind


def _reader(kind: Any) -> Reader:
    if kind == Int64:
        return _int64
    if kind == Int32:
        return _int32
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if kind is float:
        return _double
    if kind is bool:
        return _boolean
    if kind is str:
        return _text
    if get_origin(kind) is dict:
        return _mapping if get_args(kind)[1] is str else _object
    if issubclass(kind, WireEnum):
        return _enum_reader(kind)
    assert issubclass(kind, Message)
    return lambda value, where: read_message(kind, value, where)


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise invalid(where, value)
    return value


def _boolean(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise invalid(where, value)
    return value


def _mapping(value: Any, where: str) -> dict[str, str]:
    if not isinstance(value, dict):
        raise invalid(where, value)
    return {_text(key, where): _text(item, f"{where}.{key}") for key, item in value.items()}


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise invalid(where, value)
    return value


def _int64(value: Any, where: str) -> int:
    return _integer(value, where, _INT64)


def _int32(value: Any, where: str) -> int:
    return _integer(value, where, _INT32)


def _integer(value: Any, where: str, bound: int) -> int:
    is_text = isinstance(value, str) and _INTEGER.fullmatch(value) is not None
    if is_text or (isinstance(value, float) and value.is_integer()):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid(where, value)
    if not -bound <= value < bound:
        raise invalid(where, value, "It does not fit the field's size.")
    return value


def _double(value: Any, where: str) -> float:
    if isinstance(value, str):
        if value in _SPELLED:
            return _SPELLED[value]
        if _DOUBLE.fullmatch(value) is None or len(value) > _SHOWN:
            raise invalid(where, value)
        value = float(value)
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise invalid(where, value)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise invalid(where, value, "It is larger than a double can hold.")
    return number


def _enum_reader(kind: type[WireEnum]) -> Reader:
    by_name = {member.name: member for member in kind}
    by_number = {member.value: member for member in kind}

    def read(value: Any, where: str) -> WireEnum:
        if isinstance(value, str) and value in by_name:
            return by_name[value]
        if isinstance(value, str) and _INTEGER.fullmatch(value) is not None:
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and value in by_number:
            return by_number[value]
        raise invalid(where, value, f"It must be one of {', '.join(by_name)}.")

    return read
