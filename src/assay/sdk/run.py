"""A run as a training script sees it: calls that write to a file and return."""

from __future__ import annotations

import atexit
import math
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from assay.domain.canonical import parse_strict
from assay.domain.errors import AppError, FailedPrecondition, InvalidArgument, Unavailable
from assay.domain.fingerprint import FIELDS
from assay.domain.lineage import DatasetRef, Lineage, LineageDraft, from_tracking, param_text
from assay.domain.names import (
    MAX_DATASET_DIGEST,
    MAX_DATASET_NAME,
    MAX_DATASET_SOURCE,
    check_artifact_path,
    check_metric_key,
    check_param_key,
    check_param_value,
    check_tag_key,
    check_tag_value,
    check_text,
)
from assay.domain.tracking import RunStatus
from assay.sdk import frames
from assay.sdk.client import Client, url_path
from assay.sdk.frames import POINTS_TAG, Begin, Frame
from assay.sdk.recorder import Recorder, reason_of
from assay.sdk.values import as_number, as_step, table

FINISH_TIMEOUT_S: Final = 60.0
MAX_KEYS_PER_FRAME: Final = 5_000
MAX_TEXTS_PER_FRAME: Final = 1_000
MAX_KNOWN_KEYS: Final = MAX_KEYS_PER_FRAME
MAX_SUITE: Final = 300
MAX_SOURCE_TYPE: Final = 36
MAX_TEXT: Final = frames.MAX_FRAME_BYTES // 4
_INT64: Final = 2**63
_ENDS: Final = frozenset({RunStatus.FINISHED, RunStatus.FAILED, RunStatus.KILLED})
_ROLE: Final = "context"

_encode = msgspec.msgpack.Encoder().encode


