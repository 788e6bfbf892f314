"""Reading what an eval harness left in a file or a folder, whichever harness it was."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from assay.domain.errors import InvalidArgument, NotFound
from assay.domain.harness.inspect_log import read_inspect
from assay.domain.harness.lighteval import read_lighteval
from assay.domain.harness.lm_eval import read_lm_eval
from assay.domain.harness.report import Report

MAX_JSON_BYTES: Final = 2 << 30
MAX_SAMPLES: Final = 100_000

_RESULTS: Final = re.compile(r"results_(?P<when>.+)\.json")
_KEPT: Final = ("doc_id", "doc_hash", "prompt_hash", "target_hash", "filter", "metrics")


def read_report(path: Path) -> tuple[Report, Path]:
    """The report of a results file, a log, or the newest one in a folder, and the file it is in.

    Raises NotFound for a folder without one, InvalidArgument for what no known harness wrote.
    """
    file = _newest(path) if path.is_dir() else path
    if file.suffix == ".eval":
        return read_inspect(_inspect_archive(file)), file
    record = _json(file)
    if "config_general" in record:
        tasks = record.get("config_tasks") or {}
        return read_lighteval(record, {task: list(_details(file, task)) for task in tasks}), file
    if "lm_eval_version" in record or "n-samples" in record:
        tasks = record.get("configs") or {}
        return read_lm_eval(record, {task: list(_samples(file, task)) for task in tasks}), file
    if "eval" in record and "plan" in record:
        return read_inspect(record), file
    raise InvalidArgument(
        f"{file.name} is no results file of lm-evaluation-harness or lighteval and no log of inspect-ai.",
        field="path",
    )


def _newest(folder: Path) -> Path:
    found = [*folder.rglob("results_*.json"), *folder.rglob("*.eval")]
    found = found or [
        file for file in folder.rglob("*.json") if not file.name.startswith(("logs.json", "."))
    ]
    if not found:
        raise NotFound(
            f"There is no results_*.json, no .eval and no .json file below {folder}.", field="path"
        )
    return max(found, key=lambda file: file.stat().st_mtime_ns)


def _json(file: Path) -> dict[str, Any]:
    if file.stat().st_size > MAX_JSON_BYTES:
        raise InvalidArgument(f"{file.name} is larger than 2 GiB.", field="path")
    try:
        record = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise InvalidArgument(f"{file.name} is not JSON: {error}", field="path") from None
    if not isinstance(record, dict):
        raise InvalidArgument(f"{file.name} holds no JSON object.", field="path")
    return record


def _beside(file: Path, pattern: str, suffix: str, task: str) -> Path | None:
    match = _RESULTS.fullmatch(file.name)
    if match is None:
        return None
    name = pattern.format(task=task, when=match["when"]) + suffix
    for folder in (file.parent, *file.parents[1:4]):
        found = sorted(folder.rglob(name))
        if found:
            return found[0]
    return None


def _samples(file: Path, task: str) -> Iterator[Mapping[str, Any]]:
    place = file.parent / file.name.replace("results_", f"samples_{task}_", 1)
    place = place.with_suffix(".jsonl")
    if not place.exists():
        return
    with place.open(encoding="utf-8") as lines:
        for count, line in enumerate(lines):
            if count >= MAX_SAMPLES * 10:
                raise InvalidArgument(f"{place.name} has too many samples.", field="path")
            try:
                row = json.loads(line)
            except ValueError:
                raise InvalidArgument(
                    f"Line {count + 1} of {place.name} is not JSON.", field="path"
                ) from None
            # The documents and answers can be large, and their hashes are all that is wanted.
            yield {key: row.get(key) for key in (*_KEPT, *(row.get("metrics") or ()))}


def _details(file: Path, task: str) -> Iterator[Mapping[str, Any]]:
    place = _beside(file, "details_{task}_{when}", ".parquet", task)
    if place is None:
        return
    try:
        from pyarrow import parquet
    except ModuleNotFoundError:
        raise InvalidArgument(
            "lighteval's details are Parquet files: pip install 'assay[parquet]'.", field="path"
        ) from None
    table = parquet.ParquetFile(place)
    if table.metadata.num_rows > MAX_SAMPLES:
        raise InvalidArgument(f"{place.name} has too many samples.", field="path")
    for batch in table.iter_batches(columns=["doc"]):
        yield from batch.to_pylist()


def _zipfile() -> Any:
    """The module that reads archives, with zstd in them where that can be had."""
    try:
        from backports.zstd import zipfile
    except ModuleNotFoundError:
        # That of the standard library reads zstd from Python 3.14 on.
        return import_module("zipfile")
    return zipfile


def _inspect_archive(file: Path) -> dict[str, Any]:
    """A log in inspect's own archive, as its JSON form would be."""
    zipfile = _zipfile()
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
            if sum(entry.file_size for entry in archive.infolist()) > MAX_JSON_BYTES:
                raise InvalidArgument(f"{file.name} unpacks to more than 2 GiB.", field="path")
            log: dict[str, Any] = json.loads(archive.read("header.json"))
            log["samples"] = [
                json.loads(archive.read(name))
                for name in sorted(names)
                if name.startswith("samples/")
            ]
    except NotImplementedError:
        raise InvalidArgument(
            f"{file.name} is packed in a way that this Python cannot read; "
            "pip install 'assay[server]', or run `inspect log convert --to json` on it first.",
            field="path",
        ) from None
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise InvalidArgument(
            f"{file.name} is no log of inspect-ai: {error}", field="path"
        ) from None
    return log
