"""Files over HTTP, for every face: streaming uploads, downloads with ranges and validators.

Neither holds more than a few pieces of about 1 MiB in memory, whatever the file's size.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar
from urllib.parse import quote

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from assay.domain.errors import InvalidArgument
from assay.domain.ids import parse_digest
from assay.domain.tracking import FileEntry
from assay.faces.endpoint import MIB, Call

PIECE_BYTES: Final = MIB

_RANGE: Final = re.compile(r"bytes=(?P<first>[0-9]{0,18})-(?P<last>[0-9]{0,18})")
_CONTENT_DIGEST: Final = re.compile(r"(?:^|,)\s*sha-256=:(?P<digest>[A-Za-z0-9+/]{43}=):")
_TEXT: Final = "text/plain; charset=utf-8"
_TYPES: Final[Mapping[str, str]] = {
    "css": _TEXT,
    "csv": "text/csv; charset=utf-8",
    "gif": "image/gif",
    "htm": "text/html; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "js": _TEXT,
    "json": "application/json",
    "jsonl": _TEXT,
    "log": _TEXT,
    "md": _TEXT,
    "mlmodel": _TEXT,
    "mlproject": _TEXT,
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "pdf": "application/pdf",
    "png": "image/png",
    "py": _TEXT,
    "sh": _TEXT,
    "svg": "image/svg+xml",
    "toml": _TEXT,
    "tsv": _TEXT,
    "txt": _TEXT,
    "wav": "audio/wav",
    "webp": "image/webp",
    "yaml": _TEXT,
    "yml": _TEXT,
}
_ANY_TYPE: Final = "application/octet-stream"
_SMALL_BYTES: Final = 256 * 1024


class Pieces(Protocol):
    """Bytes on their way out; see `assay.blobs.store.Download`."""

    def __next__(self) -> bytes:
        """The next piece, or StopIteration."""
        ...

    def close(self) -> None:
        """Let go of what is read."""
        ...


R_co = TypeVar("R_co", covariant=True)


class Incoming(Protocol[R_co]):
    """Bytes on their way in, which end in an `R_co`; nothing of them stays unless `finish` returns."""

    def write(self, piece: bytes) -> None:
        """Append bytes."""
        ...

    def finish(self, expected_sha256: str | None = None) -> R_co:
        """Make them durable and visible."""
        ...

    def abort(self) -> None:
        """Drop them; does nothing once finished."""
        ...


Answer = TypeVar("Answer")


async def stream_upload(call: Call, begin_upload: Callable[[], Incoming[Answer]]) -> Answer:
    """Feed the request's body to an upload, and answer what its `finish` does.

    The upload lives in worker threads: while one piece is hashed and written the next is received.
    A digest in `X-Content-SHA256` or `Content-Digest` is checked before anything becomes visible.
    Whatever goes wrong, a lost connection included, the upload is aborted. A body that says that it
    is small is received first, and then taken in one go: the ways to a worker thread and back are
    most of what a small file costs.
    """
    expected_sha256 = announced_digest(call.request)
    if _is_small(call.request):
        body = b"".join([chunk async for chunk in call.stream()])
        return await anyio.to_thread.run_sync(_take, begin_upload, body, expected_sha256)
    upload = await anyio.to_thread.run_sync(begin_upload)
    writing: asyncio.Future[None] | None = None
    try:
        async for piece in _pieces(call.stream()):
            if writing is not None:
                await asyncio.shield(writing)
            writing = asyncio.ensure_future(anyio.to_thread.run_sync(upload.write, piece))
        if writing is not None:
            await asyncio.shield(writing)
        return await anyio.to_thread.run_sync(upload.finish, expected_sha256)
    except BaseException:
        # The upload is used by one thread at a time, so its last write ends before it is dropped.
        with anyio.CancelScope(shield=True):
            if writing is not None:
                await asyncio.wait([writing])
                # Seen, so that nobody warns of it: what is raised now says more.
                _ = writing.cancelled() or writing.exception()
            await anyio.to_thread.run_sync(upload.abort)
        raise


def _is_small(request: Request) -> bool:
    """Whether a body has announced that it is short. One that is longer after all is cut by HTTP."""
    length = request.headers.get("content-length", "")
    return length.isascii() and length.isdigit() and len(length) < 9 and int(length) <= _SMALL_BYTES


def _take(
    begin_upload: Callable[[], Incoming[Answer]], body: bytes, expected_sha256: str | None
) -> Answer:
    """A whole upload in the thread that it is called in."""
    upload = begin_upload()
    try:
        if body:
            upload.write(body)
        return upload.finish(expected_sha256)
    except BaseException:
        upload.abort()
        raise


def announced_digest(request: Request) -> str | None:
    """The SHA-256 that the client says its body has; None when it says nothing.

    Raises InvalidArgument for a header that holds no such digest.
    """
    plain = request.headers.get("x-content-sha256")
    if plain is not None:
        return parse_digest(plain.lower(), "X-Content-SHA256")
    listed = request.headers.get("content-digest")
    if listed is None:
        return None
    match = _CONTENT_DIGEST.search(listed)
    if match is None:
        raise InvalidArgument(
            "Content-Digest must hold sha-256=:<base64>:; other algorithms are not checked here.",
            field="Content-Digest",
        )
    try:
        return base64.b64decode(match["digest"], validate=True).hex()
    except binascii.Error:
        raise InvalidArgument("Content-Digest is not base64.", field="Content-Digest") from None


async def _pieces(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    held: list[bytes] = []
    size_bytes = 0
    async for chunk in chunks:
        held.append(chunk)
        size_bytes += len(chunk)
        if size_bytes >= PIECE_BYTES:
            yield b"".join(held)
            held, size_bytes = [], 0
    if held:
        yield b"".join(held)


@dataclass(frozen=True, slots=True)
class Part:
    """A range of a file: `length` bytes from `start` on."""

    start: int
    length: int


async def file_response(
    call: Call,
    entry: FileEntry,
    opener: Callable[[int, int | None], Pieces],
    *,
    disposition: str = "attachment",
    media_type: str | None = None,
) -> Response:
    """The file, a range of it, or 304 when the client has it.

    Content is never sniffed and never runs as a page of this server: it is a download, in a sandbox.
    Raises DataCorrupted when its bytes are gone.
    """
    size_bytes, etag = entry.size_bytes or 0, f'"{entry.sha256}"'
    headers = file_headers(entry, disposition=disposition, media_type=media_type)
    headers["etag"] = etag
    if _matches(call.request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=_without(headers, "content-type"))
    part = _requested_part(call.request, size_bytes, etag)
    if part is not None and part.length == 0:
        headers["content-range"] = f"bytes */{size_bytes}"
        return Response(status_code=416, headers=_without(headers, "content-type"))
    status = 200
    length = size_bytes
    if part is not None:
        status, length = 206, part.length
        headers["content-range"] = f"bytes {part.start}-{part.start + length - 1}/{size_bytes}"
    headers["content-length"] = str(length)
    if call.request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    start, wanted = (0, None) if part is None else (part.start, part.length)
    download = await anyio.to_thread.run_sync(opener, start, wanted)
    return StreamingResponse(pieces_of(download), status_code=status, headers=headers)


def file_headers(
    entry: FileEntry, *, disposition: str = "attachment", media_type: str | None = None
) -> dict[str, str]:
    """The headers that go with a file's bytes, whatever part of them is sent."""
    name = entry.path.rpartition("/")[2]
    return {
        "content-type": media_type or media_type_of(name),
        "content-disposition": content_disposition(name, disposition),
        "accept-ranges": "bytes",
        "cache-control": "private, no-cache",
        "x-content-type-options": "nosniff",
        "content-security-policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'",
        "cross-origin-resource-policy": "same-origin",
    }


