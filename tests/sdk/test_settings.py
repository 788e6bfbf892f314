"""Where the client finds server, credential, workspace and spool, and what it refuses."""

import json
from pathlib import Path

import pytest

from assay.domain.errors import FailedPrecondition, InvalidArgument, Unavailable
from assay.sdk.connection import connection
from assay.sdk.credentials import find_token, forget_token, save_token
from assay.sdk.settings import (
    DEFAULT_URL,
    check_url,
    credentials_file,
    git_is_asked,
    mode_of,
    spool_folder,
)


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Configuration and state in a folder of the test."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


def test_without_any_setting_the_server_is_the_local_one() -> None:
    """`assay serve` needs no flag, and neither does the client."""
    found = connection()

    assert (found.url, found.token, found.workspace) == (DEFAULT_URL, None, "default")


def test_an_argument_wins_over_the_environment_and_that_over_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The nearer a setting is to the call, the more it counts."""
    save_token("http://a:1", "from-file")
    assert connection("http://a:1").token == "from-file"

    monkeypatch.setenv("ASSAY_URL", "http://a:1")
    monkeypatch.setenv("ASSAY_TOKEN", "from-environment")
    monkeypatch.setenv("ASSAY_WORKSPACE", "team-a")
    found = connection()
    assert (found.url, found.token, found.workspace) == (
        "http://a:1",
        "from-environment",
        "team-a",
    )

    found = connection("http://b:2", "from-argument", "team-b")
    assert (found.url, found.token, found.workspace) == ("http://b:2", "from-argument", "team-b")


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("http://Host.Example:80/", "http://host.example:80"),
        ("https://host/assay/", "https://host/assay"),
        (" http://[::1]:7475 ", "http://[::1]:7475"),
    ],
)
def test_an_address_has_one_spelling(given: str, address: str) -> None:
    """A token kept for a server is found however its address was typed."""
    assert check_url(given) == address


@pytest.mark.parametrize(
    "url",
    ["", "localhost:7475", "ftp://h", "http://", "http://h:port", "http://h?x=1", "http://h#x"],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    """A typing error is named at the start and not after a training."""
    with pytest.raises(InvalidArgument, match=r"address"):
        check_url(url)


def test_a_credential_in_the_address_is_refused_without_quoting_it() -> None:
    """Addresses end up in logs, so nothing secret may be in them."""
    with pytest.raises(InvalidArgument, match="ASSAY_TOKEN") as refusal:
        check_url("http://user:secret@h")

    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "ü", "x" * 5000])
def test_a_token_that_cannot_be_one_is_refused_without_quoting_it(token: str) -> None:
    """A token goes into a header: nothing in it may end the header."""
    with pytest.raises(InvalidArgument) as refusal:
        connection(token=token)

    assert token not in str(refusal.value)


def test_a_connection_does_not_show_its_token() -> None:
    """Printing what one has must not leak it."""
    assert "hush" not in repr(connection(token="hush"))


def test_tokens_are_kept_for_the_owner_alone() -> None:
    """The file of tokens cannot be read by other users, even from the first byte on."""
    path = save_token("http://a:1", "one")
    save_token("http://b:2", "two")

    assert path == credentials_file()
    assert path.stat().st_mode & 0o777 == 0o600
    assert (find_token("http://a:1"), find_token("http://b:2")) == ("one", "two")
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_token_can_be_forgotten() -> None:
    """Logging out leaves the tokens of other servers alone."""
    save_token("http://a:1", "one")
    save_token("http://b:2", "two")

    assert forget_token("http://a:1/") is True
    assert forget_token("http://a:1") is False
    assert (find_token("http://a:1"), find_token("http://b:2")) == (None, "two")


@pytest.mark.parametrize("content", ["", "[]", '{"servers": 3}', '{"servers": {"a": 1}}'])
def test_a_broken_file_of_tokens_is_refused_by_name(content: str) -> None:
    """The user learns which file to look at; nothing in it is guessed at or overwritten."""
    path = credentials_file()
    path.parent.mkdir(parents=True)
    path.write_text(content)

    with pytest.raises(FailedPrecondition, match=r"credentials\.json"):
        find_token("http://a:1")
    with pytest.raises(FailedPrecondition):
        save_token("http://a:1", "one")
    assert path.read_text() == content


def test_tokens_that_cannot_be_written_are_refused(own_home: Path) -> None:
    """A login that was not kept says so."""
    (own_home / "config").write_text("not a folder")

    with pytest.raises((Unavailable, FailedPrecondition)):
        save_token("http://a:1", "one")


def test_a_full_disk_leaves_the_tokens_that_were_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed login does not cost the credentials of other servers."""
    path = save_token("http://a:1", "one")

    def no_room(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr("os.open", no_room)
        with pytest.raises(Unavailable, match="No space left"):
            save_token("http://b:2", "two")

    assert find_token("http://a:1") == "one"
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_saved_file_is_plain_json() -> None:
    """The file can be looked at."""
    path = save_token("http://a:1", "one")

    assert json.loads(path.read_text()) == {"servers": {"http://a:1": "one"}}


def test_the_spool_is_in_the_state_folder_unless_told(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not sent outlives a reboot, and can be put on another disk."""
    assert spool_folder() == own_home / "state" / "assay" / "spool"
    monkeypatch.setenv("ASSAY_SPOOL", str(own_home / "scratch"))
    assert spool_folder() == own_home / "scratch"
    assert spool_folder(own_home / "given") == own_home / "given"


def test_a_relative_state_folder_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """The specification of these variables wants absolute paths: a spool must not follow the script around."""
    monkeypatch.setenv("XDG_STATE_HOME", "relative")

    assert spool_folder() == Path.home() / ".local/state/assay/spool"


def test_the_mode_is_one_of_three(monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelled mode is refused at the start."""
    assert mode_of() == "online"
    monkeypatch.setenv("ASSAY_MODE", "offline")
    assert (mode_of(), mode_of("disabled")) == ("offline", "disabled")
    with pytest.raises(InvalidArgument, match="'online', 'offline' or 'disabled'"):
        mode_of("of-line")


def test_git_is_asked_unless_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """ASSAY_GIT=0 keeps the client from running git."""
    monkeypatch.delenv("ASSAY_GIT")
    assert git_is_asked()
    monkeypatch.setenv("ASSAY_GIT", "0")
    assert not git_is_asked()
