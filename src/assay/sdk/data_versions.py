"""Names for data that change when the data does: digests of files, git objects, DVC outputs."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, TypeAlias

from assay.domain.artifact import ManifestEntry, artifact_digest
from assay.domain.errors import DataCorrupted, FailedPrecondition, InvalidArgument, NotFound
from assay.sdk.git import committed_object
from assay.sdk.transfer import file_digest

AnyPath: TypeAlias = "str | os.PathLike[str]"

MAX_DVC_FILE_BYTES: Final = 16 << 20
_SECTION: Final = re.compile(r"(?P<indent> *)(?P<name>outs|deps):\s*")
_MEMBER: Final = re.compile(r"(?P<key>[A-Za-z0-9_-]+):(?: +(?P<value>.*))?")
_WDIR: Final = re.compile(r"wdir: +(?P<value>.*)")
_LEGACY_HASH: Final = "md5-dos2unix"


def data_version(paths: AnyPath | Iterable[AnyPath]) -> str:
    """`sha256:` and the artifact digest of files and folders: it names their paths, sizes and bytes.

    A folder's files go by their paths in it, a file by its name; of several paths each one's name
    comes first. So it is the digest that the same folder has as an artifact. Raises InvalidArgument
    when there is no file, or two of one name, OSError for what cannot be read.
    """
    if isinstance(paths, str | os.PathLike):
        only = Path(paths)
        found = list(_files(only, "" if only.is_dir() else only.name))
    else:
        found = [file for path in map(Path, paths) for file in _files(path, path.resolve().name)]
    if not found:
        raise InvalidArgument("There is no file to version.", field="data_version")
    entries = [ManifestEntry(name, file.stat().st_size, file_digest(file)) for name, file in found]
    return f"sha256:{artifact_digest(entries)}"


def git_data_version(path: AnyPath) -> str:
    """`git:<object>@<commit>:<path>` of a file or folder that is committed as it is.

    The object id names the bytes, the commit is the last one that changed them. Raises
    FailedPrecondition for what is not committed, or changed since.
    """
    object_id, commit, name = committed_object(Path(path))
    return f"git:{object_id}@{commit}:{name}"


def dvc_data_version(path: AnyPath) -> str:
    """`dvc:<hash>:<value>@<commit>:<path>` of data that DVC tracks, or of its `.dvc` file.

    Reads the `.dvc` file beside the data, else the nearest `dvc.lock` above it; DVC need not be
    installed. Raises NotFound when neither knows the path, FailedPrecondition when the file that does
    is not committed as it is.
    """
    target = Path(path).absolute()
    for metadata in _dvc_files(target):
        wanted = None if target == metadata else target
        entry = _dvc_entry(metadata, wanted)
        if entry is not None:
            name, value, data = entry
            _, commit, tracked = committed_object(metadata)
            place = Path(os.path.relpath(data, metadata.parent))
            inside = Path(tracked).parent / place
            return f"dvc:{name}:{value}@{commit}:{os.path.normpath(inside)}"
    msg = f"DVC does not track {path}: neither {target.name}.dvc nor a dvc.lock above names it."
    raise NotFound(msg, field="data_version")


def _files(path: Path, prefix: str) -> Iterator[tuple[str, Path]]:
    if path.is_file():
        yield prefix, path
        return
    if not path.is_dir():
        raise FileNotFoundError(2, "No such file or folder", str(path))
    for folder, folders, names in os.walk(path, followlinks=True):
        here = Path(folder)
        folders.sort()
        for name in folders:
            if (here / name).is_symlink() and here.is_relative_to((here / name).resolve()):
                msg = f"{here / name} leads back to a folder above it."
                raise InvalidArgument(msg, field="data_version")
        for name in sorted(names):
            file = here / name
            if file.is_file():
                yield (Path(prefix) / file.relative_to(path)).as_posix(), file


def _dvc_files(target: Path) -> Iterator[Path]:
    if target.suffix == ".dvc" and target.is_file():
        yield target
        return
    beside = target.with_name(target.name + ".dvc")
    if beside.is_file():
        yield beside
    for folder in target.parents:
        lock = folder / "dvc.lock"
        if lock.is_file():
            yield lock
        if (folder / ".git").exists():
            return


def _dvc_entry(metadata: Path, wanted: Path | None) -> tuple[str, str, Path] | None:
    if metadata.stat().st_size > MAX_DVC_FILE_BYTES:
        raise DataCorrupted(f"{metadata} is too large to be a file of DVC.")
    text = metadata.read_text(encoding="utf-8")
    wdir = next((m["value"] for line in text.splitlines() if (m := _WDIR.fullmatch(line))), ".")
    base = metadata.parent / _plain(wdir)
    entries = _entries(text)
    inputs = [] if metadata.suffix == ".dvc" else entries["deps"]
    for entry in [*entries["outs"], *inputs]:
        data = Path(os.path.normpath(base / entry.get("path", "")))
        if wanted is not None and data != Path(os.path.normpath(wanted)):
            continue
        name = entry.get("hash", _LEGACY_HASH)
        value = entry.get(name if name in entry else "md5")
        if not value:
            msg = f"{metadata} has no digest for {data.name} yet; run `dvc commit` first."
            raise FailedPrecondition(msg, field="data_version")
        return name, value, data
    return None


def _entries(text: str) -> dict[str, list[dict[str, str]]]:
    """The items of all `outs` and of all `deps` lists, as DVC writes them: one `key: value` a line."""
    found: dict[str, list[dict[str, str]]] = {"outs": [], "deps": []}
    section: list[dict[str, str]] | None = None
    indent = 0
    for line in text.splitlines():
        start = _SECTION.fullmatch(line)
        if start is not None:
            section, indent = found[start["name"]], len(start["indent"])
            continue
        bare = line.lstrip(" ")
        depth = len(line) - len(bare)
        if section is None or not bare:
            continue
        if bare.startswith("- ") and depth >= indent:
            section.append({})
            bare = bare[2:]
        elif depth <= indent:
            section = None
            continue
        member = _MEMBER.fullmatch(bare)
        if section and member is not None and member["value"] is not None:
            section[-1].setdefault(member["key"], _plain(member["value"]))
    return found


def _plain(scalar: str) -> str:
    scalar = scalar.strip()
    if scalar.startswith("'") and scalar.endswith("'") and len(scalar) > 1:
        return scalar[1:-1].replace("''", "'")
    if scalar.startswith('"'):
        try:
            return str(json.loads(scalar))
        except ValueError:
            return scalar
    return scalar
