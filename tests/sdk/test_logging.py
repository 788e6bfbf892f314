"""What `log` and its kin write down, and that nothing that a training hands over makes them raise."""

import errno
import json
import math
import os
import threading
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.sdk.frames import Begin, End, Params, Points, Record, Tags
from assay.sdk.run import Run
from assay.sdk.start import start_run
from tests.sdk.reading import frames_in, logged, spool_files

Start = Callable[..., Run]


class Tensor:
    """What a framework's one-element tensor offers; more elements refuse."""

    def __init__(self, value: float, size: int = 1) -> None:
        self._value = value
        self._size = size

    def item(self) -> float:
        if self._size != 1:
            message = "a Tensor with 2 elements cannot be converted to Scalar"
            raise RuntimeError(message)
        return self._value

    def __repr__(self) -> str:
        return f"Tensor({self._value}, size={self._size})"


class Hostile:
    """An object that raises whatever one does with it."""

    def __getattr__(self, name: str) -> Any:
        raise SystemError(name)

    def __float__(self) -> float:
        raise MemoryError

    def __str__(self) -> str:
        raise RuntimeError


def only(spool: Path) -> Path:
    (path,) = spool_files(spool)
    return path


def test_steps_are_given_or_counted_on(offline: Start, spool: Path) -> None:
    """Without a step, the next is one more than the greatest so far."""
    run = offline()
    run.log({"a": 1})
    run.log({"a": 2})
    run.log({"a": 3}, step=10)
    run.log({"a": 4})
    run.log({"a": 5}, step=3)
    run.log({"a": 6})

    assert [step for step, _ in logged(only(spool))] == [0, 1, 10, 11, 3, 12]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (1, 1.0),
        (True, 1.0),
        (2**80, float(2**80)),
        (float("inf"), float("inf")),
        (np.float32(0.5), 0.5),
        (np.float64(0.1), 0.1),
        (np.int64(7), 7.0),
        (np.bool_(True), 1.0),
        (np.array([2.5]), 2.5),
        (np.array(2.5), 2.5),
        (Tensor(0.25), 0.25),
        (Decimal("0.5"), 0.5),
        (Fraction(1, 4), 0.25),
    ],
    ids=repr,
)
def test_every_kind_of_number_is_kept_as_a_double(
    offline: Start, spool: Path, given: object, kept: float
) -> None:
    """Whatever library a number comes from, its value is recorded."""
    run = offline()
    run.log({"plain": 0.1, "value": given})

    assert logged(only(spool)) == [(0, {"plain": 0.1, "value": kept})]


def test_nan_is_kept(offline: Start, spool: Path) -> None:
    """A loss that became NaN is what one looks for."""
    run = offline()
    run.log({"loss": float("nan")})

    ((_, values),) = logged(only(spool))
    assert math.isnan(values["loss"])


