from typing import Any

import pytest

from assay.domain.canonical import sha256_hex
from assay.domain.errors import InvalidArgument
from assay.domain.evaluation import (
    parse_suite,
    suite_fingerprint,
    suite_from_text,
    suite_record,
    suite_text,
)
from tests.domain.suites import a_record, a_suite, a_task

OTHER = "9" * 64
ITEM = {"id": "q9", "digest": OTHER}


def fingerprint(*tasks: dict[str, Any], **changes: Any) -> str:
    """The fingerprint of a suite given as JSON."""
    return suite_fingerprint(parse_suite(a_record(*tasks, **changes)))


def test_a_suite_survives_its_text() -> None:
    """Text and digest are stable, and the text reads back as the same suite."""
    suite = a_suite(a_task(few_shot={"n": 2}, generation={"temperature": 0.0}))
    text = suite_text(suite)
    assert suite_from_text(text) == suite == parse_suite(suite_record(suite))
    assert suite_fingerprint(suite) == sha256_hex(text)
    assert '"scheme":"suite-v1"' in text


def test_the_order_of_tasks_and_items_does_not_count() -> None:
    """An exam is a set of questions."""
    second = a_task(name="words", items=[ITEM])
    backwards = a_task(items=a_task()["items"][::-1])
    assert fingerprint(a_task(), second) == fingerprint(second, backwards)


@pytest.mark.parametrize(
    "changed",
    [
        {"dataset_digest": OTHER},
        {"split": "train"},
        {"items": a_task()["items"][:3]},
        {"items": [*a_task()["items"][:3], ITEM]},
        {"scorer_digest": OTHER},
        {"metrics": [{"name": "accuracy", "direction": "minimize", "low": 0, "high": 1}]},
        {"metrics": [{"name": "accuracy", "direction": "maximize", "low": 0, "high": 2}]},
        {"prompt_digest": OTHER},
        {"template_digest": OTHER},
        {"few_shot": {"n": 5, "seed": 1}},
        {"generation": {"temperature": 0.5}},
        {"name": "arithmetic-2"},
    ],
)
def test_whatever_can_change_a_score_changes_the_fingerprint(changed: dict[str, Any]) -> None:
    """Data, items, prompts, examples, generation, scorer, metric and direction are all covered."""
    assert fingerprint(a_task(**changed)) != fingerprint()


def test_the_harness_is_covered() -> None:
    """Another harness, version or build is another exam."""
    harness = a_record()["harness"]
    for change in ({"name": "x"}, {"version": "2"}, {"digest": OTHER}, {"digest": None}):
        assert fingerprint(harness={**harness, **change}) != fingerprint()


def test_bounds_are_exact_numbers() -> None:
    """A bound written as a number and the same written as text are one."""
    as_text = {"name": "accuracy", "direction": "maximize", "low": "0", "high": "1.0"}
    assert fingerprint(a_task(metrics=[as_text])) == fingerprint()


@pytest.mark.parametrize("limit", [100, 0, 0.5, "10"])
def test_a_part_of_an_exam_is_refused(limit: object) -> None:
    """A limit would compare scores of different questions."""
    with pytest.raises(InvalidArgument) as caught:
        parse_suite(a_record(limit=limit))
    assert caught.value.field == "suite.limit"
    assert parse_suite(a_record(limit=None)) == parse_suite(a_record())


@pytest.mark.parametrize(
    ("record", "field"),
    [
        ([], "suite"),
        ({"harness": {"name": "a", "version": "1"}}, "suite.tasks"),
        (a_record(tasks=[]), "suite.tasks"),
        (a_record(extra=1), "suite.extra"),
        (a_record(harness="x"), "suite.harness"),
        (a_record(harness={"name": "x"}), "suite.harness.version"),
        (a_record(harness={"name": "", "version": "1"}), "suite.harness.name"),
        (a_record(a_task(items=[])), "suite.tasks[0].items"),
        (a_record(a_task(items=[ITEM, ITEM])), "suite.tasks[0].items"),
        (a_record(a_task(items=[{"id": "a"}])), "suite.tasks[0].items[0].digest"),
        (a_record(a_task(items=[{"id": 3, "digest": OTHER}])), "suite.tasks[0].items[0].id"),
        (a_record(a_task(), a_task(name="b")), "suite.tasks[1].items"),
        (a_record(a_task(), a_task(items=[ITEM])), "suite.tasks[1].name"),
        (a_record(a_task(scorer_digest="x")), "suite.tasks[0].scorer_digest"),
        (a_record(a_task(few_shot=[])), "suite.tasks[0].few_shot"),
        (a_record(a_task(metrics=[])), "suite.tasks[0].metrics"),
        (a_record(a_task(metrics=a_task()["metrics"] * 2)), "suite.tasks[0].metrics"),
        (
            a_record(a_task(metrics=[{"name": "a", "direction": "up"}])),
            "suite.tasks[0].metrics[0].direction",
        ),
        (
            a_record(a_task(metrics=[{"name": "a", "direction": "maximize", "low": 2, "high": 1}])),
            "suite.tasks[0].metrics[0].low",
        ),
        (
            a_record(a_task(metrics=[{"name": "a", "direction": "maximize", "low": True}])),
            "suite.tasks[0].metrics[0].low",
        ),
        (
            a_record(
                a_task(),
                a_task(
                    name="b",
                    items=[ITEM],
                    metrics=[{"name": "accuracy", "direction": "minimize"}],
                ),
            ),
            "suite.tasks[1].metrics",
        ),
    ],
)
def test_a_malformed_suite_is_refused_by_path(record: object, field: str) -> None:
    """The refusal names the member that is missing, unknown or wrong."""
    with pytest.raises(InvalidArgument) as caught:
        parse_suite(record)
    assert caught.value.field == field


def test_the_items_of_all_tasks_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is on the suite, not on each of its tasks."""
    monkeypatch.setattr("assay.domain.evaluation.MAX_ITEMS", 4)
    assert a_suite().item_count() == 4
    with pytest.raises(InvalidArgument, match="at most 4 items"):
        a_suite(a_task(), a_task(name="b", items=[ITEM]))


def test_a_suite_knows_its_metrics() -> None:
    """Counts per metric, and a refusal that lists what there is."""
    length = {"name": "length", "direction": "minimize"}
    suite = a_suite(a_task(), a_task(name="b", items=[ITEM], metrics=[length]))
    assert suite.item_count() == 5
    assert (suite.count_of("accuracy"), suite.count_of("length"), suite.count_of("x")) == (4, 1, 0)
    assert suite.metric("length").maximize is False
    with pytest.raises(InvalidArgument, match="accuracy, length"):
        suite.metric("bleu")
