"""A suite folder: what a gate's author keeps in a repository, read into the exam that it describes.

suite.toml or suite.json   name, harness, tasks with their metrics and settings
items.jsonl                one JSON object per line: an id, the input, the reference
scorer.py                  the program that scores; further files beside it are its own

Everything that the fingerprint covers is computed from the bytes found here, so a folder, and the
bundle that is made of it, can never say one thing and contain another.
"""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from assay.bundles.plain_file import NotPlainError, open_plain_file
from assay.domain.artifact import ManifestEntry, artifact_digest
from assay.domain.canonical import (
    JsonValue,
    as_object,
    canonical_text,
    check_value,
    parse_strict,
    sha256_hex,
)
from assay.domain.errors import AppError, InvalidArgument, LimitExceeded
from assay.domain.evaluation import (
    MAX_ITEMS,
    Suite,
    parse_suite,
    suite_fingerprint,
    suite_record,
)
from assay.domain.names import check_artifact_path, check_text

ITEMS_FILE = "items.jsonl"
SCORER_FILE = "scorer.py"
SUITE_FILES = ("suite.toml", "suite.json")
FILES_MAX = 1_000
FOLDER_BYTES_MAX = 1024**3
ITEM_BYTES_MAX = 1024**2

_SUITE_BYTES_MAX = 1024**2
# The name field of the archive's format, which every tool can read, holds this much ASCII.
_PATH_MAX = 100
_READ_BYTES = 1024**2
_SUITE_KEYS = {"name", "description", "id_field", "harness", "tasks", "limit"}
_TASK_KEYS = {"name", "split", "metrics", "few_shot", "generation", "prompt_file", "template_file"}
_HARNESS: JsonValue = {"name": "assay-scorer", "version": "1"}


@dataclass(frozen=True, slots=True)
class SuiteFolder:
    """A folder whose every file was read: `files` by path, and the suite that they amount to."""

    root: Path
    name: str
    description: str
    files: tuple[ManifestEntry, ...]
    suite: Suite

    @property
    def fingerprint(self) -> str:
        """The suite's fingerprint, as the server computes it from the record."""
        return suite_fingerprint(self.suite)

    def record(self) -> dict[str, JsonValue]:
        """The suite in its JSON form, with every item's id and digest."""
        return suite_record(self.suite)


@dataclass(frozen=True, slots=True)
class _Question:
    """A line of the items file: its id, the digest of its canonical text, and the task it is in."""

    item_id: str
    digest: str
    task: str | None
    line: int


def read_suite_folder(root: Path) -> SuiteFolder:
    """Read and check a suite folder.

    Hidden files and `__pycache__` are not part of it. Raises `InvalidArgument`, or `LimitExceeded`
    for what is too large, naming the file and the line; a symbolic link is refused.
    """
    if not root.is_dir():
        raise InvalidArgument(f"{root} is not a folder.", field="folder")
    files = tuple(sorted(_read_files(root)))
    digests = {entry.path: entry.sha256 for entry in files}
    present = [name for name in SUITE_FILES if name in digests]
    if len(present) != 1:
        found = " and ".join(present) or "neither"
        raise InvalidArgument(
            f"A suite folder has one of {' or '.join(SUITE_FILES)}; {root} has {found}.",
            field="folder",
        )
    for name in (ITEMS_FILE, SCORER_FILE):
        if name not in digests:
            raise InvalidArgument(f"{root} has no {name}.", field=name)
    described = _read_description(root / present[0])
    questions = _read_items(root / ITEMS_FILE, _text(described, "id_field", present[0], "id"))
    try:
        suite = parse_suite(_suite_record(described, questions, files))
    except AppError as fault:
        raise type(fault)(f"{present[0]}: {fault.message}", field=fault.field) from None
    return SuiteFolder(
        root=root,
        name=_text(described, "name", present[0]),
        description=_text(described, "description", present[0], ""),
        files=files,
        suite=suite,
    )


# Files --------------------------------------------------------------------------------------------


def _read_files(root: Path) -> Iterator[ManifestEntry]:
    total = 0
    for count, path in enumerate(_walk(root), start=1):
        if count > FILES_MAX:
            raise LimitExceeded(f"{root} has more than {FILES_MAX} files.", field="folder")
        entry = _read_file(root, path.relative_to(root).as_posix())
        total += entry.size_bytes
        if total > FOLDER_BYTES_MAX:
            raise LimitExceeded(
                f"{root} is larger than {FOLDER_BYTES_MAX} bytes; a suite holds questions, "
                "not models.",
                field="folder",
            )
        yield entry