class Run:
    """A run that is being recorded. Made by `assay.start_run`; safe to use from several threads.

    Everything that records returns as soon as it is in the spool file, neither waits for the network
    nor raises because of it, and tells once on standard error what it could not keep. What raises is
    said where it does: wrong arguments of files and datasets, and `register`.
    """

    def __init__(
        self, begin: Begin, client: Client | None, folder: Path | None, *, next_step: int = 0
    ) -> None:
        self._begin = begin
        self._client = client
        self._recorder = Recorder(begin, client, folder)
        self._append = self._recorder.append
        self._next_step = next_step
        self._known_keys: set[str] = set()
        self._params: dict[str, str] = {}
        self._tags: dict[str, str] = {}
        self._datasets: list[DatasetRef] = []
        if folder is not None:
            _unfinished.add(self)

    @property
    def id(self) -> str:
        """The run's id, which `start_run(run_id=…)` takes to join or resume it."""
        return self._begin.run_id

    @property
    def url(self) -> str:
        """Where the run is looked at."""
        return self._begin.url + url_path("runs", self.id) if self._begin.url else ""

    @property
    def lineage(self) -> LineageDraft:
        """The lineage as far as this process has recorded it, with what is still `missing`."""
        stated = parse_strict(self._begin.lineage or "{}", root="lineage")
        assert isinstance(stated, dict)
        fields = {name: stated.pop(name) for name in FIELDS if name in stated}
        return from_tracking(
            self._params,
            self._tags,
            self._datasets,
            stated=Lineage(**fields, annotations=stated),  # type: ignore[arg-type] # checked when declared
        )

    def log(self, values: Mapping[str, object], step: int | None = None) -> None:
        """Record metrics at a step: the given one, else one more than the last.

        Takes microseconds and never raises. Values are numbers, or one-element arrays or tensors of
        any library; NaN and infinities are kept. Anything else is dropped, and told once.
        """
        try:
            if type(step) is int and self._next_step <= step < _INT64:
                place = step
                self._next_step = step + 1
            else:
                place = self._place(step)
            known = self._known_keys
            for key, value in values.items():
                if type(value) is not float or key not in known:
                    self._log_with_care(values, place)
                    return
            self._append(_encode((POINTS_TAG, place, time.time_ns() // 1_000_000, values)))
        except Exception as error:  # noqa: BLE001 - recording must never stop a training
            is_mapping = isinstance(values, Mapping)
            wrong = f"log takes a mapping of names to numbers, not a {type(values).__name__}"
            self._recorder.lose(reason_of(error) if is_mapping else wrong)

    def log_params(self, params: Mapping[str, object]) -> None:
        """Record params, each as the text that Python prints for it. A param is written once.

        The same value again changes nothing; another value is dropped, and told.
        """
        texts: dict[str, str] = {}
        for key, value in self._items(params, "params"):
            try:
                text = check_param_value(param_text(value), f"param {key!r}")
                check_param_key(key)
            except Exception as error:  # noqa: BLE001 - recording must never stop a training
                self._tell("param", f"a param was not recorded: {reason_of(error)}")
                continue
            known = self._params.setdefault(key, text)
            if known != text:
                self._tell(
                    f"param {key}",
                    f"param {key!r} is {known[:100]!r} and stays so; {text[:100]!r} was dropped.",
                )
            else:
                texts[key] = text
        self._write_texts(frames.Params, texts)

    def set_tags(self, tags: Mapping[str, object]) -> None:
        """Set tags, as text; a later value takes the place of an earlier one."""
        texts: dict[str, str] = {}
        for key, value in self._items(tags, "tags"):
            try:
                check_tag_key(key)
                texts[key] = check_tag_value(str(value), f"tag {key!r}")
            except Exception as error:  # noqa: BLE001 - recording must never stop a training
                self._tell("tag", f"a tag was not recorded: {reason_of(error)}")
        self._tags |= texts
        self._write_texts(frames.Tags, texts)

    def log_text(self, key: str, text: str, *, step: int | None = None) -> None:
        """Record a text at a step: the given one, else the last one that `log` had."""
        self._record(key, "text", step, lambda: check_text(text, key, max_length=MAX_TEXT))

    def log_table(
        self,
        key: str,
        rows: Iterable[Mapping[str, object] | Sequence[object]] | None = None,
        *,
        columns: Mapping[str, Sequence[object]] | Sequence[str] | None = None,
        step: int | None = None,
    ) -> None:
        """Record a table at a step: prompts, completions and rewards, say.

        `rows` are mappings, or sequences with `columns` naming their cells; or `columns` maps names
        to whole columns; or `rows` is a data frame.
        """
        self._record(key, "table", step, lambda: msgspec.json.encode(table(rows, columns)).decode())

    def log_artifact(self, path: str | os.PathLike[str], artifact_path: str | None = None) -> None:
        """Record a file, or a folder with all that is in it, under its name in the folder `artifact_path`.

        Its bytes are copied to the spool before this returns, so the training may overwrite it.
        Raises FileNotFoundError when there is none, and InvalidArgument for a path that no artifact
        may have.
        """
        source = Path(path)
        if source.is_dir():
            self.log_artifacts(source, _joined(artifact_path, source.resolve().name))
            return
        if not source.is_file():
            raise FileNotFoundError(2, "No such file or folder", str(source))
        place = check_artifact_path(_joined(artifact_path, source.name), "artifact_path")
        self._recorder.put(source, place)

    def log_artifacts(
        self, folder: str | os.PathLike[str], artifact_path: str | None = None
    ) -> None:
        """Record every file in a folder, as `log_artifact` does, under the folder `artifact_path`.

        Raises NotADirectoryError, and InvalidArgument for a path that no artifact may have; then
        nothing is recorded.
        """
        root = Path(folder)
        if not root.is_dir():
            raise NotADirectoryError(20, "Not a folder", str(root))
        found = []
        for here, folders, names in os.walk(root):
            folders.sort()
            for name in sorted(names):
                source = Path(here) / name
                if source.is_file():
                    place = _joined(artifact_path, source.relative_to(root).as_posix())
                    found.append((source, check_artifact_path(place, "artifact_path")))
        for source, place in found:
            self._recorder.put(source, place)

    def log_dataset(
        self,
        name: str,
        digest: str,
        *,
        source: str = "",
        source_type: str = "local",
        role: str | None = None,
    ) -> None:
        """Record a dataset that the run reads; `role` says what for (`train`, `eval`).

        Without a stated data version, the digests of all datasets are it. Raises InvalidArgument.
        """
        check_text(name, "name", max_length=MAX_DATASET_NAME, allow_empty=False)
        check_text(digest, "digest", max_length=MAX_DATASET_DIGEST, allow_empty=False)
        check_text(source, "source", max_length=MAX_DATASET_SOURCE)
        check_text(source_type, "source_type", max_length=MAX_SOURCE_TYPE)
        self._datasets.append(DatasetRef(name, digest))
        tags = {} if role is None else {_ROLE: role}
        self._write(frames.Input(name, digest, source_type, source, tags))

    def log_eval(self, suite: str, metric: str, value: float, *, items: int | None = None) -> None:
        """Record what the run scored on an eval suite: our fingerprint, or another suite's `name@digest`.

        It chooses winners and is never evidence. Raises InvalidArgument.
        """
        number = value if type(value) is int else as_number(value)
        if number is None or not math.isfinite(number):
            raise InvalidArgument(f"The score {value!r} must be a finite number.", field="value")
        check_text(suite, "suite", max_length=MAX_SUITE, allow_empty=False)
        check_metric_key(metric, "metric")
        self._write(frames.Eval(suite, {metric: number}, items))

    def register(
        self,
        model: str,
        artifact_path: str = "",
        *,
        description: str = "",
        tags: Mapping[str, str] | None = None,
        timeout_s: float = FINISH_TIMEOUT_S,
    ) -> int:
        """Make the files in a folder of this run the next version of a model; answers its number.

        Waits until all that was recorded is on the server. Raises ApiError when the server refuses,
        naming what is missing of the lineage, FailedPrecondition for a run that is not online, and
        Unavailable when the run could not be sent in time.
        """
        if self._client is None:
            raise FailedPrecondition(
                "A run that is not online cannot register a model; send it with `assay sync`, then "
                "use `assay models register`."
            )
        if not self._recorder.has_ended and not self.flush(timeout_s):
            refusal = self._recorder.refusal
            if refusal is not None:
                raise refusal
            raise Unavailable(
                f"The run could not be sent to {self._client.url} within {timeout_s:.0f} seconds, so "
                f"{model!r} was not registered; try again when the server can be reached."
            )
        answer = self._client.post(
            url_path("models", model, "versions"),
            {
                "run_id": self.id,
                "artifact_path": artifact_path,
                "description": description,
                "tags": dict(tags or {}),
            },
        )
        if self._recorder.has_ended:
            self._client.close()
        return int(answer["version"])

    def flush(self, timeout_s: float = FINISH_TIMEOUT_S) -> bool:
        """Wait until all that was recorded is on the server; False when it is not, or the run offline."""
        return self._recorder.drain(timeout_s)

    def finish(
        self, status: str = RunStatus.FINISHED.value, *, timeout_s: float = FINISH_TIMEOUT_S
    ) -> None:
        """End the run as `finished`, `failed` or `killed`, and send what is left.

        It waits at most `timeout_s`, and less when the server cannot be reached; what is not sent
        then stays in the spool for `assay sync`. Raises InvalidArgument for another status.
        """
        if status not in {end.value for end in _ENDS}:
            raise InvalidArgument(
                f"A run ends as 'finished', 'failed' or 'killed', not {status!r}.", field="status"
            )
        _unfinished.discard(self)
        if not self._recorder.is_recording:
            return
        if self._recorder.begin.is_primary:
            self._write(frames.End(RunStatus(status).value, time.time_ns() // 1_000_000))
        self._recorder.end(timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.finish(_status_after(kind, error).value)

    def __repr__(self) -> str:
        return f"Run({self.id!r})"

    def _place(self, step: int | None) -> int:
        place = None if step is None else as_step(step)
        if place is None:
            if step is not None:
                self._tell(
                    "step", f"step {step!r} is not a whole number; steps are counted instead."
                )
            with self._recorder.lock:
                place = self._next_step
                self._next_step = place + 1
        elif place >= self._next_step:
            self._next_step = place + 1
        return place

    def _log_with_care(self, values: Mapping[str, object], place: int) -> None:
        """Keep what is a number under a legal key. Only then is a key known, and `log` need not look."""
        known = self._known_keys
        numbers: dict[str, float] = {}
        now_ms = time.time_ns() // 1_000_000
        for key, value in values.items():
            number = as_number(value)
            if number is None or key not in known:
                try:
                    check_metric_key(key)
                    if number is None:
                        raise InvalidArgument(
                            f"{type(value).__name__} is not a number{_hint(value)}."
                        )
                except AppError as error:
                    name = f"metric {_shown(key)!r}"
                    self._tell(name, f"{name} was dropped: {error.message}")
                    continue
                if len(known) < MAX_KNOWN_KEYS:
                    known.add(key)
            numbers[key] = number
        if len(numbers) <= MAX_KEYS_PER_FRAME:
            self._append(_encode((POINTS_TAG, place, now_ms, numbers)))
            return
        items = list(numbers.items())
        for start in range(0, len(items), MAX_KEYS_PER_FRAME):
            part = dict(items[start : start + MAX_KEYS_PER_FRAME])
            self._append(_encode((POINTS_TAG, place, now_ms, part)))

    def _record(self, key: str, kind: str, step: int | None, payload: Callable[[], str]) -> None:
        place = None if step is None else as_step(step)
        if place is None:
            place = max(self._next_step - 1, 0)
        try:
            check_metric_key(key, "key")
            record = frames.Record(key, place, kind, time.time_ns() // 1_000_000, payload())
        except Exception as error:  # noqa: BLE001 - recording must never stop a training
            name = _shown(key)
            self._tell(f"record {name}", f"{kind} {name!r} was not recorded: {reason_of(error)}")
            return
        self._write(record)

    def _write_texts(
        self, kind: type[frames.Params | frames.Tags], texts: Mapping[str, str]
    ) -> None:
        items = list(texts.items())
        for start in range(0, len(items), MAX_TEXTS_PER_FRAME):
            self._write(kind(dict(items[start : start + MAX_TEXTS_PER_FRAME])))

    def _items(self, values: object, name: str) -> list[tuple[str, object]]:
        if isinstance(values, Mapping):
            return [*values.items()]
        self._tell(
            name, f"{name} must be a mapping, not a {type(values).__name__}; none was recorded."
        )
        return []

    def _write(self, frame: Frame) -> None:
        try:
            self._append(frames.encode(frame))
        except Exception as error:  # noqa: BLE001 - recording must never stop a training
            self._recorder.lose(reason_of(error))

    def _tell(self, kind: str, message: str) -> None:
        self._recorder.notices.once(kind, message)


_unfinished: Final[set[Run]] = set()


def _status_after(kind: type[BaseException] | None, error: BaseException | None) -> RunStatus:
    if kind is None or (isinstance(error, SystemExit) and error.code in {None, 0}):
        return RunStatus.FINISHED
    return RunStatus.KILLED if issubclass(kind, KeyboardInterrupt) else RunStatus.FAILED


def _shown(key: object) -> str:
    return key[:100] if isinstance(key, str) else type(key).__name__


def _hint(value: object) -> str:
    """Where a value that is no metric belongs. Asks its type alone: the value may answer anything."""
    kind = type(value)
    if issubclass(kind, str):
        return "; log_text keeps texts"
    if issubclass(kind, Mapping):
        return "; name its members one by one, such as 'train/loss'"
    if hasattr(kind, "__len__"):
        return "; log its mean, or its parts under names of their own"
    return ""


def _joined(folder: str | None, name: str) -> str:
    return f"{folder.rstrip('/')}/{name}" if folder else name


def _finish_all() -> None:
    """End what a script has left open, in the way that the script itself ended."""
    # Set by the interpreter when an exception ended the program.
    status = _status_after(getattr(sys, "last_type", None), getattr(sys, "last_value", None))
    for run in list(_unfinished):
        run.finish(status.value)


atexit.register(_finish_all)
