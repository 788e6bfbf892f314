"""`assay artifacts`: the files of a run, listed, fetched, sent and verified."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from assay.cli.download import download as fetch
from assay.cli.download import entries_of
from assay.cli.lookup import run_id_of
from assay.cli.options import DEFAULTS, Options
from assay.cli.output import plural, print_json, print_table, say, size
from assay.cli.progress import transfer
from assay.cli.verify import verify_copy, verify_stored
from assay.domain.artifact import ManifestEntry
from assay.domain.errors import InvalidArgument, NotFound
from assay.domain.names import check_artifact_path
from assay.sdk.client import Client, file_path, url_path

app = App(name="artifacts")


@app.command(name="list")
def list_files(
    run: str,
    path: str = "",
    /,
    *,
    recursive: Annotated[bool, Parameter(name=["--recursive", "-r"])] = False,
    options: Options = DEFAULTS,
) -> None:
    """List the files of a run, one level, folders first.

    Args:
        run: The run's id, or the start of it.
        path: A folder of the run. Default: its root.
        recursive: List every file below it.
    """
    client = options.client()
    run_id = run_id_of(client, run)
    found = client.get(url_path("runs", run_id, "artifacts"), path=path, recursive=recursive)[
        "files"
    ]
    if path and not found:
        raise NotFound(
            f"Run {run_id} has no folder {path!r}; `assay artifacts list {run_id[:12]}` shows what it has."
        )
    if options.json:
        print_json({"run_id": run_id, "files": found})
        return
    print_table(
        ["path", "size", "sha256"],
        [
            [
                row["path"] + "/" if row["is_folder"] else row["path"],
                size(row["size_bytes"]),
                row["sha256"],
            ]
            for row in found
        ],
        empty=f"Nothing there. Send files with `assay artifacts upload {run_id[:12]} FILE`.",
        numeric=("size",),
    )


@app.command
def download(
    run: str,
    path: str = "",
    /,
    *,
    to: Annotated[Path, Parameter(metavar="FOLDER")] = Path(),
    force: bool = False,
    options: Options = DEFAULTS,
) -> None:
    """Fetch a run's file, folder or all of its files, and verify every digest.

    Files keep their paths below the folder. Those that are there and right are not fetched again.

    Args:
        run: The run's id, or the start of it.
        path: A file or folder of the run. Default: everything.
        to: Folder to write to. Default: the current one.
        force: Replace files that differ.
    """
    client = options.client()
    run_id = run_id_of(client, run)
    result = fetch(client, _walk(client, run_id, path), _address(run_id), to, force=force)
    if options.json:
        print_json({"run_id": run_id, **result.as_json()})
    else:
        say(result.sentence())


@app.command
def verify(
    run: str,
    folder: Path | None = None,
    /,
    *,
    path: str = "",
    options: Options = DEFAULTS,
) -> int:
    """Check digests: of a downloaded copy, or without a folder of the bytes that the server holds.

    Exits with 1 when a file is missing or differs.

    Args:
        run: The run's id, or the start of it.
        folder: The folder that `download` wrote to.
        path: A file or folder of the run. Default: everything.
    """
    client = options.client()
    run_id = run_id_of(client, run)
    entries = _walk(client, run_id, path)
    subject = {"run_id": run_id}
    if folder is not None:
        return verify_copy(entries, folder).show(options, subject)
    return verify_stored(client, entries, _address(run_id)).show(options, subject)


@app.command
def upload(
    run: str,
    source: Path,
    path: str = "",
    /,
    *,
    options: Options = DEFAULTS,
) -> None:
    """Send a file, or a folder with all below it, to a run. Digests are checked on arrival.

    Args:
        run: The run's id, or the start of it.
        source: File or folder on this machine.
        path: Folder of the run to put it into. A folder's content goes there directly.
    """
    client = options.client()
    run_id = run_id_of(client, run)
    files = local_files(source, path)
    address = _address(run_id)
    total_bytes = sum(file.stat().st_size for file in files.values())
    sent: list[dict[str, Any]] = []
    with transfer(total_bytes, "Sending") as for_file:
        for name, file in files.items():
            sent.append(client.upload(address(name), file, for_file(name)))
    if options.json:
        print_json({"run_id": run_id, "files": sent})
    else:
        say(f"{plural(len(sent), 'file')} ({size(total_bytes)}) sent to run {run_id[:12]}.")


def _walk(client: Client, run_id: str, path: str) -> tuple[ManifestEntry, ...]:
    """Every file at or below a path of the run. Raises NotFound when there is none."""
    address = url_path("runs", run_id, "artifacts")
    listed = client.get(address, path=path, recursive=True)["files"]
    if not listed and path:
        # A file is listed by the folder that it is in.
        parent = path.rpartition("/")[0]
        listed = [row for row in client.get(address, path=parent)["files"] if row["path"] == path]
    files = [row for row in listed if not row["is_folder"]]
    if not files:
        where = f" at {path!r}" if path else ""
        raise NotFound(f"Run {run_id} has no files{where}; `assay artifacts list` shows them.")
    return entries_of(files)


def _address(run_id: str) -> Callable[[str], str]:
    base = url_path("runs", run_id, "files")
    return lambda path: f"{base}/{file_path(path)}"


def local_files(source: Path, path: str) -> dict[str, Path]:
    """What to send, by the path that it gets in the run. Links are followed for files only."""
    prefix = f"{path.rstrip('/')}/" if path else ""
    if source.is_file():
        return {check_artifact_path(prefix + source.name): source}
    if not source.is_dir():
        raise InvalidArgument(f"There is no file or folder {source}.")
    found = {
        check_artifact_path(prefix + file.relative_to(source).as_posix()): file
        for file in sorted(source.rglob("*"))
        if file.is_file()
    }
    if not found:
        raise InvalidArgument(f"{source} holds no files.")
    return found