def _walk(root: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise InvalidArgument(f"{error.filename} cannot be read: {error.strerror}.", field="folder")

    for parent, folders, names in os.walk(root, onerror=refuse):
        folders[:] = sorted(name for name in folders if _is_part(name))
        for name in folders:
            if Path(parent, name).is_symlink():
                raise InvalidArgument(
                    f"{name} is a symbolic link; a frozen suite holds the files themselves.",
                    field=name,
                )
        yield from (Path(parent, name) for name in sorted(filter(_is_part, names)))


def _is_part(name: str) -> bool:
    return not name.startswith(".") and name != "__pycache__"


def _read_file(root: Path, name: str) -> ManifestEntry:
    check_artifact_path(name)
    if not name.isascii() or len(name) > _PATH_MAX:
        raise InvalidArgument(
            f"{name}: file names in a suite are plain ASCII of at most {_PATH_MAX} characters.",
            field=name,
        )
    digest, size_bytes = hashlib.sha256(), 0
    try:
        with open_plain_file(root / name) as file:
            while piece := file.read(_READ_BYTES):
                digest.update(piece)
                size_bytes += len(piece)
                if size_bytes > FOLDER_BYTES_MAX:
                    raise LimitExceeded(
                        f"{name} is larger than {FOLDER_BYTES_MAX} bytes.", field=name
                    )
    except NotPlainError as error:
        raise InvalidArgument(
            f"{error}; a frozen suite holds the files themselves.", field=name
        ) from None
    except OSError as error:
        raise InvalidArgument(f"{name} cannot be read: {error.strerror}.", field=name) from None
    return ManifestEntry(name, size_bytes, digest.hexdigest())


# The description ----------------------------------------------------------------------------------


def _read_description(path: Path) -> dict[str, JsonValue]:
    with path.open("rb") as file:
        raw = file.read(_SUITE_BYTES_MAX + 1)
    if len(raw) > _SUITE_BYTES_MAX:
        raise LimitExceeded(
            f"{path.name} is larger than {_SUITE_BYTES_MAX} bytes.", field=path.name
        )
    try:
        value = _parse_toml(raw) if path.suffix == ".toml" else parse_strict(raw, root="the suite")
    except AppError as fault:
        raise type(fault)(f"{path.name}: {fault.message}", field=fault.field) from None
    described = as_object(value, path.name)
    _refuse_unknown(described, _SUITE_KEYS, path.name)
    return described


def _parse_toml(raw: bytes) -> JsonValue:
    try:
        return check_value(tomllib.loads(raw.decode("utf-8")), root="the suite")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidArgument(f"it is not valid TOML: {error}.", field="suite") from None


def _suite_record(
    described: dict[str, JsonValue],
    questions: list[_Question],
    files: tuple[ManifestEntry, ...],
) -> dict[str, JsonValue]:
    """The suite in the form that the domain parses, digests filled in from the files."""
    listed = described.get("tasks")
    if not isinstance(listed, list) or not listed:
        raise InvalidArgument("tasks must be a list of at least one table.", field="tasks")
    tasks = [as_object(task, f"tasks[{index}]") for index, task in enumerate(listed)]
    members = _items_by_task(questions, [task.get("name", "main") for task in tasks])
    return {
        "harness": described.get("harness", _HARNESS),
        "tasks": [
            _task_record(task, items, files, f"tasks[{index}]")
            for index, (task, items) in enumerate(zip(tasks, members, strict=True))
        ],
        "limit": described.get("limit"),
    }


def _task_record(
    task: dict[str, JsonValue],
    items: list[JsonValue],
    files: tuple[ManifestEntry, ...],
    where: str,
) -> dict[str, JsonValue]:
    _refuse_unknown(task, _TASK_KEYS, where)
    digests = {entry.path: entry.sha256 for entry in files}
    data = {ITEMS_FILE, *SUITE_FILES}
    record: dict[str, JsonValue] = {
        "name": task.get("name", "main"),
        "split": task.get("split", "test"),
        "dataset_digest": digests[ITEMS_FILE],
        "items": items,
        # One digest for the scorer and every file that it can read beside itself.
        "scorer_digest": artifact_digest(entry for entry in files if entry.path not in data),
        "metrics": task.get("metrics"),
    }
    for key in ("few_shot", "generation"):
        record[key] = task.get(key)
    for key in ("prompt", "template"):
        if f"{key}_file" in task:
            name = _text(task, f"{key}_file", where)
            if name not in digests:
                raise InvalidArgument(
                    f"{where}.{key}_file: there is no file {name!r}.", field=f"{where}.{key}_file"
                )
            record[f"{key}_digest"] = digests[name]
    return record


def _items_by_task(questions: list[_Question], names: list[JsonValue]) -> list[list[JsonValue]]:
    members: list[list[JsonValue]] = [[] for _ in names]
    places = {name: index for index, name in enumerate(names) if isinstance(name, str)}
    for question in questions:
        if question.task is None and len(names) > 1:
            raise _item_fault(question.line, "task is missing; the suite has several tasks")
        if question.task is not None and question.task not in places:
            raise _item_fault(question.line, f"there is no task {question.task[:100]!r}")
        index = 0 if question.task is None else places[question.task]
        members[index].append({"id": question.item_id, "digest": question.digest})
    for name, items in zip(names, members, strict=True):
        if not items:
            raise InvalidArgument(f"{ITEMS_FILE}: the task {name!r} has no item.", field=ITEMS_FILE)
    return members


def _refuse_unknown(table: dict[str, JsonValue], known: set[str], where: str) -> None:
    unknown = sorted(table.keys() - known)
    if unknown:
        raise InvalidArgument(
            f"{where}: {unknown[0]!r} is not known here; there are {', '.join(sorted(known))}.",
            field=unknown[0],
        )


def _text(table: dict[str, JsonValue], key: str, where: str, default: str | None = None) -> str:
    value = table.get(key, default)
    if value is None:
        raise InvalidArgument(f"{where}: {key} is missing.", field=key)
    return check_text(value, f"{where}: {key}", max_length=1_000, allow_empty=default == "")


# Items --------------------------------------------------------------------------------------------


def _read_items(path: Path, id_field: str) -> list[_Question]:
    questions: list[_Question] = []
    first_lines: dict[str, int] = {}
    with path.open("rb") as file:
        while line := file.readline(ITEM_BYTES_MAX + 1):
            question = _parse_item(line, len(questions) + 1, id_field)
            first = first_lines.setdefault(question.item_id, question.line)
            if first != question.line:
                raise _item_fault(
                    question.line, f"the id {question.item_id[:100]!r} is already on line {first}"
                )
            if question.line > MAX_ITEMS:
                raise LimitExceeded(
                    f"{ITEMS_FILE} has more than {MAX_ITEMS} items.", field=ITEMS_FILE
                )
            questions.append(question)
    if not questions:
        raise InvalidArgument(f"{ITEMS_FILE} is empty.", field=ITEMS_FILE)
    return questions


def _parse_item(line: bytes, number: int, id_field: str) -> _Question:
    if len(line) > ITEM_BYTES_MAX:
        raise LimitExceeded(
            f"{ITEMS_FILE} line {number} is longer than {ITEM_BYTES_MAX} bytes.",
            field=f"{ITEMS_FILE}:{number}",
        )
    try:
        item = parse_strict(line, root="the item", max_bytes=ITEM_BYTES_MAX)
        text = canonical_text(item, max_bytes=None)
    except AppError as fault:
        raise _item_fault(number, fault.message.rstrip(".")) from None
    if not isinstance(item, dict):
        raise _item_fault(number, "an item must be an object")
    item_id, task = item.get(id_field), item.get("task")
    if item_id is None:
        raise _item_fault(number, f"{id_field} is missing")
    if not isinstance(item_id, str) or not 0 < len(item_id) <= 250:
        raise _item_fault(number, f"{id_field} must be a text of 1 to 250 characters")
    if task is not None and not isinstance(task, str):
        raise _item_fault(number, "task must be a text")
    return _Question(item_id, sha256_hex(text), task, number)


def _item_fault(line: int, fault: str) -> InvalidArgument:
    return InvalidArgument(f"{ITEMS_FILE} line {line}: {fault}.", field=f"{ITEMS_FILE}:{line}")
