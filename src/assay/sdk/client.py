"""The native API over HTTP: addresses, credentials, retries and streams, but no knowledge of the nouns."""

from __future__ import annotations

import json as jsonlib
import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias, TypeVar
from urllib.parse import quote, urlsplit

from assay.domain.names import check_workspace_name
from assay.sdk.connection import Connection, connection
from assay.sdk.errors import ApiError, ServerUnreachable

if TYPE_CHECKING:
    import httpx2

API: Final = "/api/v1"
WORKSPACE_HEADER: Final = "X-Assay-Workspace"
TIMEOUT_S: Final = 30.0
CONNECT_TIMEOUT_S: Final = 5.0
RETRIES: Final = 2

T = TypeVar("T")

_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "PUT", "DELETE"})
_BUSY: Final = frozenset({502, 503, 504})
_FIRST_PAUSE_S: Final = 0.2
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})

OnProgress: TypeAlias = Callable[[int, "int | None"], None]
"""Called with the bytes done so far and the total, which is None when nobody said it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: status, headers (names in lower case), the bytes, and their JSON if they are JSON."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    json: Any


class Client:
    """A connection to one server as one principal. Safe to use from several threads, and after a fork.

    Paths are those of the native API without its prefix (`/runs/search`); path parts that hold names
    go through `url_path`. Every call raises ApiError for a refusal and ServerUnreachable when no
    answer came. A request that may be repeated safely is, after a pause, when the connection broke or
    the server was busy; any request is when it certainly has not been received.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        workspace: str | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
        retries: int = RETRIES,
    ) -> None:
        self.connection: Connection = connection(url, token, workspace)
        self._retries = retries
        self._pool = _Pool(self.connection, timeout_s)

    @property
    def url(self) -> str:
        """The server's address, without a closing slash."""
        return self.connection.url

    def within(self, workspace: str) -> Client:
        """A client of the same server and credential, by the same connections, for another workspace."""
        other = copy(self)
        other.connection = replace(self.connection, workspace=check_workspace_name(workspace))
        return other

    def get(self, path: str, /, **params: object) -> Any:
        """Read; `params` become the query, those that are None are left out."""
        return self.request("GET", path, params=params).json

    def post(self, path: str, json: Any = None) -> Any:
        """Send `json` to be acted on."""
        return self.request("POST", path, json=json).json

    def put(self, path: str, json: Any = None) -> Any:
        """Send `json` to take the place of what is there."""
        return self.request("PUT", path, json=json).json

    def patch(self, path: str, json: Any = None) -> Any:
        """Send the members that are to change."""
        return self.request("PATCH", path, json=json).json

    def delete(self, path: str, /, **params: object) -> Any:
        """Delete; `params` become the query."""
        return self.request("DELETE", path, params=params).json

    def health(self) -> None:
        """Pass if the server is ready; otherwise raise, as every call does."""
        self.request("GET", "/health")

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        content: bytes | Callable[[], Iterator[bytes]] | None = None,
        params: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        idempotent: bool = False,
    ) -> Answer:
        """Any request, with the status and headers of its answer (304 counts as one).

        `content` is sent as it is, or piece by piece when it is a function that starts to yield it
        anew for each attempt; `headers` then say what it is. `idempotent` marks a POST that the
        server recognises when it comes again.
        """
        given = {WORKSPACE_HEADER: self.connection.workspace, **(headers or {})}
        if json is not None:
            content = jsonlib.dumps(json, allow_nan=False).encode()
            given["Content-Type"] = "application/json"
        elif content is None and method not in {"GET", "HEAD", "DELETE"}:
            content = b"{}"
            given["Content-Type"] = "application/json"

        def attempt() -> Answer:
            body = content() if callable(content) else content
            query = {k: v for k, v in (params or {}).items() if v is not None}
            response = self._pool.open().request(
                method, self._address(path), content=body, params=_query(query), headers=given
            )
            return _answer(response, self.url)

        return self._persist(attempt, repeatable=idempotent or method in _IDEMPOTENT)

    def stream_download(
        self,
        path: str,
        to_file: str | os.PathLike[str],
        expected_sha256: str | None = None,
        on_progress: OnProgress | None = None,
    ) -> tuple[int, str]:
        """Fetch bytes into a file, which appears only when it is whole; answers its size and SHA-256.

        Raises DataCorrupted when the digest is not `expected_sha256`, OSError when the disk refuses.
        """
        from assay.sdk.transfer import receive

        headers = {
            WORKSPACE_HEADER: self.connection.workspace,
            # A file is sent as it is: its length and digest are those of its own bytes.
            "Accept-Encoding": "identity",
        }

        def attempt() -> tuple[int, str]:
            with self._pool.open().stream("GET", self._address(path), headers=headers) as response:
                if response.status_code != 200:
                    response.read()
                    _answer(response, self.url)
                length = response.headers.get("content-length", "")
                total = int(length) if length.isdigit() else None
                pieces = response.iter_bytes(1 << 18)
                return receive(pieces, Path(to_file), total, expected_sha256, on_progress)

        return self._persist(attempt, repeatable=True)

    def upload(
        self,
        path: str,
        file: str | os.PathLike[str],
        on_progress: OnProgress | None = None,
        *,
        sha256: str | None = None,
    ) -> Any:
        """Send a file by PUT, streamed, with its SHA-256, so that a byte lost on the way is refused.

        The digest is computed first unless it is given. Raises OSError when the file cannot be read.
        """
        from assay.sdk.transfer import DIGEST_HEADER, file_digest, pieces_of

        source = Path(file)
        size_bytes = source.stat().st_size
        digest = sha256 or file_digest(source)
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(size_bytes),
            DIGEST_HEADER: digest,
        }
        return self.request(
            "PUT",
            path,
            content=lambda: pieces_of(source, size_bytes, on_progress),
            headers=headers,
        ).json

    def load(self) -> None:
        """Import what the first request would import: an import in a thread and a fork do not mix."""
        self._pool.open()
        # The codec that host names go through. Half imported at a fork, the child never finds it again.
        "localhost".encode("idna")

    def close(self) -> None:
        """Close the connections; the client opens new ones when it is used again."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self.connection.url!r}, workspace={self.connection.workspace!r})"

    def _address(self, path: str) -> str:
        is_whole = path == "/health" or path.startswith(("/api/", "/graphql", "/files/"))
        prefix = "" if is_whole else API
        return f"{self.url}{prefix}{path}"

    def _persist(self, attempt: Callable[[], T], *, repeatable: bool) -> T:
        import httpx2

        unsent = (httpx2.ConnectError, httpx2.ConnectTimeout)
        pause_s = _FIRST_PAUSE_S
        for left in reversed(range(self._retries + 1)):
            try:
                return attempt()
            except httpx2.TransportError as error:
                if not left or not (repeatable or isinstance(error, unsent)):
                    raise ServerUnreachable(self.url, _reason(error)) from error
            except ApiError as error:
                # A 503 promises that nothing was done; a gateway's other answers do not.
                busy = error.status == 503 or (repeatable and error.status in _BUSY)
                if not left or not busy:
                    raise
            time.sleep(pause_s * (0.5 + random.random()))  # noqa: S311 - spreads clients, no secret
            pause_s *= 2
        raise AssertionError


class _Pool:
    """The connections of a client and of those that were made from it for other workspaces."""

    def __init__(self, to: Connection, timeout_s: float) -> None:
        self._to = to
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._http: httpx2.Client | None = None
        self._pid = 0

    def open(self) -> httpx2.Client:
        """The connections of this process."""
        import httpx2

        with self._lock:
            # After a fork the sockets belong to the parent: leave them to it and open our own.
            if self._http is None or self._pid != os.getpid():
                token = self._to.token
                self._http = httpx2.Client(
                    headers={} if token is None else {"Authorization": f"Bearer {token}"},
                    timeout=httpx2.Timeout(self._timeout_s, connect=CONNECT_TIMEOUT_S),
                    # A proxy from the environment cannot know this machine's loopback.
                    trust_env=urlsplit(self._to.url).hostname not in _LOOPBACK,
                    limits=httpx2.Limits(keepalive_expiry=30.0),
                )
                self._pid = os.getpid()
            return self._http

    def close(self) -> None:
        with self._lock:
            if self._http is not None and self._pid == os.getpid():
                self._http.close()
            self._http = None


def url_path(*parts: object) -> str:
    """An API path of these parts, each one encoded, so that a name with a slash stays one part."""
    return "".join("/" + quote(str(part), safe="") for part in parts)


def file_path(path: str) -> str:
    """An artifact's path inside an address: its folders stay folders."""
    return quote(path, safe="/")


