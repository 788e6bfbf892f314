"""Records of the client's logs, read without the client: what it wrote is what is read."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wandb.proto import wandb_internal_pb2 as pb

from assay.domain.client_log import (
    ArtifactSaid,
    Console,
    Ended,
    MetricSaid,
    Printed,
    Row,
    RunSaid,
    Sample,
    SummarySaid,
    Surroundings,
    apply_changes,
    read_record,
)
from assay.domain.errors import InvalidArgument
from assay.domain.protobuf_wire import fields


def said(record: Any) -> Any:
    return read_record(record.SerializeToString())


@given(st.text(max_size=20), st.floats(), st.integers(-(2**31), 2**31 - 1), st.integers(0, 2**62))
def test_a_row_is_what_the_client_logged(word: str, number: float, whole: int, step: int) -> None:
    """Values by flat and by nested keys, as JSON and by type, and the step."""
    record = pb.Record()
    items = record.history.item
    items.add(key="word", value_json=json.dumps(word))
    items.add(nested_key=["a", "b"], value_json=json.dumps(number))
    items.add(key="integer", integer=whole)
    items.add(key="number", number=number)
    items.add(key="text", text=word)
    items.add(key="flag", boolean=True)
    record.history.step.num = step

    found = said(record)

    assert isinstance(found, Row)
    assert found.values["_step"] == step
    assert found.values["word"] == found.values["text"] == word
    assert (found.values["integer"], found.values["flag"]) == (whole, True)
    for value in (found.values["a"]["b"], found.values["number"]):
        assert value == number or (math.isnan(value) and math.isnan(number))


def test_what_a_run_says_of_itself_is_read() -> None:
    """Names, group, tags, moment and config."""
    record = pb.Record()
    run = record.run
    run.run_id, run.project, run.display_name = "id", "p", "name"
    run.run_group, run.job_type, run.notes, run.host = "g", "j", "n", "h"
    run.sweep_id = "s"
    run.tags.extend(["a", "b"])
    run.start_time.seconds, run.start_time.nanos = 12, 345_000_000
    run.config.update.add(key="lr", value_json="0.1")
    found = said(record)

    assert isinstance(found, RunSaid)
    assert (found.run_id, found.project, found.name) == ("id", "p", "name")
    assert (found.group, found.job_type, found.notes, found.host) == ("g", "j", "n", "h")
    assert (found.sweep, found.tags, found.started_at_ms) == ("s", ("a", "b"), 12_345)
    assert found.config == ((("lr",), 0.1),)
    assert not found.is_forked


def test_a_summary_is_changed_and_values_are_removed() -> None:
    """What is removed is gone, and its neighbours stay."""
    record = pb.Record()
    record.summary.update.add(nested_key=["acc", "max"], value_json="1")
    record.summary.update.add(nested_key=["acc", "min"], value_json="0")
    record.summary.remove.add(nested_key=["acc", "min"])
    record.summary.remove.add(key="old")
    found = said(record)
    target: dict[str, Any] = {"old": 1, "kept": 2}
    assert isinstance(found, SummarySaid)
    apply_changes(target, found.changes)

    assert target == {"kept": 2, "acc": {"max": 1}}


def test_other_records_say_what_they_say() -> None:
    """Samples, definitions of metrics, artifacts, the code and the end."""
    stats, metric, artifact, code, end = (pb.Record() for _ in range(5))
    stats.stats.timestamp.seconds = 5
    stats.stats.item.add(key="cpu", value_json="12.5")
    metric.metric.name, metric.metric.step_metric = "a", "s"
    metric.metric.summary.max = metric.metric.options.defined = True
    metric.metric.goal = 2
    artifact.artifact.type, artifact.artifact.name = "model", "m"
    code.environment.program = "train.py"
    code.environment.git.remote_url, code.environment.git.commit = "r", "c"
    end.exit.exit_code = -9

    assert said(stats) == Sample(5_000, {"cpu": 12.5})
    assert said(metric) == MetricSaid("a", "", "s", (3,), (2,), 2)
    assert said(artifact) == ArtifactSaid("model", "m")
    assert said(code) == Surroundings("train.py", "r", "c")
    assert said(end) == Ended(-9)


def test_a_kind_that_is_not_imported_says_nothing() -> None:
    """Nor does a field that a later client adds."""
    record = pb.Record()
    record.telemetry.python_version = "3"

    assert said(record) is None
    assert read_record(b"\xfa\x3f\x01x") is None


def test_a_console_is_lines_however_it_was_written() -> None:
    """Pieces are joined, streams kept apart, progress bars shown as they ended."""
    console = Console()
    pieces = [
        Printed(is_error=False, at_ms=0, text="line"),
        Printed(is_error=True, at_ms=1, text="10%\r"),
        Printed(is_error=False, at_ms=2, text=" 1\nline 2\nopen"),
        Printed(is_error=True, at_ms=3, text="99%\r100%\n"),
    ]
    lines = [json.loads(line) for piece in pieces for line in console.feed(piece)]
    lines += [json.loads(line) for line in console.end()]

    assert [(line["content"], line["level"]) for line in lines] == [
        ("line 1", "info"),
        ("line 2", "info"),
        ("100%", "error"),
        ("open", "info"),
    ]
    assert lines[0]["ts"].startswith("1970-01-01T00:00:00.000")
    assert console.end() == []


@pytest.mark.parametrize(
    "data", [b"\x80", b"\xff" * 11, b"\x0a\x05ab", b"\x09\x00", b"\x0b", b"\x00"]
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    """Every length is checked before anything is read by it."""
    with pytest.raises(InvalidArgument):
        list(fields(data))
