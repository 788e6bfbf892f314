"""`assay artifacts` and the rules of every download."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from assay.cli.download import download, entries_of
from assay.domain.artifact import ManifestEntry
from assay.domain.errors import DataCorrupted, FailedPrecondition
from assay.sdk.client import Client
from tests.cli.command import Assay
from tests.cli.scenes import add_run

FILES = {
    "adapter/config.json": b'{"r": 16}',
    "adapter/weights/part 1.bin": bytes(range(256)) * 300,
    "notes.txt": "größer".encode(),
}


@pytest.fixture
def run_id(client: Client) -> str:
    return add_run(client, files=FILES)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def entry(path: str, content: bytes) -> ManifestEntry:
    return ManifestEntry(path, len(content), hashlib.sha256(content).hexdigest())


def test_files_are_listed_level_by_level_and_whole(assay: Assay, run_id: str) -> None:
    """Folders first with a slash; --recursive names every file."""
    level = [line.split()[0] for line in assay.done("artifacts", "list", run_id).splitlines()]
    below = assay.json("artifacts", "list", run_id, "adapter", "--recursive")["files"]

    assert level == ["path", "adapter/", "notes.txt"]
    assert [row["path"] for row in below] == ["adapter/config.json", "adapter/weights/part 1.bin"]


def test_a_run_without_files_says_how_to_send_some(assay: Assay, client: Client) -> None:
    """An empty state is a sentence with the next command."""
    assert "assay artifacts upload" in assay.done("artifacts", "list", add_run(client))


def test_all_files_are_fetched_as_they_were(assay: Assay, run_id: str, tmp_path: Path) -> None:
    """Every byte, under the same paths."""
    assay.done("artifacts", "download", run_id[:8], "--to", tmp_path / "got")

    assert contents(tmp_path / "got") == FILES


@pytest.mark.parametrize(
    ("path", "count"), [("adapter", 2), ("adapter/weights", 1), ("notes.txt", 1)]
)
def test_a_folder_or_a_file_can_be_fetched_alone(
    assay: Assay, run_id: str, tmp_path: Path, path: str, count: int
) -> None:
    """What is asked for and nothing else."""
    answer = assay.json("artifacts", "download", run_id, path, "--to", tmp_path / "got")

    assert answer["fetched"] == count
    assert contents(tmp_path / "got") == {p: FILES[p] for p in FILES if p.startswith(path)}


def test_a_path_that_the_run_does_not_have_is_named(assay: Assay, run_id: str) -> None:
    """An empty folder would look like success."""
    told = assay("artifacts", "download", run_id, "adaptor")

    assert told.code == 1
    assert "has no files at 'adaptor'" in told.err


def test_a_folder_that_the_run_does_not_have_is_no_empty_list(assay: Assay, run_id: str) -> None:
    """A slip in a path is told, also to a script."""
    for words in ((), ("--json",)):
        told = assay("artifacts", "list", run_id, "adaptor", *words)

        assert told.code == 1
        assert "has no folder 'adaptor'" in told.err


def test_a_second_download_fetches_only_what_is_missing(
    assay: Assay, run_id: str, tmp_path: Path
) -> None:
    """A broken download goes on where it stopped."""
    words = ("artifacts", "download", run_id, "--to", tmp_path / "got")
    assay.done(*words)
    (tmp_path / "got/notes.txt").unlink()

    answer = assay.json(*words)

    assert (answer["fetched"], answer["kept"]) == (1, 2)
    assert contents(tmp_path / "got") == FILES


def test_a_file_that_differs_is_not_overwritten_unless_forced(
    assay: Assay, run_id: str, tmp_path: Path
) -> None:
    """Nothing is fetched at all while somebody's work is in the way."""
    got = tmp_path / "got"
    got.mkdir()
    (got / "notes.txt").write_text("my own notes")
    words = ("artifacts", "download", run_id, "--to", got)

    told = assay(*words)

    assert told.code == 1
    assert "notes.txt" in told.err
    assert "--force" in told.err
    assert contents(got) == {"notes.txt": b"my own notes"}

    assay.done(*words, "--force")

    assert contents(got) == FILES


@pytest.mark.parametrize(
    "path",
    ["../outside", "/etc/passwd", "a/../../b", "a\\b", "C:/x", "%2e%2e/x", "a//b", "", "a\x00b"],
)
def test_a_path_of_the_servers_that_leads_elsewhere_is_refused(path: str) -> None:
    """Where a file is written is decided here, whatever the server lists."""
    with pytest.raises(DataCorrupted):
        entries_of([{"path": path, "size_bytes": 1, "sha256": "0" * 64}])


