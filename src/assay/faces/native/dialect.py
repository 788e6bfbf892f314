"""How the native API reads requests and writes answers: strict JSON in, JSON out, errors with a code."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from assay.domain.access import Action
from assay.domain.errors import AppError, Code, InvalidArgument
from assay.domain.tracking import DEFAULT_WORKSPACE
from assay.faces.body import require_json
from assay.faces.endpoint import Endpoint
from assay.faces.native.errors import body_of, status_of

WORKSPACE_HEADER = "x-assay-workspace"
_NOTHING = msgspec.Raw(b"null")

_PATH = re.compile(r"at `(?P<path>\$[^`]*)`")
_FIELD = re.compile(r"field `(?P<field>[^`]+)`")


class NativeDialect:
    """The `Dialect` of `/api/v1`."""

    def __init__(self) -> None:
        self._decoders: dict[type, msgspec.json.Decoder[Any]] = {}
        self._encoder = msgspec.json.Encoder(enc_hook=_encode_other)

    def workspace(self, request: Request) -> str:
        """From the header X-Assay-Workspace."""
        return request.headers.get(WORKSPACE_HEADER) or DEFAULT_WORKSPACE

    def check_body(self, request: Request, endpoint: Endpoint) -> None:
        """JSON only, declared as such."""
        del endpoint
        require_json(request)

    def body(self, raw: bytes, request: Request, endpoint: Endpoint) -> Any:
        """Decode into the endpoint's type. Raises InvalidArgument naming the field."""
        del request
        kind = endpoint.request
        assert kind is not None
        decoder = self._decoders.get(kind)
        if decoder is None:
            decoder = self._decoders[kind] = msgspec.json.Decoder(kind)
        try:
            return decoder.decode(raw or b"{}")
        except msgspec.DecodeError as error:
            raise malformed(error) from None
        except (RecursionError, UnicodeDecodeError, OverflowError, ValueError):
            msg = "The body is not usable JSON: it is nested too deeply, or holds invalid text or numbers."
            raise InvalidArgument(msg, field="body") from None

    def query(self, request: Request, endpoint: Endpoint) -> Any:
        """Query parameters as the endpoint's type; a parameter given twice becomes a list."""
        kind = endpoint.query
        assert kind is not None
        listed = {
            field.encode_name
            for field in msgspec.structs.fields(kind)
            if "list" in str(field.type) or "tuple" in str(field.type)
        }
        values: dict[str, Any] = {}
        for name, value in request.query_params.multi_items():
            if name in listed:
                values.setdefault(name, []).append(value)
            elif name in values:
                msg = f"The query parameter {name!r} was given twice."
                raise InvalidArgument(msg, field=name)
            else:
                values[name] = value
        try:
            return msgspec.convert(values, kind, strict=False)
        except msgspec.ValidationError as error:
            raise malformed(error) from None

    def answer(self, value: Any, status: int, headers: Mapping[str, str]) -> Response:
        """JSON, never cached by default and never sniffed."""
        content = b"{}" if value is None else self._encoder.encode(value)
        return _json(content, status, headers)

    def error(self, error: AppError, request_id: str) -> Response:
        """The error object. 401 tells how to authenticate."""
        headers = {}
        if error.code is Code.UNAUTHENTICATED:
            headers["www-authenticate"] = 'Bearer realm="assay"'
        content = self._encoder.encode(body_of(error, request_id))
        return _json(content, status_of(error), headers)


def malformed(error: msgspec.DecodeError) -> InvalidArgument:
    """An InvalidArgument that names the field which msgspec complains about."""
    text = str(error)
    match = _PATH.search(text)
    path = "" if match is None else match["path"].removeprefix("$").removeprefix(".")
    field = _FIELD.search(text)
    if field is not None:
        path = f"{path}.{field['field']}" if path else field["field"]
    message = text.partition(" - at `")[0]
    if not isinstance(error, msgspec.ValidationError):
        message = f"The body is not valid JSON: {message}"
    return InvalidArgument(f"{message[:400]} (field: {path or 'body'})", field=path or "body")


def _json(content: bytes, status: int, headers: Mapping[str, str]) -> Response:
    return Response(
        content,
        status,
        {
            "content-type": "application/json",
            "cache-control": "no-store",
            "x-content-type-options": "nosniff",
            **headers,
        },
    )


def nothing() -> msgspec.Raw:
    """The default of an optional field that is kept as it was sent.

    A factory, because a raw default could not be written into the API's document.
    """
    return _NOTHING


def raw_text(raw: msgspec.Raw) -> str | None:
    """JSON as it was sent, so that no number changes its spelling; None for `null` or nothing.

    A JSON string is taken for the text of what it holds. Raises InvalidArgument for broken UTF-8.
    """
    try:
        text = bytes(raw).decode()
    except UnicodeDecodeError:
        raise InvalidArgument("The body is not valid UTF-8.", field="body") from None
    if text == "null":
        return None
    return msgspec.json.decode(text, type=str) if text.startswith('"') else text


def number(value: float) -> float | str:
    """A metric value in JSON: NaN and the infinities as the strings NaN, Infinity, -Infinity."""
    if math.isfinite(value):
        return value
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _encode_other(value: object) -> object:
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Action):
        return value.value
    msg = f"cannot encode {type(value).__name__}"
    raise NotImplementedError(msg)