@pytest.mark.parametrize(
    "value",
    [
        "0.5",
        None,
        [1.0],
        {"a": 1},
        1j,
        Tensor(1, size=2),
        np.array([1, 2]),
        np.array([]),
        Hostile(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_number_is_dropped_and_told_once(
    offline: Start, spool: Path, value: object, capsys: pytest.CaptureFixture[str]
) -> None:
    """The other metrics of the call are kept, and the user hears of it one time."""
    run = offline()
    run.log({"good": 1.0, "bad": value})
    run.log({"good": 2.0, "bad": value})

    assert [values for _, values in logged(only(spool))] == [{"good": 1.0}, {"good": 2.0}]
    assert capsys.readouterr().err.count("metric 'bad' was dropped") == 1


@pytest.mark.parametrize(
    ("value", "hint"),
    [("text", "log_text"), ({"loss": 1.0}, "'train/loss'"), ([1.0, 2.0], "its mean"), (None, "")],
    ids=str,
)
def test_what_is_no_number_is_told_where_it_belongs(
    offline: Start, value: object, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who logs a text, a nested mapping or a list learns how it is done here."""
    offline().log({"bad": value})

    told = capsys.readouterr().err
    assert f"{type(value).__name__} is not a number" in told
    assert hint in told


@pytest.mark.parametrize("key", ["", "x" * 251, "a\x00b", "\ud800", 7, None], ids=repr)
def test_a_key_that_the_server_would_refuse_is_dropped(
    offline: Start, spool: Path, key: Any
) -> None:
    """One bad key must not cost the batch in which it would travel."""
    run = offline()
    run.log({key: 1.0, "good": 2.0})

    assert logged(only(spool)) == [(0, {"good": 2.0})]


@pytest.mark.parametrize(
    "step",
    ["three", 1.5, 2**63, float("nan"), None, Hostile(), [1]],
    ids=lambda s: type(s).__name__,
)
def test_a_step_that_is_none_is_counted_instead(offline: Start, spool: Path, step: Any) -> None:
    """A wrong step loses the step and not the point."""
    run = offline()
    run.log({"a": 1.0}, step=4)
    run.log({"a": 2.0}, step=step)

    assert logged(only(spool)) == [(4, {"a": 1.0}), (5, {"a": 2.0})]


@pytest.mark.parametrize("step", [np.int64(9), 9.0, Tensor(9), True], ids=repr)
def test_a_step_of_another_library_is_a_step(offline: Start, spool: Path, step: Any) -> None:
    """Frameworks count in their own integers."""
    run = offline()
    run.log({"a": 1.0}, step=step)

    assert logged(only(spool)) == [
        (int(step.item() if hasattr(step, "item") else step), {"a": 1.0})
    ]


@pytest.mark.parametrize(
    "values", [None, 3, "text", [("a", 1)], Hostile()], ids=lambda v: type(v).__name__
)
def test_log_survives_anything(
    offline: Start, spool: Path, values: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong argument is told and never raised: a training of days depends on it."""
    run = offline()
    run.log(values)
    run.log({"a": 1.0})

    assert logged(only(spool))[-1][1] == {"a": 1.0}
    told = capsys.readouterr().err
    assert f"log takes a mapping of names to numbers, not a {type(values).__name__}" in told
    assert "The training goes on" in told


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=20) | st.integers(),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
        max_size=8,
    ),
    st.none() | st.integers() | st.floats() | st.text(),
)
def test_whatever_is_logged_is_read_or_dropped_and_never_raised(
    tmp_path_factory: pytest.TempPathFactory, values: dict[Any, Any], step: Any
) -> None:
    """For any mapping: what is kept is a subset of the keys, with double values."""
    spool = tmp_path_factory.mktemp("spool")
    run = start_run("offline", mode="offline", spool=spool)
    run.log(values, step=step)
    run.log_params(values)
    run.set_tags(values)
    run.finish()

    kept = {key: number for _, found in logged(only(spool)) for key, number in found.items()}
    numbers = {key for key, value in values.items() if isinstance(value, int | float)}
    assert kept.keys() <= numbers
    assert all(type(number) is float for number in kept.values())


def test_many_metrics_at_once_are_split_into_frames(offline: Start, spool: Path) -> None:
    """A call with more keys than a frame holds is still one step."""
    run = offline()
    run.log({f"k{n}": n for n in range(12_000)}, step=3)

    found = logged(only(spool))
    assert {step for step, _ in found} == {3}
    assert sum(len(values) for _, values in found) == 12_000
    assert max(len(values) for _, values in found) <= 5_000


def test_params_are_text_and_written_once(
    offline: Start, spool: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Params are what Python prints; the same value again is nothing new, another is told and dropped."""
    run = offline()
    run.log_params({"lr": 1e-05, "flag": True, "none": None, "layers": [1, 2]})
    run.log_params({"lr": 1e-05, "more": "x"})
    run.log_params({"lr": 2e-05, "other": 1})

    written = [frame.values for frame in frames_in(only(spool)) if isinstance(frame, Params)]
    assert written == [
        {"lr": "1e-05", "flag": "True", "none": "None", "layers": "[1, 2]"},
        {"lr": "1e-05", "more": "x"},
        {"other": "1"},
    ]
    assert "'lr' is '1e-05' and stays so" in capsys.readouterr().err


def test_a_param_or_tag_that_is_too_long_costs_only_itself(offline: Start, spool: Path) -> None:
    """Limits are applied before the frame, so the server never refuses the rest with it."""
    run = offline()
    run.log_params({"big": "x" * 6_001, "good": 1, "": 2})
    run.set_tags({"big": "x" * 8_001, "good": 1, "nul": "\x00"})
    run.log_params({"hostile": Hostile()})
    run.set_tags({"hostile": Hostile()})

    found = [f.values for f in frames_in(only(spool)) if isinstance(f, Params | Tags)]
    assert found == [{"good": "1"}, {"good": "1"}]


def test_tables_come_in_every_shape(offline: Start, spool: Path) -> None:
    """Rows as mappings, rows with named columns, whole columns and data frames are one table."""

    class Frame:
        def to_dict(self, orient: str) -> dict[str, list[object]]:
            assert orient == "list"
            return {"prompt": ["p", "q"], "reward": [1.0, float("nan")]}

    run = offline()
    rows = [{"prompt": "p", "reward": 1.0}, {"prompt": "q", "reward": np.float32("nan")}]
    run.log({"x": 1}, step=5)
    run.log_table("t", rows)
    run.log_table("t", [["p", 1.0], ("q", float("nan"))], columns=["prompt", "reward"])
    run.log_table("t", columns={"prompt": ["p", "q"], "reward": [1.0, float("nan")]})
    run.log_table("t", Frame(), step=9)  # type: ignore[arg-type]

    records = [frame for frame in frames_in(only(spool)) if isinstance(frame, Record)]
    expected = {"columns": ["prompt", "reward"], "rows": [["p", 1.0], ["q", "NaN"]]}
    assert [json.loads(record.payload) for record in records] == [expected] * 4
    assert [record.step for record in records] == [5, 5, 5, 9]
    assert {record.kind for record in records} == {"table"}


def test_texts_are_kept_as_they_are(
    offline: Start, spool: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A text keeps every character; one that no database can hold, or that is none, is told."""
    run = offline()
    run.log_text("note", 'a "quoted"\nline é', step=2)
    run.log_text("nul", "a\x00b")
    run.log_text("number", 3)  # type: ignore[arg-type]
    run.log_text(Hostile(), "x")  # type: ignore[arg-type]

    (record,) = [frame for frame in frames_in(only(spool)) if isinstance(frame, Record)]
    assert (record.key, record.step, record.kind) == ("note", 2, "text")
    assert record.payload == 'a "quoted"\nline é'
    told = capsys.readouterr().err
    assert "holds a NUL character" in told
    assert "number must be a text" in told


def test_a_table_that_does_not_fit_together_is_told(
    offline: Start, spool: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows of different lengths are a mistake, and still no reason to stop a training."""
    run = offline()
    run.log_table("t", [[1, 2], [3]], columns=["a", "b"])
    run.log_table("u", columns={"a": [1], "b": []})
    run.log_text("note", "kept", step=1)

    assert [f.key for f in frames_in(only(spool)) if isinstance(f, Record)] == ["note"]
    told = capsys.readouterr().err
    assert "one cell per column" in told
    assert "equally long" in told


def test_the_first_frame_says_whose_run_it_is(offline: Start, spool: Path) -> None:
    """Offline and online are the same file: it begins with all that makes a run."""
    run = offline(name="first try", parent="a" * 32, params={"lr": 1}, tags={"team": "x"})

    begin = frames_in(only(spool))[0]
    assert isinstance(begin, Begin)
    assert (begin.run_id, begin.experiment, begin.name) == (run.id, "offline", "first try")
    assert (begin.is_primary, begin.parent_run_id) == (True, "a" * 32)
    assert only(spool).parent.name == run.id


def test_an_exception_ends_the_run_as_failed_and_is_raised(spool: Path) -> None:
    """A `with` statement records how the training ended and hides nothing."""

    def end_of(error: BaseException) -> str:
        with start_run("offline", mode="offline", spool=spool) as run:
            path = next(spool.glob(f"{run.id}/*.spool"))
            with pytest.raises(type(error)), run:
                raise error
        (end,) = [frame for frame in frames_in(path) if isinstance(frame, End)]
        return end.status

    assert end_of(ValueError("diverged")) == "failed"
    assert end_of(KeyboardInterrupt()) == "killed"
    assert end_of(SystemExit(3)) == "failed"
    assert end_of(SystemExit(0)) == "finished"


def test_what_is_logged_after_the_end_is_dropped_and_told_once(
    offline: Start, spool: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A late callback must not raise either."""
    run = offline()
    run.finish()
    run.log({"a": 1})
    run.log({"a": 2})
    run.finish()

    assert logged(only(spool)) == []
    assert capsys.readouterr().err.count("has ended") == 1


def test_a_full_disk_is_told_once_and_recording_goes_on_afterwards(
    offline: Start, spool: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only what was logged while there was no room is lost, and it is counted."""
    run = offline()
    run.log({"a": 1.0})
    with monkeypatch.context() as full:

        def refuse(*_: object) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        full.setattr(os, "write", refuse)
        run.log({"a": 2.0})
        run.log({"a": 3.0})
    run.log({"a": 4.0})
    run.finish()

    assert [values["a"] for _, values in logged(only(spool))] == [1.0, 4.0]
    told = capsys.readouterr().err
    assert told.count("no space left") == 1
    assert "2 calls could not be recorded" in told


def test_a_spool_folder_that_cannot_be_written_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a read-only home the run is kept in a temporary folder, and the user is told where."""
    blocked = tmp_path / "a-file"
    blocked.write_text("not a folder")
    elsewhere = tmp_path / "tmp"
    elsewhere.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(elsewhere))

    run = start_run("offline", mode="offline", spool=blocked / "spool")
    run.log({"a": 1.0})
    run.finish()

    (path,) = elsewhere.glob("assay-spool-*/*/*.spool")
    assert logged(path) == [(0, {"a": 1.0})]
    assert "ASSAY_SPOOL" in capsys.readouterr().err


def test_without_any_folder_nothing_raises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A machine without a writable place loses the record and not the training."""
    blocked = tmp_path / "a-file"
    blocked.write_text("not a folder")
    monkeypatch.setattr("tempfile.tempdir", str(blocked))

    with start_run("offline", mode="offline", spool=blocked / "spool") as run:
        run.log({"a": 1.0})
        run.log_params({"lr": 1})
        run.log_artifact(blocked)

    assert "is lost" in capsys.readouterr().err


def test_a_disabled_run_leaves_no_trace(
    spool: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """ASSAY_MODE=disabled switches recording off without touching the script."""
    monkeypatch.setenv("ASSAY_MODE", "disabled")
    with start_run("x", spool=spool, url="http://127.0.0.1:1") as run:
        run.log({"a": 1.0, "b": "text"})
        run.log_params({"lr": 1})
        run.log_text("note", "x")
        assert run.id

    assert not spool.exists()
    assert capsys.readouterr().err.count("\n") <= 1


def test_threads_share_a_run(offline: Start, spool: Path) -> None:
    """Frames of several threads never mix, and counted steps are never given twice."""
    run = offline()

    def work(name: str) -> None:
        for n in range(300):
            run.log({name: float(n)})

    threads = [threading.Thread(target=work, args=(f"t{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    found = logged(only(spool))
    assert sorted(step for step, _ in found) == list(range(1200))
    for name in ("t0", "t1", "t2", "t3"):
        own = [values[name] for _, values in found if name in values]
        assert own == [float(n) for n in range(300)]


def test_a_fork_writes_a_spool_of_its_own(offline: Start, spool: Path) -> None:
    """A worker process that inherits a run joins it; it neither ends it nor writes into its file."""
    run = offline()
    run.log({"who": 0.0})
    child = os.fork()
    if not child:
        code = 1
        try:
            run.log({"who": 1.0})
            run.finish()
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    run.log({"who": 2.0})
    run.finish()

    files = {bool(is_primary(path)): frames_in(path) for path in spool_files(spool)}
    assert [f.values["who"] for f in files[True] if isinstance(f, Points)] == [0.0, 2.0]
    assert [f.values["who"] for f in files[False] if isinstance(f, Points)] == [1.0]
    assert not any(isinstance(frame, End) for frame in files[False])
    assert any(isinstance(frame, End) for frame in files[True])


def is_primary(path: Path) -> bool:
    begin = frames_in(path)[0]
    assert isinstance(begin, Begin)
    return begin.is_primary