@pytest.mark.parametrize(
    "row",
    [
        {"path": "a", "size_bytes": -1, "sha256": "0" * 64},
        {"path": "a", "size_bytes": 1, "sha256": "0" * 63},
        {"path": "a", "sha256": "0" * 64},
        {},
    ],
)
def test_a_listed_file_without_size_or_digest_is_refused(row: dict[str, object]) -> None:
    """What cannot be verified is not fetched."""
    with pytest.raises(DataCorrupted):
        entries_of([row])


def test_a_list_in_which_a_file_is_also_a_folder_is_refused() -> None:
    """Such a tree cannot be written."""
    rows = [{"path": path, "size_bytes": 1, "sha256": "0" * 64} for path in ("a", "a/b")]

    with pytest.raises(DataCorrupted):
        entries_of(rows)


def test_bytes_that_do_not_have_their_digest_are_not_kept(
    client: Client, run_id: str, tmp_path: Path
) -> None:
    """A file that arrives damaged does not appear."""
    wrong = entry("notes.txt", b"kleiner")

    with pytest.raises(DataCorrupted):
        download(
            client, [wrong], lambda path: f"/runs/{run_id}/files/{path}", tmp_path, force=False
        )

    assert contents(tmp_path) == {}


def test_a_link_that_leads_out_of_the_folder_is_not_followed(
    client: Client, run_id: str, tmp_path: Path
) -> None:
    """A planted link cannot make a download write elsewhere."""
    folder, outside = tmp_path / "got", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (folder / "adapter").symlink_to(outside)
    wanted = [entry("adapter/config.json", FILES["adapter/config.json"])]

    with pytest.raises(FailedPrecondition, match="leads out"):
        download(client, wanted, lambda path: f"/runs/{run_id}/files/{path}", folder, force=True)

    assert contents(outside) == {}


def test_a_link_in_the_place_of_a_file_is_replaced_not_written_through(
    client: Client, run_id: str, tmp_path: Path
) -> None:
    """With --force the link goes; what it named stays as it was."""
    folder, victim = tmp_path / "got", tmp_path / "victim"
    folder.mkdir()
    victim.write_text("mine")
    (folder / "notes.txt").symlink_to(victim)
    wanted = [entry("notes.txt", FILES["notes.txt"])]

    download(client, wanted, lambda path: f"/runs/{run_id}/files/{path}", folder, force=True)

    assert victim.read_text() == "mine"
    assert contents(folder) == {"notes.txt": FILES["notes.txt"]}
    assert not (folder / "notes.txt").is_symlink()


def test_a_copy_is_verified_against_the_server(assay: Assay, run_id: str, tmp_path: Path) -> None:
    """Exit code 1 when a file is missing or differs, with its name."""
    got = tmp_path / "got"
    assay.done("artifacts", "download", run_id, "--to", got)

    assert assay.json("artifacts", "verify", run_id, got)["right"] == 3

    (got / "notes.txt").write_bytes(b"gr\xc3\xb6sser")
    (got / "adapter/config.json").unlink()
    told = assay("artifacts", "verify", run_id, got)

    assert told.code == 1
    assert told.err.splitlines() == ["missing    adapter/config.json", "differing  notes.txt"]


def test_the_servers_own_bytes_are_verified_without_keeping_them(
    assay: Assay, run_id: str, tmp_path: Path
) -> None:
    """Every byte is read; nothing stays on this machine."""
    answer = assay.json("artifacts", "verify", run_id)

    assert (answer["intact"], answer["right"]) == (True, 3)
    assert contents(tmp_path) == {}


def test_a_folder_is_sent_with_all_below_it(assay: Assay, client: Client, tmp_path: Path) -> None:
    """Its content goes into the run's folder that is named."""
    run_id = add_run(client, is_finished=False)
    (tmp_path / "out/sub").mkdir(parents=True)
    (tmp_path / "out/a.txt").write_text("a")
    (tmp_path / "out/sub/b c.txt").write_text("b")
    assay.done("artifacts", "upload", run_id, tmp_path / "out", "model")

    files = client.get(f"/runs/{run_id}/artifacts", recursive=True)["files"]

    assert [row["path"] for row in files] == ["model/a.txt", "model/sub/b c.txt"]


@pytest.mark.parametrize("name", ["nothing", "empty"])
def test_sending_nothing_is_refused(
    assay: Assay, client: Client, tmp_path: Path, name: str
) -> None:
    """A typing error in a path does not look like an upload."""
    (tmp_path / "empty").mkdir()

    assert assay("artifacts", "upload", add_run(client), tmp_path / name).code == 1
