"""Logged models: their life, what they carry, and finding them again."""

import math
from dataclasses import replace

import pytest

from assay.domain.access import Role
from assay.domain.errors import FailedPrecondition, InvalidArgument, NotFound, PermissionDenied
from assay.domain.tracking import (
    Lifecycle,
    LoggedModelMetric,
    LoggedModelStatus,
    ModelOutput,
)
from assay.services.logged_models import DatasetChoice
from tests.support.platform import START_MS, a_context, an_actor
from tests.support.tracking import Tracking


def _metric(run_id: str, value: float, **other: object) -> LoggedModelMetric:
    given = {"key": "acc", "timestamp_ms": 1, "step": 1, "dataset_name": "", "dataset_digest": ""}
    return LoggedModelMetric(value=value, run_id=run_id, **(given | other))  # type: ignore[arg-type]


def test_a_model_is_pending_until_it_is_finalized(tracking: Tracking) -> None:
    """It is made by a run, says how its upload went, and carries params and tags."""
    run_id = tracking.a_run().run.run_id
    models = tracking.logged_models
    made = models.create(
        tracking.context,
        "0",
        name="adapter",
        model_type="lora",
        run_id=run_id,
        params={"r": "16"},
        tags={"a": "1"},
    )
    assert made.model_id.startswith("m-")
    assert (made.status, made.run_id, made.params, made.tags) == (
        LoggedModelStatus.PENDING,
        run_id,
        {"r": "16"},
        {"a": "1"},
    )
    later = replace(tracking.context, now_ms=START_MS + 3)
    ready = models.finalize(later, made.model_id, LoggedModelStatus.READY)
    assert (ready.status, ready.updated_at_ms) == (LoggedModelStatus.READY, START_MS + 3)
    models.log_params(tracking.context, made.model_id, {"r": "16", "alpha": "32"})
    models.set_tags(tracking.context, made.model_id, {"a": "2", "b": "3"})
    models.delete_tag(tracking.context, made.model_id, "b")
    found = models.get(tracking.context, made.model_id)
    assert (found.params, found.tags) == ({"r": "16", "alpha": "32"}, {"a": "2"})
    with pytest.raises(InvalidArgument, match="'r' was logged"):
        models.log_params(tracking.context, made.model_id, {"r": "8"})
    with pytest.raises(NotFound):
        models.delete_tag(tracking.context, made.model_id, "b")
    with pytest.raises(InvalidArgument, match="ready or failed"):
        models.finalize(tracking.context, made.model_id, LoggedModelStatus.PENDING)


def test_a_deleted_model_is_gone_for_most(tracking: Tracking) -> None:
    """It is found only by whoever asks for deleted ones, and takes nothing."""
    models, context = tracking.logged_models, tracking.context
    model_id = models.create(context, "0", name="m").model_id
    models.delete(context, model_id)
    for use in (
        lambda: models.get(context, model_id),
        lambda: models.delete(context, model_id),
        lambda: models.set_tags(context, model_id, {"a": "1"}),
    ):
        with pytest.raises(NotFound):
            use()
    found = models.get(context, model_id, allow_deleted=True)
    assert found.lifecycle is Lifecycle.DELETED
    assert models.search(context, ["0"]).items == ()


def test_outputs_of_a_run_are_models_with_steps(tracking: Tracking) -> None:
    """The same model again takes the new step; an unknown one takes the whole request back."""
    run_id = tracking.a_run().run.run_id
    models, context = tracking.logged_models, tracking.context
    first, second = (models.create(context, "0", name=name).model_id for name in "ab")
    models.log_outputs(context, run_id, [(first, 1), (second, 2)])
    models.log_outputs(context, run_id, [(first, 7)])
    with pytest.raises(NotFound):
        models.log_outputs(context, run_id, [(second, 9), ("m-" + "0" * 32, 1)])
    assert tracking.runs.get(context, run_id).outputs == (
        ModelOutput(second, 2),
        ModelOutput(first, 7),
    )


def test_the_latest_point_of_a_metric_counts(tracking: Tracking) -> None:
    """Latest is the greatest step, then time, then value; NaN counts as zero and loses a tie."""
    run_id = tracking.a_run().run.run_id
    models, context = tracking.logged_models, tracking.context
    model_id = models.create(context, "0", name="m").model_id

    def latest(*points: LoggedModelMetric) -> float:
        models.log_metrics(context, model_id, points)
        return models.get(context, model_id).metrics[-1].value

    assert latest(_metric(run_id, 0.5), _metric(run_id, 0.4)) == 0.5
    assert latest(_metric(run_id, 0.1, step=2), _metric(run_id, 0.9)) == 0.1
    assert latest(_metric(run_id, -1.0, step=2, timestamp_ms=5)) == -1.0
    assert math.isnan(latest(_metric(run_id, math.nan, step=2, timestamp_ms=5)))
    assert latest(_metric(run_id, 0.0, step=2, timestamp_ms=5)) == 0.0
    assert latest(_metric(run_id, math.nan, step=2, timestamp_ms=5)) == 0.0
    assert latest(_metric(run_id, math.inf, step=3)) == math.inf


