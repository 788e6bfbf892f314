"""G16 and G17: hostile and careless scorers, held by the real runner against a real server."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import assay
from assay.bundles.suite_folder import read_suite_folder
from assay.cli.suites import upload_suite
from assay.runner.client import GateDesk, Judged
from assay.runner.key import make_key
from assay.runner.loop import GateRunner, Watch
from assay.runner.sandbox import Inside, Limits, Sandbox, SandboxUnavailable, open_sandbox
from assay.sdk.client import Client
from tests.cli.scenes import add_version, capitals
from tests.support.server import LiveServer

TIGHT = Limits(
    wall_s=6,
    cpu_s=5,
    memory_bytes=256 * 1024**2,
    processes=24,
    file_size_bytes=4 * 1024**2,
    output_bytes=64 * 1024,
)
HOSTILE = {
    "network": "import socket\nsocket.create_connection(('127.0.0.1', 80), timeout=3)",
    "database": "open('{data}/assay.db', 'rb').read()",
    "forks": "import os\nfor _ in range(10_000): os.fork() or __import__('time').sleep(60)",
    "memory": "bytearray(10 * 1024**3)",
    "loop": "while True: pass",
    "output": "import sys\nfor _ in range(1024): sys.stdout.write('x' * 2**20)",
    "symlink": "import os, sys\nos.symlink('/etc/passwd', sys.argv[-1])",
}
GARBAGE = {
    "nothing": "pass",
    "prose": "import sys\nopen(sys.argv[-1], 'w').write('accuracy: 0.99')",
    "an aggregate": (
        "import sys\n"
        'open(sys.argv[-1], \'w\').write(\'{{"item_id": "all", "metrics": {{"accuracy": 1}}}}\')'
    ),
    "not a number": (
        "import sys\n"
        'open(sys.argv[-1], \'w\').write(\'{{"item_id": "fr", "metrics": {{"accuracy": NaN}}}}\')'
    ),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server of these cases."""
    with LiveServer(tmp_path_factory.mktemp("sandbox-cases") / "data") as live:
        yield live


@pytest.fixture(scope="module")
def walls() -> Sandbox:
    """The sandbox that this machine offers."""
    try:
        return open_sandbox()
    except SandboxUnavailable as problem:
        pytest.skip(f"no sandbox works here: {problem}")


def held(server: LiveServer, walls: Sandbox, tmp_path: Path, **parts: Any) -> dict[str, Any]:
    """The gate run of a candidate after the real runner held its exam."""
    model = f"bot-{secrets.token_hex(4)}"
    with Client(server.url) as client:
        add_version(client, model, 2)
        suite = upload_suite(client, read_suite_folder(capitals(tmp_path / "suite", **parts)))
        spec = {"suite": suite["fingerprint"], "metric": "accuracy", "threshold": 0}
        client.post("/gates", {"name": model, "spec": spec, "model": model})
        asked = client.post("/gate-runs", {"model": model, "version": 1})
        with Client(server.url, server.token("gate-runner")) as own:
            desk = GateDesk(own, "cases", key=None)
            told: list[Any] = []
            watch = Watch(told.append, told.append, told.append)
            GateRunner(desk, walls, TIGHT, tmp_path / "cache", watch).examine_next()
        return dict(client.get(f"/gate-runs/{asked['gate_run_id']}"))


@pytest.mark.parametrize("what", HOSTILE)
def test_g16_a_hostile_scorer_ends_in_an_error(
    server: LiveServer, walls: Sandbox, tmp_path: Path, what: str
) -> None:
    """G16: network, other files, forks, memory, loops, floods and links end as `error`, every time."""
    scorer = HOSTILE[what].format(data=server.data)

    run = held(server, walls, tmp_path, scorer=scorer)

    assert (run["state"], run["verdict"]["outcome"]) == ("done", "error")
    assert run["verdict"]["score"] is None


@pytest.mark.parametrize("what", GARBAGE)
def test_g17_garbage_with_exit_code_0_is_an_error(
    server: LiveServer, walls: Sandbox, tmp_path: Path, what: str
) -> None:
    """G17: a scorer that ends well without exactly the agreed rows has scored nothing."""
    run = held(server, walls, tmp_path, scorer=GARBAGE[what].format())

    assert (run["state"], run["verdict"]["outcome"]) == ("done", "error")


def test_g17_an_honest_scorer_is_believed(
    server: LiveServer, walls: Sandbox, tmp_path: Path
) -> None:
    """G17: the same way with the honest scorer ends with its score: the walls are not the cause."""
    run = held(server, walls, tmp_path)

    assert (run["verdict"]["outcome"], run["verdict"]["items"]) == ("pass", 3)


def test_g15_the_real_runner_signs_what_the_server_verifies(
    server: LiveServer, walls: Sandbox, tmp_path: Path
) -> None:
    """G15: key file to kept signature: the runner's statement is the one that the server builds."""
    key = make_key(tmp_path / "runner.key")
    with Client(server.url) as client:
        add_version(client, "signed", 2)
        client.post("/gate-keys", {"public_key": key.public_key, "runner": "gate-runner"})
        suite = upload_suite(client, read_suite_folder(capitals(tmp_path / "suite")))
        spec = {
            "suite": suite["fingerprint"],
            "metric": "accuracy",
            "threshold": "0.5",
            "signed_verdicts": "require",
        }
        client.post("/gates", {"name": "signed", "spec": spec, "model": "signed"})
        asked = client.post("/gate-runs", {"model": "signed", "version": 1})
        with Client(server.url, server.token("gate-runner")) as own:
            watch = Watch(lambda _: None, lambda _: None, lambda _: None)
            desk = GateDesk(own, "cases", key=key)
            examined = GateRunner(desk, walls, TIGHT, tmp_path / "c", watch).examine_next()
        run = client.get(f"/gate-runs/{asked['gate_run_id']}")
    assert examined is not None
    assert isinstance(examined.judged, Judged)
    assert run["verdict"]["signature"]["key_id"] == key.key_id


def test_g16_without_walls_the_runner_refuses(walls: Sandbox, tmp_path: Path) -> None:
    """G16: where no walls can be built (as inside these) there is a refusal, and no silent run."""
    code, out = tmp_path / "code", tmp_path / "out"
    code.mkdir()
    out.mkdir()
    (code / "program.py").write_text(
        "from assay.runner.sandbox import SandboxUnavailable, open_sandbox\n"
        "try:\n    open_sandbox()\nexcept SandboxUnavailable:\n    print('refused')\n"
    )
    result = walls.run(
        [Inside("code", "program.py")],
        limits=Limits(wall_s=30, cpu_s=30),
        read_only={"code": code, "source": Path(assay.__file__).parents[1]},
        writable_dir=out,
        cwd=Inside("code"),
        env={"PYTHONPATH": "/assay/source"},
    )
    assert result.stdout == b"refused\n", result.stderr_tail
