"""Freezing a suite and getting back exactly what was frozen, or nothing."""

import hashlib
import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from assay.bundles.archive import pack, unpack_verified
from assay.bundles.suite_folder import FILES_MAX, read_suite_folder
from assay.domain.errors import Conflict, DataCorrupted
from tests.support.suite_folders import write_suite


def _packed(root: Path, archive: Path) -> str:
    with archive.open("wb") as file:
        return pack(read_suite_folder(root), file)


def _unpack(raw: bytes, tmp_path: Path) -> None:
    archive = tmp_path / "bundle.tar"
    archive.write_bytes(raw)
    (tmp_path / "into").mkdir()
    unpack_verified(archive, hashlib.sha256(raw).hexdigest(), tmp_path / "into")


def test_what_comes_out_is_what_went_in(tmp_path: Path) -> None:
    """Files, suite and fingerprint survive packing; the digest is that of the archive."""
    root = write_suite(tmp_path / "suite")
    (root / "parts" / "deep").mkdir(parents=True)
    (root / "parts" / "deep" / "table.bin").write_bytes(bytes(range(256)) * 5)
    (root / "empty").touch()
    archive = tmp_path / "bundle.tar"
    digest = _packed(root, archive)
    assert digest == hashlib.sha256(archive.read_bytes()).hexdigest()
    (tmp_path / "into").mkdir()
    frozen = unpack_verified(archive, digest, tmp_path / "into")
    original = read_suite_folder(root)
    assert frozen.files == original.files
    assert (frozen.fingerprint, frozen.record()) == (original.fingerprint, original.record())
    for entry in original.files:
        assert (tmp_path / "into" / entry.path).read_bytes() == (root / entry.path).read_bytes()


def test_the_same_folder_gives_the_same_bytes(tmp_path: Path) -> None:
    """Neither time, nor mode, nor owner, nor the order of creation shows in the archive."""
    first, second = write_suite(tmp_path / "first"), tmp_path / "second"
    second.mkdir()
    for path in sorted(first.iterdir(), reverse=True):
        (second / path.name).write_bytes(path.read_bytes())
        (second / path.name).chmod(0o600)
        os.utime(second / path.name, (1, 1))
    assert _packed(first, tmp_path / "1.tar") == _packed(second, tmp_path / "2.tar")


def test_the_archive_is_an_ordinary_tar(tmp_path: Path) -> None:
    """Any tool reads it: sorted plain files that belong to nobody."""
    _packed(write_suite(tmp_path / "suite"), tmp_path / "bundle.tar")
    with tarfile.open(tmp_path / "bundle.tar", "r:") as tar:
        members = tar.getmembers()
    assert [member.name for member in members] == ["items.jsonl", "scorer.py", "suite.toml"]
    assert {(m.mtime, m.uid, m.gid, m.uname, m.mode, m.isreg()) for m in members} == {
        (0, 0, 0, "", 0o644, True)
    }


def test_unpacked_files_are_readable_by_scorers(tmp_path: Path) -> None:
    """Scorers run as another user, whatever mask the runner was started with."""
    digest = _packed(write_suite(tmp_path / "suite"), tmp_path / "bundle.tar")
    (tmp_path / "into").mkdir(mode=0o700)
    before = os.umask(0o077)
    try:
        unpack_verified(tmp_path / "bundle.tar", digest, tmp_path / "into")
    finally:
        os.umask(before)
    assert (tmp_path / "into").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "into" / "scorer.py").stat().st_mode & 0o777 == 0o644


def test_a_file_that_changes_underway_is_noticed(tmp_path: Path) -> None:
    """What is packed is what was read, or nothing."""
    folder = read_suite_folder(write_suite(tmp_path / "suite"))
    (tmp_path / "suite" / "scorer.py").write_text("print('something else')")
    with pytest.raises(Conflict, match=r"scorer\.py changed"):
        pack(folder, io.BytesIO())


def test_a_changed_byte_is_refused_before_anything_is_unpacked(tmp_path: Path) -> None:
    """A bundle that is not the one of the digest leaves no file behind."""
    digest = _packed(write_suite(tmp_path / "suite"), tmp_path / "bundle.tar")
    raw = bytearray((tmp_path / "bundle.tar").read_bytes())
    raw[600] ^= 1
    (tmp_path / "bundle.tar").write_bytes(raw)
    (tmp_path / "into").mkdir()
    with pytest.raises(DataCorrupted, match="should have the digest"):
        unpack_verified(tmp_path / "bundle.tar", digest, tmp_path / "into")
    assert list((tmp_path / "into").iterdir()) == []


def _tar(*members: tarfile.TarInfo, data: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for member in members:
            member.size = len(data) if member.isreg() else 0
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def _member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    return member


def _device(root: Path) -> bytes:
    return _tar(_member("dev", tarfile.CHRTYPE))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda _: _tar(_member("../escaped")), "normal form"),
        (lambda _: _tar(_member("a/../../escaped")), "normal form"),
        (lambda root: _tar(_member(f"{root}/escaped")), "relative"),
        (lambda _: _tar(_member("a\\escaped")), "backslash"),
        (lambda _: _tar(_member("%2e%2e/escaped")), "normal form"),
        (lambda _: _tar(_member("l", tarfile.SYMTYPE, "/etc/passwd")), "not an ordinary file"),
        (lambda _: _tar(_member("l", tarfile.LNKTYPE, "scorer.py")), "not an ordinary file"),
        (lambda _: _tar(_member("d", tarfile.DIRTYPE)), "not an ordinary file"),
        (_device, "not an ordinary file"),
        (lambda _: _tar(_member("p", tarfile.FIFOTYPE)), "not an ordinary file"),
        (lambda _: _tar(_member("x", tarfile.XHDTYPE)), "not an ordinary file"),
        (lambda _: _tar(_member("twice"), _member("twice")), "File exists"),
        (lambda _: _tar(_member("a"), _member("a/b")), "Not a directory|File exists"),
        (lambda _: _tar(*(_member(str(n)) for n in range(FILES_MAX + 1))), "more than"),
        (lambda _: _tar(_member("big"), data=bytes(2000))[:1024], "in the middle"),
        (lambda _: b"not a tar" * 100, "not a suite"),
        (lambda _: b"", "has neither"),
        (lambda _: _tar(_member("readme")), "has neither"),
    ],
)
def test_an_archive_that_is_not_a_bundle_is_refused(
    tmp_path: Path, make: Callable[[Path], bytes], words: str
) -> None:
    """Paths out of the folder, links, devices, doubles and garbage never reach the disk outside."""
    before = set(tmp_path.parent.iterdir())
    with pytest.raises(DataCorrupted, match=words):
        _unpack(make(tmp_path), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"bundle.tar", "into"}
    assert set(tmp_path.parent.iterdir()) == before
    assert not any(path.is_symlink() for path in (tmp_path / "into").rglob("*"))
