"""What the demonstration says before it begins: what is missing, and which folder and port it takes."""

import io
import socket
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest
from rich.console import Console

from assay.cli.demo import demo
from assay.demo.stage import DEFAULT_PORT, Folders, default_or_any_port, environment
from assay.demo.story import Wishes, tell
from assay.domain.errors import AppError, FailedPrecondition, InvalidArgument
from assay.runner.sandbox import SandboxUnavailable


@pytest.fixture
def console() -> Console:
    """A console that nobody reads."""
    return Console(file=io.StringIO())


def test_without_a_sandbox_it_says_what_to_do_before_it_starts(
    console: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refusal names what to install and the flag to go without; nothing has been written."""

    def unavailable(*, unsandboxed: bool) -> None:
        assert not unsandboxed
        raise SandboxUnavailable("Install bubblewrap.")

    monkeypatch.setattr("assay.demo.story.open_sandbox", unavailable)

    with pytest.raises(AppError, match=r"Install bubblewrap\..*assay demo --unsandboxed"):
        tell(Wishes(data=tmp_path / "new"), console)

    assert not (tmp_path / "new").exists()


def test_a_folder_that_cannot_be_made_is_named(console: Console, tmp_path: Path) -> None:
    """One sentence, before anything is trained."""
    (tmp_path / "file").write_text("")

    with pytest.raises(InvalidArgument, match=r"Cannot make the folder .*file/below"):
        tell(Wishes(data=tmp_path / "file" / "below", unsandboxed=True), console)


def test_missing_packages_are_named_with_the_extra_that_brings_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A plain installation answers with one sentence, not with a traceback."""
    absent = {"mlflow", "sklearn"}

    def find(name: str) -> ModuleSpec | None:
        return None if name in absent else ModuleSpec(name, None)

    monkeypatch.setattr("assay.cli.demo.find_spec", find)

    with pytest.raises(FailedPrecondition, match=r"mlflow, sklearn: pip install 'assay\[demo\]'"):
        demo()


@pytest.mark.parametrize("port", [-1, 65536])
def test_an_impossible_port_is_refused(port: int) -> None:
    """Before anything is trained."""
    with pytest.raises(InvalidArgument) as refusal:
        demo(port=port)

    assert refusal.value.field == "port"


def test_a_taken_default_port_gives_way_to_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody's server goes on; the demonstration takes a free port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr("assay.demo.stage.DEFAULT_PORT", port)
        assert default_or_any_port() == 0
    assert default_or_any_port() == port
    assert DEFAULT_PORT == 7475


def test_commands_see_no_setting_of_somebody_elses_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Addresses, credentials and git's own variables of this shell lead elsewhere, and are dropped."""
    for name in ("ASSAY_URL", "ASSAY_TOKEN", "MLFLOW_TRACKING_URI", "GIT_DIR"):
        monkeypatch.setenv(name, "elsewhere")
    monkeypatch.setenv("NO_PROXY", "example.org")
    monkeypatch.setenv("LANG", "de_DE.UTF-8")

    env = environment(Folders(tmp_path), width=100)

    assert "elsewhere" not in env.values()
    assert env["LANG"] == "de_DE.UTF-8"
    assert env["NO_PROXY"].split(",") == ["127.0.0.1", "localhost", "example.org"]
    assert env["XDG_CONFIG_HOME"].startswith(str(tmp_path))
    assert env["ASSAY_SPOOL"].startswith(str(tmp_path))
