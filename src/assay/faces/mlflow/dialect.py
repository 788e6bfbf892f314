"""How this face reads requests and writes answers: MLflow's JSON in, MLflow's JSON out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from assay.domain.errors import AppError, Code, InvalidArgument
from assay.domain.tracking import DEFAULT_WORKSPACE
from assay.faces.body import require_json
from assay.faces.endpoint import Endpoint
from assay.faces.mlflow.errors import body_of, foreign
from assay.faces.mlflow.wire import Message, invalid, read_message, read_query

WORKSPACE_HEADER: Final = "x-mlflow-workspace"
_HEADERS: Final = (
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)
_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder()


class MlflowDialect:
    """The `Dialect` of MLflow's REST API."""

    def __init__(self) -> None:
        self._decoders: dict[type[Message], msgspec.json.Decoder[Any]] = {}

    def workspace(self, request: Request) -> str:
        """From the header that the client sends when it was told to use a workspace."""
        return request.headers.get(WORKSPACE_HEADER) or DEFAULT_WORKSPACE

    def check_body(self, request: Request, endpoint: Endpoint) -> None:
        """A body is JSON and says so; none is needed."""
        del endpoint
        headers = request.headers
        if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
            require_json(request)

    def body(self, raw: bytes, request: Request, endpoint: Endpoint) -> Any:
        """The endpoint's message: at once when the body has its plain form, else leniently."""
        del request
        kind = endpoint.request
        assert kind is not None
        if kind.__struct_config__.forbid_unknown_fields:  # type: ignore[attr-defined]
            decoder = self._decoders.get(kind)
            if decoder is None:
                decoder = self._decoders[kind] = msgspec.json.Decoder(kind)
            try:
                return decoder.decode(raw)
            except (msgspec.DecodeError, ValueError, RecursionError):
                pass
        return read_message(kind, decode_json(raw))

    def query(self, request: Request, endpoint: Endpoint) -> Any:
        """The endpoint's message from query parameters."""
        kind = endpoint.query
        assert kind is not None
        items: dict[str, list[str]] = {}
        for name, value in request.query_params.multi_items():
            items.setdefault(name, []).append(value)
        return read_query(kind, items)

    def answer(self, value: Any, status: int, headers: Mapping[str, str]) -> Response:
        """JSON; nothing to say is an empty object."""
        content = b"{}" if value is None else _ENCODER.encode(value)
        return json_response(content, status, headers)

    def error(self, error: AppError, request_id: str) -> Response:
        """The error object. 401 tells how to authenticate."""
        del request_id
        headers = {}
        if error.code is Code.UNAUTHENTICATED:
            headers["www-authenticate"] = 'Basic realm="mlflow"'
        return json_response(_ENCODER.encode(body_of(error)), foreign(error).status, headers)


def decode_json(raw: bytes) -> Any:
    """A body as JSON: an empty one is an empty object, and JSON inside a JSON text is unpacked once."""
    if not raw.strip():
        return {}
    value = _decode(raw)
    if isinstance(value, str):
        value = _decode(value.encode("utf-8", "surrogatepass"))
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise invalid("body", value, "It must be a JSON object.")
    return value


class JsonResponse(Response):
    """JSON, encoded, that nobody caches or sniffs."""

    def init_headers(self, headers: Mapping[str, str] | None = None) -> None:
        """Written out: with the names and values of every answer nothing need be done again."""
        self.raw_headers = [*_HEADERS]
        if self.status_code not in (204, 304):
            self.raw_headers.append((b"content-length", str(len(self.body)).encode()))
        for name, value in (headers or {}).items():
            self.headers[name] = value


def json_response(content: bytes, status: int, headers: Mapping[str, str]) -> Response:
    """A JSON answer that nobody caches or sniffs; `headers` are added or take the place of others."""
    return JsonResponse(content, status, headers)


def _decode(raw: bytes) -> Any:
    try:
        return _DECODER.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, OverflowError, ValueError) as error:
        msg = f"The body is not valid JSON: {str(error)[:200]}"
        raise InvalidArgument(msg, field="body") from None
    except RecursionError:
        msg = "The body is nested too deeply."
        raise InvalidArgument(msg, field="body") from None
