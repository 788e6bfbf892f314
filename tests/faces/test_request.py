"""The headers of a request, as handlers read them."""

from __future__ import annotations

from assay.faces.request import FaceRequest

SENT = [(b"host", b"a.example"), (b"x-two", b"first"), (b"x-two", b"second"), (b"x-odd", b"\xe9")]


def test_headers_are_looked_up_as_they_are_searched() -> None:
    """Names in any case; of a header sent twice the first counts; every byte is a character."""
    headers = FaceRequest({"type": "http", "headers": SENT}).headers
    assert headers.get("Host") == headers["host"] == "a.example"
    assert headers.get("x-two") == headers["X-Two"] == "first"
    assert headers.getlist("x-two") == ["first", "second"]
    assert headers.get("x-odd") == "\xe9"
    assert "X-ODD" in headers
    assert "x-none" not in headers
    assert headers.get("x-none") is None
    assert headers.get("x-none", "-") == "-"
