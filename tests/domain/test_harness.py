"""Reports of eval harnesses become suites of ours: equal exams are equal, others are not."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.domain.errors import InvalidArgument
from assay.domain.harness.inspect_log import read_inspect
from assay.domain.harness.lighteval import read_lighteval
from assay.domain.harness.lm_eval import read_lm_eval

WRITTEN = Path(__file__).parents[1] / "cli" / "harness_runs"
Change = Callable[[dict[str, Any], dict[str, Any]], object]


def lm_eval() -> tuple[dict[str, Any], dict[str, Any]]:
    """What lm-evaluation-harness 0.4.13 wrote: a results file and samples by task."""
    (file,) = (WRITTEN / "lm_eval").glob("results_*.json")
    samples = {
        task: [
            json.loads(line)
            for line in (file.parent / file.name.replace("results", f"samples_{task}"))
            .with_suffix(".jsonl")
            .read_text("utf-8")
            .splitlines()
        ]
        for task in ("mini_qa", "mini_choice")
    }
    return json.loads(file.read_text("utf-8")), samples


def inspect_log() -> dict[str, Any]:
    """What inspect-ai 0.3.285 wrote."""
    return dict(json.loads((WRITTEN / "inspect" / "mini.json").read_text("utf-8")))


def lighteval() -> tuple[dict[str, Any], dict[str, Any]]:
    """A report in lighteval's form."""
    results = {
        "config_general": {"lighteval_sha": "?", "max_samples": None, "model_name": "m"},
        "results": {"gsm|5": {"em": 0.5, "em_stderr": 0.1}, "all": {"em": 0.5}},
        "versions": {"gsm|5": 1},
        "config_tasks": {
            "gsm|5": {
                "original_num_docs": 2,
                "effective_num_docs": 2,
                "num_fewshots": 5,
                "evaluation_splits": ["test"],
                "metrics": [{"metric_name": "em", "higher_is_better": True}],
            }
        },
    }
    details = {
        "gsm|5": [
            {"doc": {"query": "1+1", "choices": ["2"], "gold_index": [0]}},
            {"doc": {"query": "2+2", "choices": ["4"], "gold_index": [0]}},
        ]
    }
    return results, details


def test_lm_eval_becomes_a_suite_with_scores() -> None:
    """Tasks, items and metrics by task; standard errors are no scores."""
    report = read_lm_eval(*lm_eval())

    assert report.suite.harness == "lm-evaluation-harness"
    assert report.suite.harness_version == "0.4.13"
    assert {(score.metric, score.value, score.items) for score in report.scores} == {
        ("mini_choice/acc", 0.75, 4),
        ("mini_choice/acc_norm", 0.5, 4),
        ("mini_qa/exact_match", 0.0, 4),
    }
    assert report.suite.count_of("mini_choice/acc") == 4


@pytest.mark.parametrize(
    "change",
    [
        lambda results, _: results.update(date=1.0, git_hash="abc", task_hashes={}),
        lambda results, _: results["config"].update(model="other", batch_size=8, device="cpu"),
        lambda results, _: results["configs"]["mini_qa"]["metadata"].update(config_source="x.yaml"),
        lambda results, _: results["configs"]["mini_qa"].update(dataset_kwargs={"data_dir": "/x"}),
        lambda _, samples: samples["mini_qa"].reverse(),
    ],
)
def test_what_is_not_the_exam_does_not_change_its_fingerprint(change: Change) -> None:
    """The model, the machine, the moment, where files lie and in which order answers came."""
    results, samples = lm_eval()
    before = read_lm_eval(results, samples).fingerprint
    change(results, samples)
    assert read_lm_eval(results, samples).fingerprint == before


