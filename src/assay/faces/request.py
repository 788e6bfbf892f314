"""The request that handlers see: Starlette's, with headers that are looked up instead of searched for."""

from __future__ import annotations

from typing import TypeVar

from starlette.datastructures import Headers
from starlette.requests import Request

T = TypeVar("T")


class IndexedHeaders(Headers):
    """Headers of a request. Half a dozen are asked for in every one, most of which are not there."""

    def __init__(self, raw: list[tuple[bytes, bytes]]) -> None:
        super().__init__(raw=raw)
        # Of a header that is sent twice the first counts, as when they are searched.
        self._first = dict(reversed(raw))

    def get(self, key: str, default: T | None = None) -> str | T | None:  # type: ignore[override]
        """The first value under a name in any case."""
        value = self._first.get(key.lower().encode("latin-1"))
        return default if value is None else value.decode("latin-1")

    def __contains__(self, key: object) -> bool:
        """Whether it was sent."""
        return self.get(str(key)) is not None


class FaceRequest(Request):
    """A request whose headers are read often."""

    @property
    def headers(self) -> Headers:
        """The headers; names are in lower case."""
        if not hasattr(self, "_headers"):
            self._headers = IndexedHeaders(self.scope["headers"])
        return self._headers
