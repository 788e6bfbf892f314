"""Talking to Assay on behalf of an import: what is there, what is sent, and what is refused."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from assay.domain.errors import AppError
from assay.importing.points import Series, batches
from assay.importing.tally import Report
from assay.sdk.client import Client, file_path, url_path
from assay.sdk.errors import ApiError, ServerUnreachable

COMPACT: Final = "application/vnd.assay.batch"
POINTS_AT_ONCE: Final = 50_000

_encoder = msgspec.msgpack.Encoder()


def find(client: Client, path: str) -> Any:
    """What is at a path, None when there is nothing."""
    try:
        return client.get(path)
    except ApiError as error:
        if error.code != "not_found":
            raise
        return None


def is_refusal(error: Exception) -> bool:
    """Whether an error is about one thing alone, so that the rest can still arrive."""
    if isinstance(error, ServerUnreachable):
        return False
    if isinstance(error, ApiError):
        return 400 <= error.status < 500 and error.status not in {401, 403, 429}
    return isinstance(error, AppError | OSError | OverflowError)


def send_points(client: Client, run_id: str, series: Mapping[str, Series], report: Report) -> None:
    """Send series. A point that is there already stays as it is."""
    path = url_path("runs", run_id, "batch")
    for batch in batches(series, POINTS_AT_ONCE):
        body = _encoder.encode(_columns(batch))
        headers = {"Content-Type": COMPACT}
        client.request("POST", path, content=body, headers=headers, idempotent=True)
        report.note_sent(points=sum(part.count for part in batch.values()), size_bytes=len(body))


def _columns(batch: Mapping[str, Series]) -> dict[str, list[Any]]:
    return {
        "keys": list(batch),
        "k": [place for place, part in enumerate(batch.values()) for _ in range(part.count)],
        "s": [step for part in batch.values() for step in part.steps],
        "t": [at_ms for part in batch.values() for at_ms in part.timestamps_ms],
        "v": [value for part in batch.values() for value in part.values],
    }


def local_files(folder: Path | None, report: Report) -> dict[str, Path]:
    """The plain files below a folder, by path; links are left out, wherever they lead."""
    found: dict[str, Path] = {}
    if folder is None or not folder.is_dir():
        return found
    for place, names, files in os.walk(folder, followlinks=False):
        names.sort()
        for name in sorted(files):
            file = Path(place, name)
            path = file.relative_to(folder).as_posix()
            if file.is_symlink() or not file.is_file():
                report.note_change(f"{file} is no plain file and stays behind")
            else:
                found[path] = file
    return found


def send_files(
    client: Client,
    owner: str,
    files: Mapping[str, Path],
    digests: Mapping[str, str],
    there: Mapping[str, str],
    report: Report,
) -> int:
    """Send the files whose digests are not there yet; answers how many."""
    missing = [path for path in files if there.get(path) != digests[path]]
    for path in missing:
        client.upload(f"{owner}/files/{file_path(path)}", files[path], sha256=digests[path])
        report.note_sent(size_bytes=files[path].stat().st_size)
    return len(missing)


def files_there(client: Client, owner: str) -> dict[str, str]:
    """The digests of the files that a run or logged model has in Assay, by path."""
    found = client.get(f"{owner}/artifacts", recursive=True)["files"]
    return {entry["path"]: entry["sha256"] for entry in found if not entry["is_folder"]}


def below(files: Mapping[str, Path], folder: str) -> Iterator[tuple[str, Path]]:
    """The files below a folder ('' for all), by path within it; a file named alone is itself."""
    if folder in files:
        yield folder.rpartition("/")[2], files[folder]
        return
    start = f"{folder}/" if folder else ""
    for path, file in files.items():
        if path.startswith(start):
            yield path[len(start) :], file
