"""lm-evaluation-harness: `results_*.json` with the `samples_*.jsonl` that `--log_samples` writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from assay.domain.errors import InvalidArgument
from assay.domain.evaluation import MetricSpec, Suite, Task
from assay.domain.harness.report import (
    Report,
    Score,
    check_mean,
    data_digest,
    digest_of,
    item_of,
    member,
    number,
    refuse_limited,
    refuse_part,
)

HARNESS: Final = "lm-evaluation-harness"

# Where files lie and what a run is called says nothing of the exam; the items are digested themselves.
_PLACES: Final = ("dataset_kwargs", "metadata", "task", "task_alias", "group", "tag")
_SCORING: Final = (
    "metric_list",
    "filter_list",
    "process_results",
    "output_type",
    "doc_to_target",
    "doc_to_choice",
    "repeats",
    "should_decontaminate",
)
_GENERATION: Final = ("random_seed", "numpy_seed", "torch_seed", "gen_kwargs")

Row = Mapping[str, Any]


def read_lm_eval(results: Mapping[str, Any], samples: Mapping[str, Sequence[Row]]) -> Report:
    """The report of a results file and its samples by task.

    Raises InvalidArgument for a run with a limit, for tasks without samples and for samples that do
    not add up to the results.
    """
    settings = member(results, "config", dict, "The results file")
    refuse_limited(settings, "limit")
    configs = member(results, "configs", dict, "The results file")
    told = member(results, "results", dict, "The results file")
    tasks: list[Task] = []
    scores: list[Score] = []
    for name in sorted(configs):
        rows = samples.get(name)
        if not rows:
            raise InvalidArgument(
                f"There are no samples of {name}: run lm_eval with --log_samples, and keep its files "
                "in one folder.",
                field="samples",
            )
        tasks.append(_task(name, results, rows))
        scores += _scores(name, told.get(name, {}), rows, results)
    if not tasks:
        raise InvalidArgument("The results file has no tasks.", field="configs")
    scores += _group_scores(told, configs, samples, results)
    suite = Suite(
        harness=HARNESS,
        harness_version=str(results.get("lm_eval_version") or "unknown"),
        tasks=tuple(tasks),
        harness_digest=digest_of(
            {
                "versions": results.get("versions"),
                "group_subtasks": results.get("group_subtasks") or {},
                "groups": _group_settings(results),
            },
            "versions",
        ),
    )
    model = str(results.get("model_name") or settings.get("model") or "unknown")
    return Report(suite, tuple(scores), model)


def _task(name: str, results: Mapping[str, Any], rows: Sequence[Row]) -> Task:
    config = member(results["configs"], name, dict, "configs")
    settings = results["config"]
    contents: dict[str, dict[str, Any]] = {}
    for row in rows:
        content = {key: row.get(key) for key in ("doc_hash", "prompt_hash", "target_hash")}
        if None in content.values():
            raise InvalidArgument(
                f"The samples of {name} have no hashes; use lm_eval 0.4.3 or newer.",
                field="samples",
            )
        contents[str(row.get("doc_id"))] = content
    held = member(results, "n-samples", dict, "The results file").get(name, {})
    refuse_part(name, len(contents), int(held.get("original", -1)))
    items = tuple(item_of(name, doc_id, content) for doc_id, content in contents.items())
    prompt = {
        key: value
        for key, value in config.items()
        if key not in (*_PLACES, *_SCORING, "generation_kwargs", "num_fewshot", "fewshot_config")
    }
    return Task(
        name=name,
        dataset_digest=data_digest(items),
        split=str(config.get("test_split") or config.get("validation_split") or "test"),
        items=items,
        scorer_digest=digest_of({key: config.get(key) for key in _SCORING}, f"configs.{name}"),
        metrics=tuple(_metrics(name, results, rows)),
        prompt_digest=digest_of(prompt, f"configs.{name}"),
        template_digest=digest_of(
            {
                "chat_template": results.get("chat_template_sha"),
                "system_instruction": results.get("system_instruction_sha"),
                "fewshot_as_multiturn": results.get("fewshot_as_multiturn"),
            },
            "chat_template_sha",
        ),
        few_shot={
            "n": results.get("n-shot", {}).get(name),
            "seed": settings.get("fewshot_seed"),
            "config": config.get("fewshot_config") or {},
        },
        generation={
            "task": config.get("generation_kwargs") or {},
            **{key: settings.get(key) for key in _GENERATION},
        },
    )


def _metrics(name: str, results: Mapping[str, Any], rows: Sequence[Row]) -> Iterator[MetricSpec]:
    directions = results.get("higher_is_better", {}).get(name, {})
    for metric, filter_name in _columns(rows):
        yield MetricSpec(_label(name, metric, filter_name), directions.get(metric) is not False)


def _columns(rows: Sequence[Row]) -> list[tuple[str, str]]:
    return sorted(
        {
            (str(metric), str(row.get("filter", "none")))
            for row in rows
            for metric in row.get("metrics", ())
        }
    )


def _label(task: str, metric: str, filter_name: str) -> str:
    return f"{task}/{metric}" if filter_name == "none" else f"{task}/{metric},{filter_name}"


def _scores(
    name: str, told: Mapping[str, Any], rows: Sequence[Row], results: Mapping[str, Any]
) -> Iterator[Score]:
    means = {
        str(entry.get("metric"))
        for entry in results["configs"][name].get("metric_list") or ()
        if entry.get("aggregation") == "mean"
    }
    for metric, filter_name in _columns(rows):
        value = number(told.get(f"{metric},{filter_name}"))
        if value is None:
            continue
        mine = [row for row in rows if str(row.get("filter", "none")) == filter_name]
        values = [number(row.get(metric)) for row in mine]
        if metric in means and values and None not in values:
            check_mean(
                _label(name, metric, filter_name), value, [v for v in values if v is not None]
            )
        yield Score(
            _label(name, metric, filter_name), value, len({row.get("doc_id") for row in mine})
        )


def _group_settings(results: Mapping[str, Any]) -> Any:
    return results.get("group_configs") or results.get("groups_config") or {}


def _group_scores(
    told: Mapping[str, Any],
    configs: Mapping[str, Any],
    samples: Mapping[str, Sequence[Row]],
    results: Mapping[str, Any],
) -> Iterator[Score]:
    subtasks = results.get("group_subtasks") or {}
    for group in sorted(set(told) - set(configs)):
        below = [task for task in _leaves(group, subtasks) if task in samples]
        count = sum(len({row.get("doc_id") for row in samples[task]}) for task in below)
        for key, value in sorted(told[group].items()):
            metric, comma, filter_name = key.partition(",")
            amount = number(value)
            if comma and amount is not None and not metric.endswith("_stderr") and count:
                yield Score(_label(group, metric, filter_name), amount, count)


def _leaves(group: str, subtasks: Mapping[str, Sequence[str]]) -> Iterator[str]:
    waiting, seen = [group], set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        below = subtasks.get(name)
        if below:
            waiting += below
        else:
            yield name
