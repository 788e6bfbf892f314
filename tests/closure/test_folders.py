from __future__ import annotations

from pathlib import Path

from assay.closure.look_up import look_up
from assay.domain.closure import Finding, Source, Status
from assay.domain.references import ReferenceKind, parse_data
from assay.sdk.data_versions import data_version
from tests.closure.places import a_reach


def ask(root: Path, text: str, *, deep: bool = True) -> Finding:
    source = Source("data", ReferenceKind.FILE, str(root))
    return look_up(a_reach(root), [source], parse_data(text), deep=deep)


def a_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "train"
    folder.mkdir(parents=True)
    (folder / "a.txt").write_text("one\n")
    return folder


def test_c3_a_folder_is_looked_up_by_its_digest(tmp_path: Path) -> None:
    """The digest that the SDK computes; one byte more and it is corrupt; without files, missing."""
    folder = a_folder(tmp_path)
    text = f"file:{folder}#{data_version(folder)}"

    assert ask(tmp_path / "data", text).status is Status.OK
    (folder / "a.txt").write_text("one\n\n")
    assert ask(tmp_path / "data", text).status is Status.CORRUPT
    assert ask(tmp_path / "data", text, deep=False).status is Status.OK
    (folder / "a.txt").unlink()
    folder.rmdir()
    assert ask(tmp_path / "data", text).status is Status.MISSING


def test_c3_a_folder_outside_the_roots_is_never_read(tmp_path: Path) -> None:
    """Not by its name, not by `..`, not by a link."""
    folder = a_folder(tmp_path)
    secret = tmp_path / "secret"
    secret.write_text("s")
    (folder / "link").symlink_to(secret)

    for place in ("/etc/passwd", f"{folder}/../../secret", f"{folder}/link"):
        assert ask(tmp_path / "data", f"file:{place}").status is Status.UNSUPPORTED
