"""What a browser gets: the built page when it was packed in, else a note that says how to go on."""

from __future__ import annotations

from html import escape
from importlib.metadata import version

from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.types import Receive, Scope, Send

_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}

_NOTE = """<!doctype html>
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
<p>The API is described at <a href="/api/v1/openapi.json">/api/v1/openapi.json</a>.</p>
</html>
"""


async def serve_page(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer `/`; anything else that no face knows is 404."""
    if scope["path"] != "/" or scope["method"] not in ("GET", "HEAD"):
        await PlainTextResponse("Not found", 404)(scope, receive, send)
        return
    host = dict(scope["headers"]).get(b"host", b"127.0.0.1:7475").decode("latin-1")
    note = _NOTE.replace("{version}", escape(version("assay"))).replace(
        "{url}", escape(f"{scope['scheme']}://{host}")
    )
    await HTMLResponse(note, headers=_HEADERS)(scope, receive, send)
