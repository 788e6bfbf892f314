"""Routes of eval results and of choosing a winner by them."""

from __future__ import annotations

import msgspec

from assay.domain.access import Action
from assay.domain.tracking import EvalResult
from assay.faces.endpoint import NO_BODY, SMALL_BODY, Call, Endpoint
from assay.faces.native.dialect import nothing, number, raw_text
from assay.faces.native.registry_types import VersionAnswer, version_answer


class ResultsRequest(msgspec.Struct, forbid_unknown_fields=True):
    """What a run scored on a suite (its fingerprint, or `name@digest` of a foreign one)."""

    suite: str
    metrics: dict[str, int | float]
    items: int | None = None


class ResultAnswer(msgspec.Struct):
    """A claimed score: good for choosing, never evidence."""

    run_id: str
    suite: str
    metric: str
    value: float | str
    value_text: str
    items: int | None
    created_by: str
    created_at_ms: int


class Results(msgspec.Struct):
    """Eval results."""

    results: list[ResultAnswer]


class WinnerRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Among which runs, by which metric. `register_as` registers the winner, and nothing else."""

    metric: str
    run_ids: list[str] = []
    experiment_ids: list[str] = []
    maximize: bool | None = None
    suite: str | None = None
    register_as: str | None = None
    artifact_path: str | None = None
    logged_model_id: str | None = None
    lineage: msgspec.Raw = msgspec.field(default_factory=nothing)


class WinnerAnswer(msgspec.Struct):
    """The winner, its score, everybody ranked, and who could not take part and why."""

    run_id: str
    run_name: str
    metric: str
    score: float
    maximize: bool
    suite: str
    ranked: list[str]
    tied: list[str]
    groups: dict[str, list[str]]
    excluded: dict[str, str]
    rule_version: str
    version: VersionAnswer | None


def log_results(call: Call, body: ResultsRequest) -> Results:
    """Keep what a run scored."""
    kept = call.services.evaluation.log_results(
        call.context, call.path["run_id"], body.suite, body.metrics, items=body.items
    )
    return Results([_result(result) for result in kept])


def list_results(call: Call) -> Results:
    """The results of a run."""
    found = call.services.evaluation.results(call.context, [call.path["run_id"]])
    return Results([_result(result) for result in found])


def choose(call: Call, body: WinnerRequest) -> WinnerAnswer:
    """Choose, and register the chosen one if asked to."""
    winners = call.services.winners
    result = winners.select(
        call.context,
        body.metric,
        run_ids=body.run_ids,
        experiment_ids=body.experiment_ids,
        maximize=body.maximize,
        suite=body.suite,
    )
    if body.register_as is not None:
        call.context.require(Action.REGISTRY_WRITE)
        result = winners.register(
            call.context,
            result,
            body.register_as,
            artifact_path=body.artifact_path,
            logged_model_id=body.logged_model_id,
            lineage=raw_text(body.lineage),
        )
    winner = result.winner
    return WinnerAnswer(
        run_id=winner.name,
        run_name=result.run.name,
        metric=winner.metric,
        score=winner.score,
        maximize=winner.maximize,
        suite=winner.suite,
        ranked=list(winner.ranked),
        tied=list(winner.tied),
        groups=result.groups,
        excluded=result.excluded,
        rule_version=winner.rule_version,
        version=None if result.version is None else version_answer(result.version),
    )


def _result(result: EvalResult) -> ResultAnswer:
    return ResultAnswer(
        run_id=result.run_id,
        suite=result.suite_fingerprint,
        metric=result.metric,
        value=number(result.value),
        value_text=result.value_text,
        items=result.items,
        created_by=result.created_by,
        created_at_ms=result.created_at_ms,
    )


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="POST",
        path="/api/v1/runs/{run_id}/evals",
        name="evals.log",
        summary="Keep what a run scored on an eval suite",
        permission=Action.TRACKING_WRITE,
        body_limit=SMALL_BODY,
        handler=log_results,
        request=ResultsRequest,
        response=Results,
        status=201,
    ),
    Endpoint(
        method="GET",
        path="/api/v1/runs/{run_id}/evals",
        name="evals.list",
        summary="What a run scored, by suite",
        permission=Action.TRACKING_READ,
        body_limit=NO_BODY,
        handler=list_results,
        response=Results,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/winner",
        name="winner.choose",
        summary="Choose the best run of one eval suite",
        permission=Action.TRACKING_READ,
        body_limit=SMALL_BODY,
        handler=choose,
        request=WinnerRequest,
        response=WinnerAnswer,
    ),
)
