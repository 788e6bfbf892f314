"""A proxy in front of a server: speaks HTTP or TLS, and keeps what was asked and answered.

It stands for the proxy that an installation has, and for an observer of what clients really send.
"""

from __future__ import annotations

import datetime as dt
import gzip
import http.client
import ipaddress
import json
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer; bodies are kept of GraphQL alone."""

    method: str
    path: str
    status: int
    request: Any
    answer: Any


class Front:
    """A proxy on a free port of loopback; `url` is its address."""

    def __init__(
        self, target: str, *, tls: Path | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        self.exchanges: list[Exchange] = []
        self.headers = dict(headers or {})
        self.target = urlsplit(target)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        scheme = "http"
        if tls is not None:
            scheme = "https"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls / "server.pem", tls / "server.key")
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{scheme}://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        """Start."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        front = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Say nothing."""

            def _pass(self) -> None:
                front.forward(self)

        for method in ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"):
            setattr(Handler, f"do_{method}", Handler._pass)
        return Handler

    def forward(self, handler: BaseHTTPRequestHandler) -> None:
        """Hand one request on, and its answer back."""
        size = int(handler.headers.get("content-length") or 0)
        body = handler.rfile.read(size)
        assert self.target.hostname is not None
        onward = http.client.HTTPConnection(self.target.hostname, self.target.port, timeout=60)
        kept = {k: v for k, v in handler.headers.items() if k.lower() not in _HOP}
        kept |= {**self.headers, "content-length": str(size)}
        try:
            onward.request(handler.command, handler.path, body=body, headers=kept)
            reply = onward.getresponse()
            answer = reply.read()
        finally:
            onward.close()
        if handler.path == "/graphql":
            asked = gzip.decompress(body) if kept.get("Content-Encoding") == "gzip" else body
            told = gzip.decompress(answer) if reply.getheader("content-encoding") else answer
            self.exchanges.append(
                Exchange("POST", handler.path, reply.status, json.loads(asked), json.loads(told))
            )
        else:
            self.exchanges.append(Exchange(handler.command, handler.path, reply.status, None, None))
        handler.send_response(reply.status, reply.reason)
        for name, value in reply.getheaders():
            if name.lower() not in _HOP:
                handler.send_header(name, value)
        has_body = handler.command != "HEAD"
        handler.send_header(
            "content-length",
            str(len(answer)) if has_body else reply.getheader("content-length", "0"),
        )
        handler.end_headers()
        if has_body:
            handler.wfile.write(answer)
        handler.wfile.flush()


def make_certificates(folder: Path) -> Path:
    """A folder with an authority (`ca.pem`) and a server's certificate for 127.0.0.1, for a day."""
    folder.mkdir()
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = _certificate("Assay test authority", root_key, None, root_key)
    leaf = _certificate("127.0.0.1", key, root, root_key)
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(root.public_bytes(pem))
    (folder / "server.pem").write_bytes(leaf.public_bytes(pem))
    (folder / "server.key").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Certificate | None,
    issuer_key: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if issuer is not None:
        names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())
