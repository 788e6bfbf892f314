"""Runs: made once, changed while active, readable for ever."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from assay.domain.access import Role
from assay.domain.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    LimitExceeded,
    NotFound,
    PermissionDenied,
)
from assay.domain.tracking import Lifecycle, RunStatus
from assay.services.runs import PARENT_TAG
from tests.support.platform import START_MS, a_context, an_actor
from tests.support.tracking import Tracking


def test_a_run_is_made_with_all_that_is_given(tracking: Tracking) -> None:
    """What `create` answers is what `get` answers later."""
    made = tracking.runs.create(
        tracking.context,
        experiment_id="0",
        name="first",
        user_name="mara",
        started_at_ms=5,
        status=RunStatus.SCHEDULED,
        params={"lr": "0.1", "empty": ""},
        tags={"team": "a"},
        lineage='{"seed": 42.0}',
        parent_run_id="parent",
    )
    assert made == tracking.runs.get(tracking.context, made.run.run_id)
    assert made.run.lineage == '{"seed": 42.0}'
    assert made.run.created_by == "local"
    assert (made.run.started_at_ms, made.run.created_at_ms) == (5, START_MS)
    assert made.params == {"lr": "0.1", "empty": ""}
    assert made.tags == {"team": "a", PARENT_TAG: "parent"}


def test_a_run_without_a_name_gets_one(tracking: Tracking) -> None:
    """A generated name has an adjective, a noun and a number; the start is now."""
    made = tracking.runs.create(tracking.context, experiment_id="0")
    assert made.run.name.count("-") == 2
    assert made.run.started_at_ms == START_MS


def test_making_a_run_again_leaves_one(tracking: Tracking) -> None:
    """With an id of the client's a retried create answers the run that is there."""
    first = tracking.runs.create(
        tracking.context, experiment="sweep", run_id="mine", params={"a": "1"}
    )
    again = tracking.runs.create(
        tracking.context, experiment="sweep", run_id="mine", params={"a": "2"}
    )
    assert again == first
    with pytest.raises(AlreadyExists, match="'mine'"):
        tracking.runs.create(tracking.context, experiment="another", run_id="mine")


def test_many_makers_of_one_run_agree(tracking: Tracking) -> None:
    """Several processes may start the same run of the same new experiment at the same time."""

    def make(_: int) -> tuple[str, str]:
        made = tracking.runs.create(tracking.context, experiment="shared", run_id="one")
        return made.run.experiment_id, made.run.run_id

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(make, range(16)))) == 1


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"run_id": "../x"}, "run_id"),
        ({"run_id": ""}, "run_id"),
        ({"name": " "}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"name": "n" * 501}, "name"),
        ({"user_name": "u" * 257}, "user_name"),
        ({"started_at_ms": -1}, "started_at_ms"),
        ({"ended_at_ms": 2**63}, "ended_at_ms"),
        ({"params": {"": "x"}}, "params"),
        ({"params": {"k": "v" * 6001}}, "params.k"),
        ({"params": {"k" * 251: "v"}}, "params"),
        ({"tags": {"k": "a\x00"}}, "tags.k"),
        ({"tags": {"k": "\ud800"}}, "tags.k"),
        ({"tags": {"k": 5}}, "tags.k"),
        ({"lineage": "[]"}, "lineage"),
        ({"lineage": '{"seed": NaN}'}, "seed"),
        ({"lineage": '{"seed": 1, "seed": 2}'}, "seed"),
        ({"parent_run_id": "a b"}, "parent_run_id"),
        ({"experiment": "\n"}, "experiment"),
        ({"experiment": ""}, "experiment"),
    ],
)
def test_bad_input_is_refused_by_name(
    sqlite_tracking: Tracking, given: dict[str, object], field: str
) -> None:
    """The error names the field, and no run is made."""
    where = {} if "experiment" in given else {"experiment_id": "0"}
    with pytest.raises(InvalidArgument) as caught:
        sqlite_tracking.runs.create(sqlite_tracking.context, **where, **given)  # type: ignore[arg-type]
    assert caught.value.field == field
    found = sqlite_tracking.search.search_runs(sqlite_tracking.context, ["0"])
    assert found.items == ()


def test_too_many_params_are_refused(sqlite_tracking: Tracking) -> None:
    """One request brings a bounded number of params."""
    many = {str(number): "x" for number in range(10_001)}
    with pytest.raises(LimitExceeded, match="10000"):
        sqlite_tracking.runs.create(sqlite_tracking.context, experiment_id="0", params=many)


@pytest.mark.parametrize("experiment_id", ["77", "abc", "00", "9" * 30])
def test_a_run_needs_an_experiment_that_exists(
    sqlite_tracking: Tracking, experiment_id: str
) -> None:
    """An unknown experiment is said not to exist, whatever its id looks like."""
    with pytest.raises(NotFound):
        sqlite_tracking.runs.create(sqlite_tracking.context, experiment_id=experiment_id)


