"""inspect-ai: a log in its JSON form, with the samples in it."""

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

HARNESS: Final = "inspect_ai"

_GRADES: Final = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
_NOT_SCORES: Final = frozenset({"stderr", "std", "var", "bootstrap_stderr"})
_LOWER_IS_BETTER: Final = frozenset({"loss", "perplexity", "error_rate", "edit_distance"})


def read_inspect(log: Mapping[str, Any]) -> Report:
    """The report of a log.

    Raises InvalidArgument for one that did not succeed, was invalidated, was limited, or holds no
    samples.
    """
    if log.get("status") != "success" or log.get("invalidated"):
        state = "invalidated" if log.get("invalidated") else log.get("status")
        raise InvalidArgument(f"The log's evaluation is {state!r}, not a success.", field="status")
    about = member(log, "eval", dict, "The log")
    config = about.get("config") or {}
    refuse_limited(config, "limit", "sample_id")
    samples = log.get("samples")
    if not isinstance(samples, list) or not samples:
        raise InvalidArgument("The log holds no samples; keep log_samples on.", field="samples")
    task_name = str(about.get("task") or "task")
    contents = {str(sample.get("id")): _content(sample) for sample in samples}
    data_set = about.get("dataset") or {}
    refuse_part(task_name, len(contents), int(data_set.get("samples") or -1))
    refuse_part(task_name, len(samples), len(contents) * int(config.get("epochs") or 1))
    items = tuple(item_of(task_name, name, content) for name, content in contents.items())
    scores = tuple(_scores(task_name, log, samples, len(items)))
    packages = about.get("packages") or {}
    task = Task(
        name=task_name,
        dataset_digest=data_digest(items),
        split=str(data_set.get("name") or "dataset"),
        items=items,
        scorer_digest=digest_of(
            {"scorers": about.get("scorers"), "revision": _revision(about), "packages": packages},
            "eval.scorers",
        ),
        metrics=tuple(
            MetricSpec(score.metric, score.metric.rpartition("/")[2] not in _LOWER_IS_BETTER)
            for score in scores
        ),
        prompt_digest=digest_of(
            {
                "plan": log.get("plan"),
                "task_version": about.get("task_version"),
                "task_args": about.get("task_args"),
            },
            "plan",
        ),
        generation={
            "config": about.get("model_generate_config") or {},
            "epochs": config.get("epochs"),
            "epochs_reducer": config.get("epochs_reducer"),
            "message_limit": config.get("message_limit"),
            "token_limit": config.get("token_limit"),
        },
    )
    version = str(packages.get("inspect_ai") or "unknown")
    return Report(Suite(HARNESS, version, (task,)), scores, str(about.get("model") or "unknown"))


def _revision(about: Mapping[str, Any]) -> Any:
    revision = about.get("revision") or {}
    return {key: revision.get(key) for key in ("commit", "dirty")}


def _content(sample: Mapping[str, Any]) -> dict[str, Any]:
    # Messages carry ids that are new each time.
    asked = sample.get("input")
    if isinstance(asked, list):
        asked = [{key: value for key, value in message.items() if key != "id"} for message in asked]
    return {"input": asked, "target": sample.get("target"), "choices": sample.get("choices")}


def _scores(
    task: str, log: Mapping[str, Any], samples: Sequence[Mapping[str, Any]], items: int
) -> Iterator[Score]:
    for scored in (log.get("results") or {}).get("scores") or ():
        name = str(scored.get("name"))
        if scored.get("unscored_samples"):
            refuse_part(f"{task}/{name}", len(samples) - scored["unscored_samples"], len(samples))
        for metric, told in sorted((scored.get("metrics") or {}).items()):
            value = number((told or {}).get("value"))
            if value is None or metric in _NOT_SCORES:
                continue
            label = f"{task}/{name}/{metric}"
            grades = [_grade(sample, name) for sample in samples]
            if metric in ("accuracy", "mean") and None not in grades:
                check_mean(label, value, [grade for grade in grades if grade is not None])
            yield Score(label, value, items)


def _grade(sample: Mapping[str, Any], scorer: str) -> float | None:
    value = ((sample.get("scores") or {}).get(scorer) or {}).get("value")
    return _GRADES.get(value) if isinstance(value, str) else number(value)