def media_type_of(name: str) -> str:
    """The content type of a file by its name; bytes without meaning where that says nothing."""
    return _TYPES.get(name.rpartition(".")[2].lower(), _ANY_TYPE)


def content_disposition(name: str, disposition: str = "attachment") -> str:
    """The header of RFC 6266: a plain name for old clients, the exact one in UTF-8 for the others."""
    plain = "".join(mark if mark.isascii() and mark.isprintable() else "_" for mark in name)
    plain = plain.replace("\\", "_").replace('"', "_").replace("%", "_")
    return f"{disposition}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


async def pieces_of(download: Pieces) -> AsyncIterator[bytes]:
    """The pieces of a download, each read in a worker thread; it is closed in any case."""
    try:
        while True:
            piece = await anyio.to_thread.run_sync(next, download, None)
            if piece is None:
                return
            yield piece
    finally:
        download.close()


def _matches(listed: str | None, etag: str) -> bool:
    if listed is None:
        return False
    candidates = {candidate.strip().removeprefix("W/") for candidate in listed.split(",")}
    return etag in candidates or "*" in candidates


def _requested_part(request: Request, size_bytes: int, etag: str) -> Part | None:
    """The one range that is asked for; None for the whole file, a length of 0 for none of it.

    Several ranges, other units and a range of another state of the file are answered in full.
    """
    asked = request.headers.get("range")
    known = request.headers.get("if-range")
    if asked is None or (known is not None and known.strip() != etag):
        return None
    match = _RANGE.fullmatch(asked.strip())
    if match is None:
        return None
    first, last = match["first"], match["last"]
    if not first and not last:
        return None
    if not first:
        length = min(int(last), size_bytes)
        return Part(size_bytes - length, length)
    start = int(first)
    end = size_bytes - 1 if not last else min(int(last), size_bytes - 1)
    if last and int(last) < start:
        return None
    return Part(start, max(end - start + 1, 0))


def _without(headers: Mapping[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in headers.items() if key != name}
