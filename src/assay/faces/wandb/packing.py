"""Bodies that came packed, unpacked within bounds."""

from __future__ import annotations

import zlib
from typing import Final

from assay.domain.errors import InvalidArgument, LimitExceeded
from assay.faces.wandb.dialect import RawBody

_GZIP: Final = 16 + zlib.MAX_WBITS


def unpacked(body: RawBody, limit: int) -> bytes:
    """The bytes as they were before gzip. Raises LimitExceeded when they are more than `limit`."""
    if body.encoding in ("", "identity"):
        return body.data
    if body.encoding != "gzip":
        raise InvalidArgument(
            f"Content-Encoding {body.encoding[:50]!r} is not known here; use gzip or none.",
            field="Content-Encoding",
        )
    unpacker = zlib.decompressobj(_GZIP)
    try:
        data = unpacker.decompress(body.data, limit + 1)
    except zlib.error as error:
        msg = f"The body is not gzip: {str(error)[:100]}"
        raise InvalidArgument(msg, field="body") from None
    if len(data) > limit:
        raise LimitExceeded(f"The body unpacks to more than {limit} bytes.", limit=limit)
    if not unpacker.eof:
        raise InvalidArgument("The gzip body ends too early.", field="body")
    return data
