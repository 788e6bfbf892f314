"""What a browser gets: the built page when it was packed in, else a note that says how to go on.

A path that a browser sends is looked up in a table that was made from the packed files at start; it never
reaches the file system.
"""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

PACKED: Final = Path(__file__).with_name("page")
PLACES: Final = frozenset(
    {
        "collections",
        "compare",
        "experiments",
        "gates",
        "ledger",
        "models",
        "open",
        "runs",
        "settings",
    }
)
"""First parts of the page's own addresses; what is below them is routed in the browser."""

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; "
    "img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'; worker-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_GUARDS: Final = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_TYPES: Final = {".js": "text/javascript", ".woff2": "font/woff2", ".svg": "image/svg+xml"}

_NOTE_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
)
_NOTE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Assay</title>
<style>
  :root { color-scheme: light dark; font: 16px/1.6 system-ui, sans-serif }
  body { max-width: 42rem; margin: 12vh auto; padding: 0 1.5rem }
  h1 { font-weight: 600; letter-spacing: -.02em }
  pre { padding: 1rem; border: 1px solid color-mix(in srgb, currentColor 20%, transparent);
        border-radius: .5rem; overflow: auto }
</style>
<h1>Assay {version}</h1>
<p>The server is ready. Point a client here:</p>
<pre>export MLFLOW_TRACKING_URI={url}   # an unmodified mlflow client
export ASSAY_URL={url}             # the assay command and SDK
assay runs list
assay models list</pre>
<p>The API is described at <a href="/api/v1/openapi.json">/api/v1/openapi.json</a>.
This installation came without the web page; <code>make install</code> builds it.</p>
</html>
"""


@dataclass(frozen=True, slots=True)
class PackedFile:
    """A file of the built page, as it is sent."""

    content: bytes
    headers: Mapping[str, str]


class Page:
    """The ASGI application for every path that belongs to no face."""

    def __init__(self, folder: Path = PACKED) -> None:
        self._files = packed_files(folder)
        self._index = self._files.pop("/index.html", None)

    @property
    def is_built(self) -> bool:
        """Whether the page was packed in."""
        return self._index is not None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a file of the page, its frame for one of its own addresses, or 404."""
        response = self._answer(scope)
        await response(scope, receive, send)

    def _answer(self, scope: Scope) -> Response:
        path, method = scope["path"], scope["method"]
        if method not in ("GET", "HEAD"):
            return PlainTextResponse("Not found", 404, headers=_GUARDS)
        if self._index is None:
            return _note(scope) if path == "/" else _missing()
        headers = Headers(scope=scope)
        found = self._files.get(path)
        if found is not None:
            return _send(found, headers)
        if path == "/" or path.removeprefix("/").partition("/")[0] in PLACES:
            return _send(self._index, headers)
        if "text/html" in headers.get("accept", ""):
            # A person who mistyped an address is told so by the page itself.
            return _send(self._index, headers, status=404)
        return _missing()


def packed_files(folder: Path) -> dict[str, PackedFile]:
    """Every file below `folder` by its address; none when the page was not built."""
    found: dict[str, PackedFile] = {}
    for file in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if file.is_file():
            name = file.relative_to(folder).as_posix()
            found[f"/{name}"] = _packed(name, file.read_bytes())
    return found


def _packed(name: str, content: bytes) -> PackedFile:
    suffix = Path(name).suffix
    kind = _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    if kind.startswith("text/"):
        kind += "; charset=utf-8"
    # Names below assets/ carry a digest of their content; the others are asked for again each time.
    is_named_by_content = name.startswith("assets/")
    headers = {
        **_GUARDS,
        "content-type": kind,
        "content-security-policy": _POLICY,
        "cache-control": "public, max-age=31536000, immutable"
        if is_named_by_content
        else "no-cache",
        "etag": f'"{hashlib.sha256(content).hexdigest()[:32]}"',
    }
    return PackedFile(content, headers)


def _send(file: PackedFile, headers: Headers, *, status: int = 200) -> Response:
    known = {tag.strip().removeprefix("W/") for tag in headers.get("if-none-match", "").split(",")}
    if status == 200 and file.headers["etag"] in known:
        kept = {name: value for name, value in file.headers.items() if name != "content-type"}
        return Response(status_code=304, headers=kept)
    return Response(file.content, status, dict(file.headers))


def _note(scope: Scope) -> Response:
    host = Headers(scope=scope).get("host", "127.0.0.1:7475")
    note = _NOTE.replace("{version}", escape(version("assay"))).replace(
        "{url}", escape(f"{scope['scheme']}://{host}")
    )
    return HTMLResponse(note, headers={**_GUARDS, "content-security-policy": _NOTE_POLICY})


def _missing() -> Response:
    return PlainTextResponse("Not found", 404, headers=_GUARDS)