def test_an_ended_run_has_an_end_and_a_resumed_one_has_none(tracking: Tracking) -> None:
    """The end is what the client says, else now; going on forgets it."""
    run_id = tracking.a_run().run.run_id
    later = replace(tracking.context, now_ms=START_MS + 9)
    assert tracking.runs.update(later, run_id, status=RunStatus.FINISHED).ended_at_ms == (
        START_MS + 9
    )
    again = replace(tracking.context, now_ms=START_MS + 20)
    assert tracking.runs.update(again, run_id, status=RunStatus.FAILED).ended_at_ms == (
        START_MS + 9
    )
    resumed = tracking.runs.update(again, run_id, status=RunStatus.RUNNING)
    assert (resumed.status, resumed.ended_at_ms) == (RunStatus.RUNNING, None)
    ended = tracking.runs.update(again, run_id, status=RunStatus.KILLED, ended_at_ms=7, name="x")
    assert (ended.ended_at_ms, ended.name) == (7, "x")
    with pytest.raises(FailedPrecondition):
        tracking.runs.update(again, run_id, status=RunStatus.SCHEDULED)


def test_a_deleted_run_is_readable_and_takes_nothing(tracking: Tracking) -> None:
    """Deleting and restoring may be repeated; in between every write is refused by its state."""
    context, runs = tracking.context, tracking.runs
    run_id = tracking.a_run(params={"a": "1"}).run.run_id
    runs.delete(context, run_id)
    runs.delete(context, run_id)
    assert runs.get(context, run_id).run.lifecycle is Lifecycle.DELETED
    for write in (
        lambda: runs.log_params(context, run_id, {"b": "1"}),
        lambda: runs.set_tags(context, run_id, {"b": "1"}),
        lambda: runs.delete_tag(context, run_id, "b"),
        lambda: runs.update(context, run_id, name="x"),
        lambda: runs.declare_lineage(context, run_id, "{}"),
        lambda: tracking.datasets.log_inputs(context, run_id, []),
        lambda: tracking.records.append(context, run_id, []),
    ):
        with pytest.raises(FailedPrecondition, match="must be in the 'active' state"):
            write()
    runs.restore(context, run_id)
    runs.restore(context, run_id)
    whole = runs.get(context, run_id)
    assert whole.run.lifecycle is Lifecycle.ACTIVE
    assert (whole.params, whole.tags) == ({"a": "1"}, {})


def test_a_run_comes_back_only_with_its_experiment(tracking: Tracking) -> None:
    """An active run is always in an active experiment."""
    experiment = tracking.experiments.create(tracking.context, "e").experiment_id
    run_id = tracking.a_run(experiment).run.run_id
    tracking.experiments.delete(tracking.context, experiment)
    with pytest.raises(FailedPrecondition, match="Restore the experiment"):
        tracking.runs.restore(tracking.context, run_id)
    with pytest.raises(FailedPrecondition, match="must be in the 'active' state"):
        tracking.a_run(experiment)


def test_tags_come_and_go(tracking: Tracking) -> None:
    """A missing tag cannot be removed."""
    run_id = tracking.a_run().run.run_id
    tracking.runs.set_tags(tracking.context, run_id, {"a/b c": "1"})
    tracking.runs.delete_tag(tracking.context, run_id, "a/b c")
    with pytest.raises(NotFound, match="'a/b c'"):
        tracking.runs.delete_tag(tracking.context, run_id, "a/b c")


def test_declared_lineage_is_kept_as_sent(tracking: Tracking) -> None:
    """Numbers keep their spelling, and a later declaration replaces the one before."""
    run_id = tracking.a_run().run.run_id
    for text in ('{"seed": 42.0, "config": {"lr": 1e-5}}', ' { "seed" : 43 } '):
        assert tracking.runs.declare_lineage(tracking.context, run_id, text).lineage == text
        assert tracking.runs.get_info(tracking.context, run_id).lineage == text


def test_a_workspace_hides_its_runs(tracking: Tracking) -> None:
    """Who may not see a workspace is told that its runs do not exist; who may only look cannot write."""
    run_id = tracking.a_run().run.run_id
    stranger = a_context(an_actor("s", Role.CONTRIBUTOR, workspace="elsewhere"), "elsewhere")
    for look in (
        lambda: tracking.runs.get(stranger, run_id),
        lambda: tracking.runs.update(stranger, run_id, name="x"),
        lambda: tracking.runs.delete(stranger, run_id),
        lambda: tracking.runs.log_params(stranger, run_id, {"a": "1"}),
        lambda: tracking.runs.create(stranger, experiment_id="0"),
        lambda: tracking.experiments.get(stranger, "0"),
    ):
        with pytest.raises(NotFound):
            look()
    assert tracking.search.search_runs(stranger, ["0"]).items == ()
    viewer = a_context(an_actor("v", Role.VIEWER))
    assert tracking.runs.get(viewer, run_id).run.run_id == run_id
    for write in (
        lambda: tracking.runs.update(viewer, run_id, name="x"),
        lambda: tracking.runs.create(viewer, experiment_id="0"),
        lambda: tracking.runs.create(viewer, experiment="new"),
        lambda: tracking.runs.delete(viewer, run_id),
    ):
        with pytest.raises(PermissionDenied):
            write()
    gate = a_context(an_actor("g", Role.GATE))
    with pytest.raises(PermissionDenied):
        tracking.runs.get(gate, run_id)
    assert tracking.search.search_runs(gate, ["0"]).items == ()