def _query(params: Mapping[str, object]) -> dict[str, Any]:
    return {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in params.items()
    }


def _answer(response: httpx2.Response, url: str) -> Answer:
    is_json = response.headers.get("content-type", "").startswith("application/json")
    content = response.content
    try:
        value = jsonlib.loads(content) if is_json and content else None
    except ValueError:
        value = None
    if response.is_success or response.status_code == 304:
        return Answer(response.status_code, dict(response.headers), content, value)
    raise _refusal(response, value, url)


def _refusal(response: httpx2.Response, value: Any, url: str) -> ApiError:
    status = response.status_code
    error = value.get("error") if isinstance(value, dict) else None
    if not isinstance(error, dict) or not isinstance(error.get("message"), str):
        code = "unavailable" if status in _BUSY else "internal"
        reason = f"HTTP {status}, without an error that Assay would send"
        return ApiError(code, f"{url} answered {reason}; is it an Assay server?", status=status)
    details = error.get("details")
    return ApiError(
        str(error.get("code", "internal")),
        error["message"],
        field=error.get("field"),
        details=details if isinstance(details, dict) else None,
        request_id=error.get("request_id"),
        status=status,
    )


def _reason(error: Exception) -> str:
    import httpx2

    if isinstance(error, httpx2.TimeoutException):
        return "it did not answer in time"
    cause: BaseException | None = error
    while cause is not None:
        if type(cause).__module__ == "ssl":
            return _tls_reason(cause)
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror.lower()
        cause = cause.__cause__ or cause.__context__
    return str(error).lower() or "the connection broke"


def _tls_reason(error: BaseException) -> str:
    untrusted = getattr(error, "verify_message", "")
    if untrusted:
        return f"its certificate is not trusted: {untrusted}"
    reason = getattr(error, "reason", None) or "no further reason"
    if reason == "WRONG_VERSION_NUMBER":
        return "it does not speak TLS; its address may begin with http://"
    return f"TLS failed: {reason.replace('_', ' ').lower()}"
