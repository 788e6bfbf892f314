"""lighteval: `results_*.json` with the details that `--save-details` writes, row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from assay.domain.errors import InvalidArgument
from assay.domain.evaluation import MetricSpec, Suite, Task
from assay.domain.harness.report import (
    Report,
    Score,
    data_digest,
    digest_of,
    item_of,
    member,
    number,
    refuse_limited,
    refuse_part,
)

HARNESS: Final = "lighteval"

_ASKED: Final = (
    "query",
    "choices",
    "gold_index",
    "instruction",
    "sampling_methods",
    "stop_sequences",
)
_COUNTS: Final = ("original_num_docs", "effective_num_docs")
_PROMPT: Final = ("prompt_function", "few_shots_split", "few_shots_select", "num_fewshots")
_GENERATION: Final = ("generation_size", "stop_sequence", "num_samples", "generation_grammar")

Row = Mapping[str, Any]


def read_lighteval(results: Mapping[str, Any], details: Mapping[str, Sequence[Row]]) -> Report:
    """The report of a results file and its details by task (`name|shots`).

    Raises InvalidArgument for a run with max_samples and for tasks without details.
    """
    general = member(results, "config_general", dict, "The results file")
    refuse_limited(general, "max_samples")
    configs = member(results, "config_tasks", dict, "The results file")
    told = member(results, "results", dict, "The results file")
    tasks: list[Task] = []
    scores: list[Score] = []
    for name in sorted(configs):
        rows = details.get(name)
        if not rows:
            raise InvalidArgument(
                f"There are no details of {name}: run lighteval with --save-details, and keep its "
                "files in one folder.",
                field="details",
            )
        metrics = {
            metric: value
            for metric, amount in sorted((told.get(name) or {}).items())
            if (value := number(amount)) is not None and not metric.endswith("_stderr")
        }
        task = _task(name, configs[name], rows, tuple(metrics), general)
        tasks.append(task)
        scores += [
            Score(_label(name, metric), value, len(task.items)) for metric, value in metrics.items()
        ]
    if not tasks:
        raise InvalidArgument("The results file has no tasks.", field="config_tasks")
    suite = Suite(
        harness=HARNESS,
        harness_version=str(general.get("lighteval_sha") or "unknown"),
        tasks=tuple(tasks),
        harness_digest=digest_of({"versions": results.get("versions") or {}}, "versions"),
    )
    return Report(suite, tuple(scores), str(general.get("model_name") or "unknown"))


def _label(task: str, metric: str) -> str:
    return f"{task.replace('|', ':')}/{metric}"


def _task(
    name: str,
    config: Mapping[str, Any],
    rows: Sequence[Row],
    metrics: Sequence[str],
    general: Mapping[str, Any],
) -> Task:
    whole, held = (config.get(key) for key in _COUNTS)
    if isinstance(whole, int) and isinstance(held, int) and whole > 0:
        refuse_part(name, held, whole)
        refuse_part(name, len(rows), held)
    items = tuple(
        item_of(name, number_, {key: _doc(row).get(key) for key in _ASKED})
        for number_, row in enumerate(rows)
    )
    directions = {
        str(metric.get("metric_name")): metric.get("higher_is_better") is not False
        for metric in config.get("metrics") or ()
        if isinstance(metric, Mapping)
    }
    return Task(
        name=name,
        dataset_digest=data_digest(items),
        split=",".join(map(str, config.get("evaluation_splits") or ("test",))),
        items=items,
        scorer_digest=digest_of(config.get("metrics"), f"config_tasks.{name}.metrics"),
        metrics=tuple(
            MetricSpec(_label(name, metric), directions.get(metric, True)) for metric in metrics
        ),
        prompt_digest=digest_of({key: config.get(key) for key in _PROMPT}, f"config_tasks.{name}"),
        few_shot={"n": config.get("num_fewshots"), "seeds": general.get("num_fewshot_seeds")},
        generation={
            **{key: config.get(key) for key in _GENERATION},
            "model": (general.get("model_config") or {}).get("generation_parameters") or {},
        },
    )


def _doc(row: Row) -> Mapping[str, Any]:
    doc = row.get("doc")
    if not isinstance(doc, Mapping):
        raise InvalidArgument("A row of the details has no doc.", field="details")
    return doc
