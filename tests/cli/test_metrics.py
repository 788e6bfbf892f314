"""`assay metrics`: looked at, and taken elsewhere whole."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from assay.cli import metrics
from assay.sdk.client import Client
from tests.cli.command import Assay
from tests.cli.scenes import add_run

POINTS = [("loss", 1 / (step + 1), step) for step in range(100)]


@pytest.fixture
def run_id(client: Client) -> str:
    return add_run(client, points=[*POINTS, ("accuracy", 0.5, 99)])


def test_metrics_are_listed_with_their_extremes(assay: Assay, run_id: str) -> None:
    """Last value, number of points, least and greatest and where they were."""
    table = assay.done("metrics", "list", run_id).splitlines()

    assert table[0].split() == ["metric", "last", "step", "points", "min", "at", "max", "at"]
    assert table[2].split() == ["loss", "0.01", "99", "100", "0.01", "99", "1", "0"]


def test_a_run_without_metrics_says_so(assay: Assay, client: Client) -> None:
    """An empty state is a sentence."""
    assert "no metrics yet" in assay.done("metrics", "list", add_run(client))


def test_a_long_series_is_shown_in_few_rows(assay: Assay, run_id: str) -> None:
    """Each row sums up a stretch; together they hold every point."""
    rows = [
        line.split()
        for line in assay.done("metrics", "show", run_id, "loss", "--rows", 5).splitlines()
    ]

    assert len(rows) == 6
    assert sum(int(row[2]) for row in rows[1:]) == 100
    assert rows[1][5] == "1"
    assert rows[-1][6] == "0.01"


def test_json_answers_every_point(assay: Assay, run_id: str) -> None:
    """A program is not shown a summary."""
    points = assay.json("metrics", "show", run_id, "loss", "--start-step", 10, "--end-step", 19)[
        "points"
    ]

    assert [point["step"] for point in points] == list(range(10, 20))
    assert points[0]["value"] == 1 / 11


def test_a_range_without_points_says_so(assay: Assay, run_id: str) -> None:
    """Empty is not an error, and not an empty table."""
    assert "No points" in assay.done("metrics", "show", run_id, "loss", "--start-step", 500)


@pytest.mark.parametrize("words", [("show", "los"), ("export", "los"), ("show", "los", "--json")])
def test_a_metric_that_is_not_there_is_named(
    assay: Assay, run_id: str, words: tuple[str, ...]
) -> None:
    """A typing error is not answered with nothing."""
    verb, *rest = words
    told = assay("metrics", verb, run_id, *rest)

    assert told.code == 1
    assert "has no metric 'los'" in told.err


def test_an_export_holds_every_point_exactly(assay: Assay, run_id: str) -> None:
    """What is read back from the CSV is what was logged."""
    rows = list(csv.DictReader(io.StringIO(assay.done("metrics", "export", run_id))))

    loss = [
        (row["key"], float(row["value"]), int(row["step"])) for row in rows if row["key"] == "loss"
    ]

    assert loss == POINTS
    assert len(rows) == 101


def test_an_export_may_be_json_lines_into_a_file(assay: Assay, run_id: str, tmp_path: Path) -> None:
    """A file is written once, and never over another."""
    file = tmp_path / "points.jsonl"
    words = ("metrics", "export", run_id, "accuracy", "--format", "jsonl", "--output", file)
    assay.done(*words)

    assert [json.loads(line) for line in file.read_text().splitlines()] == [
        {"key": "accuracy", "step": 99, "timestamp_ms": 1_700_000_000_099, "value": 0.5}
    ]

    again = assay(*words)

    assert again.code == 1
    assert "exists already" in again.err


def test_numbers_that_are_none_are_exported_as_words(assay: Assay, client: Client) -> None:
    """NaN and the infinities are kept, in CSV and in JSON lines."""
    run_id = add_run(client)
    rows = [["loss", value, step, 1] for step, value in enumerate(("NaN", "Infinity", "-Infinity"))]
    client.post(f"/runs/{run_id}/batch", {"points": rows})

    table = assay.done("metrics", "export", run_id)

    assert [line.split(",")[-1] for line in table.splitlines()[1:]] == [
        "NaN",
        "Infinity",
        "-Infinity",
    ]


def test_a_series_that_no_answer_can_hold_comes_in_stretches(
    assay: Assay, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fetched piece by piece, no point is lost and none comes twice."""
    monkeypatch.setattr(metrics, "_POINTS_AT_ONCE", 10)

    rows = list(csv.DictReader(io.StringIO(assay.done("metrics", "export", run_id, "loss"))))

    assert [int(row["step"]) for row in rows] == list(range(100))