@pytest.mark.parametrize(
    ("search", "names"),
    [
        ({}, ["c", "a", "b"]),
        ({"order_by": ["name ASC"]}, ["a", "b", "c"]),
        ({"order_by": ["metrics.acc DESC"]}, ["b", "a", "c"]),
        ({"order_by": ["metrics.acc ASC"]}, ["a", "b", "c"]),
        ({"order_by": [("metrics.acc DESC", DatasetChoice("eval", "1"))]}, ["a", "c", "b"]),
        ({"order_by": ["source_run_id ASC", "name DESC"]}, ["b", "a", "c"]),
        ({"order_by": ["params.r DESC"]}, ["b", "a", "c"]),
        ({"filter": "name = 'a'"}, ["a"]),
        ({"filter": "status = 'READY'"}, ["b"]),
        ({"filter": "model_type IN ('lora', 'x')"}, ["a"]),
        ({"filter": "params.r = '16'"}, ["a"]),
        ({"filter": "tags.t LIKE 'x%'"}, ["b"]),
        ({"filter": "metrics.acc > 0.5"}, ["b"]),
        ({"filter": "metrics.acc > 0.5", "datasets": [DatasetChoice("eval")]}, ["a"]),
        ({"filter": "metrics.acc > 0.5", "datasets": [DatasetChoice("eval", "2")]}, []),
        ({"datasets": [DatasetChoice("eval")]}, ["a"]),
        ({"datasets": [DatasetChoice("eval", "2")]}, []),
        ({"filter": f"creation_time >= {START_MS + 1}"}, ["c"]),
    ],
)
def test_search_finds_models(
    tracking: Tracking, search: dict[str, object], names: list[str]
) -> None:
    """By attributes, params, tags, and metrics, on a dataset if asked; pages agree with one page."""
    run_id = tracking.a_run().run.run_id
    models, context = tracking.logged_models, tracking.context
    a = models.create(
        context, "0", name="a", model_type="lora", run_id=run_id, params={"r": "16"}
    ).model_id
    b = models.create(
        context, "0", name="b", run_id=run_id, params={"r": "8"}, tags={"t": "xy"}
    ).model_id
    models.create(replace(context, now_ms=START_MS + 1), "0", name="c")
    models.finalize(context, b, LoggedModelStatus.READY)
    models.log_metrics(
        context,
        a,
        [
            _metric(run_id, 0.2, step=5),
            _metric(run_id, 0.9, dataset_name="eval", dataset_digest="1"),
        ],
    )
    models.log_metrics(context, b, [_metric(run_id, 0.7)])
    found: list[str] = []
    token = None
    while True:
        page = models.search(context, ["0"], max_results=1, page_token=token, **search)  # type: ignore[arg-type]
        found += [model.name for model in page.items]
        token = page.next_token
        if token is None:
            break
    assert found == names


def test_a_token_belongs_to_its_search(sqlite_tracking: Tracking) -> None:
    """Another filter, order or dataset than the token's is refused."""
    models, context = sqlite_tracking.logged_models, sqlite_tracking.context
    for name in "ab":
        models.create(context, "0", name=name)
    token = models.search(context, ["0"], max_results=1).next_token
    assert token is not None
    for other in (
        {"filter": "name = 'a'"},
        {"order_by": ["name"]},
        {"datasets": [DatasetChoice("eval")]},
    ):
        with pytest.raises(InvalidArgument, match="another query"):
            models.search(context, ["0"], page_token=token, **other)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match="twice"):
        models.search(context, ["0"], order_by=["name", "name DESC"])


@pytest.mark.parametrize("name", ["", " ", "a/b", "a:b", "a.b", "a%b", 'a"b', "a'b", "x" * 257])
def test_a_bad_name_is_refused(sqlite_tracking: Tracking, name: str) -> None:
    """Names do not hold what addresses are made of."""
    with pytest.raises(InvalidArgument, match="name"):
        sqlite_tracking.logged_models.create(sqlite_tracking.context, "0", name=name)


def test_a_model_needs_its_place(sqlite_tracking: Tracking) -> None:
    """The experiment exists, is active and may be written to."""
    models, context = sqlite_tracking.logged_models, sqlite_tracking.context
    with pytest.raises(NotFound):
        models.create(context, "77", name="m")
    with pytest.raises(PermissionDenied):
        models.create(a_context(an_actor("v", Role.VIEWER)), "0", name="m")
    model_id = models.create(context, "0", name="m").model_id
    stranger = a_context(an_actor("s", Role.VIEWER, workspace="elsewhere"), "elsewhere")
    with pytest.raises(NotFound):
        models.get(stranger, model_id)
    assert models.search(stranger, ["0"]).items == ()
    sqlite_tracking.experiments.delete(context, "0")
    with pytest.raises(FailedPrecondition):
        models.create(context, "0", name="m")
