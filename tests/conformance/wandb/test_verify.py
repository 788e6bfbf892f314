"""The client's own check of an installation, over http and behind a proxy that speaks TLS."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conformance.wandb.conftest import TIMEOUT_S, client_environment
from tests.support.front import Front, make_certificates
from tests.support.server import LiveServer

CHECKS = 10
"""How many things the check looks at."""


def verify(url: str, folder: Path, **more: str) -> str:
    """What `wandb verify` says, without colours."""
    command = shutil.which("wandb", path=str(Path(sys.executable).parent))
    assert command is not None
    environment = {**client_environment(url, folder), "WANDB_SILENT": "false", **more}
    done = subprocess.run(
        [command, "verify", "--host", url],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    return re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)


@pytest.mark.slow
def test_the_clients_own_check_passes_whole_over_tls(server: LiveServer, tmp_path: Path) -> None:
    """Behind a proxy on the same machine that says it spoke https, every check is passed."""
    certificates = make_certificates(tmp_path / "tls")
    authority = str(certificates / "ca.pem")
    headers = {"x-forwarded-proto": "https"}
    with Front(server.url, tls=certificates, headers=headers) as front:
        said = verify(
            front.url, tmp_path / "client", SSL_CERT_FILE=authority, REQUESTS_CA_BUNDLE=authority
        )
    assert said.count("✅") == CHECKS, said
    assert "❌" not in said


@pytest.mark.slow
def test_over_http_only_the_demand_for_https_is_not_met(server: LiveServer, tmp_path: Path) -> None:
    """The two checks that ask for https say so; all others pass."""
    said = verify(server.url, tmp_path / "client")
    assert (said.count("✅"), said.count("❌")) == (CHECKS - 2, 2), said
    assert said.count("over https") == 2