@pytest.mark.parametrize(
    "change",
    [
        lambda results, _: results["configs"]["mini_qa"]["metric_list"][0].update(ignore_case=True),
        lambda results, _: results["configs"]["mini_qa"].update(filter_list=[{"name": "strict"}]),
        lambda results, _: results["configs"]["mini_qa"].update(
            doc_to_text="Question: {{question}}"
        ),
        lambda results, _: results["configs"]["mini_qa"]["generation_kwargs"].update(until=["."]),
        lambda results, _: results["config"].update(fewshot_seed=7),
        lambda results, _: results["n-shot"].update(mini_qa=5),
        lambda results, _: results.update(chat_template_sha="0" * 64),
        lambda results, _: results.update(lm_eval_version="0.4.14"),
        lambda results, _: results["versions"].update(mini_qa=2.0),
        lambda _, samples: samples["mini_qa"][0].update(target_hash="0" * 64),
    ],
)
def test_whatever_could_change_a_score_changes_the_fingerprint(change: Change) -> None:
    """Scoring, prompts, few-shot examples, generation, template, harness and data."""
    results, samples = lm_eval()
    before = read_lm_eval(results, samples).fingerprint
    change(results, samples)
    assert read_lm_eval(results, samples).fingerprint != before


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda results, _: results["config"].update(limit=2.0), "limit"),
        (lambda results, _: results["n-samples"]["mini_qa"].update(original=100), "limit"),
        (lambda _, samples: samples["mini_qa"].pop(), "limit"),
        (lambda _, samples: samples.pop("mini_qa"), "samples"),
        (lambda results, _: results["results"]["mini_choice"].update({"acc,none": 1.0}), "samples"),
        (lambda _, samples: samples["mini_qa"][0].pop("doc_hash"), "samples"),
        (lambda results, _: results.pop("configs"), "configs"),
    ],
)
def test_a_part_of_an_exam_and_made_up_numbers_are_refused(change: Change, field: str) -> None:
    """A limit, fewer samples, no samples, or an average that the samples contradict."""
    results, samples = lm_eval()
    change(results, samples)
    with pytest.raises(InvalidArgument) as refused:
        read_lm_eval(results, samples)
    assert refused.value.field == field


def test_group_scores_come_with_the_items_below() -> None:
    """The mean of a group is a score over all the items of its tasks."""
    results, samples = lm_eval()
    results["group_subtasks"] = {"mini": ["mini_qa", "mini_choice"]}
    results["results"]["mini"] = {"acc,none": 0.6, "acc_stderr,none": 0.1, "alias": "mini"}
    found = {
        score.metric: (score.value, score.items) for score in read_lm_eval(results, samples).scores
    }
    assert found["mini/acc"] == (0.6, 8)


def test_inspect_becomes_a_suite_with_scores() -> None:
    """Grades are numbers, and the accuracy is checked against them."""
    report = read_inspect(inspect_log())
    assert report.suite.harness_version == "0.3.285"
    assert [(score.metric, score.items) for score in report.scores] == [("mini/match/accuracy", 3)]
    assert report.scores[0].value == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    "change",
    [
        lambda log: log.update(status="error"),
        lambda log: log.update(invalidated=True),
        lambda log: log["eval"]["config"].update(limit=2),
        lambda log: log["eval"]["config"].update(sample_id=["a"]),
        lambda log: log["samples"].pop(),
        lambda log: log.update(samples=[]),
        lambda log: log["samples"][0]["scores"]["match"].update(value="C"),
    ],
)
def test_inspect_logs_that_prove_nothing_are_refused(
    change: Callable[[dict[str, Any]], object],
) -> None:
    """Failed, invalidated, limited, without samples, or with an accuracy of other samples."""
    log = inspect_log()
    change(log)
    with pytest.raises(InvalidArgument):
        read_inspect(log)


def test_the_fingerprint_of_an_inspect_log_covers_data_and_scorer() -> None:
    """Ids of messages are new each time and count for nothing; a target or an option counts."""
    log = inspect_log()
    log["samples"][0]["input"] = [{"role": "user", "content": "?", "id": "x1"}]
    before = read_inspect(log).fingerprint
    log["samples"][0]["input"][0]["id"] = "x2"
    assert read_inspect(log).fingerprint == before
    for change in (
        lambda other: other["samples"][0].update(target="something else"),
        lambda other: other["eval"]["scorers"][0].update(options={"location": "end"}),
        lambda other: other["eval"]["model_generate_config"].update(temperature=0.7),
    ):
        other = copy.deepcopy(log)
        change(other)
        assert read_inspect(other).fingerprint != before


def test_lighteval_becomes_a_suite_and_partial_runs_are_refused() -> None:
    """With its details; a run with max_samples, or with fewer documents than the task has, is none."""
    results, details = lighteval()
    report = read_lighteval(results, details)
    assert [(score.metric, score.value, score.items) for score in report.scores] == [
        ("gsm:5/em", 0.5, 2)
    ]
    spoils: tuple[Change, ...] = (
        lambda results, _: results["config_general"].update(max_samples=10),
        lambda _, details: details.pop("gsm|5"),
        lambda results, _: results["config_tasks"]["gsm|5"].update(original_num_docs=100),
    )
    for spoil in spoils:
        results, details = lighteval()
        spoil(results, details)
        with pytest.raises(InvalidArgument):
            read_lighteval(results, details)
