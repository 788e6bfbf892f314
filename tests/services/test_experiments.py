"""Experiments: names, the bin, tags and search."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from assay.domain.access import Role
from assay.domain.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
)
from assay.domain.tracking import Experiment, Lifecycle, View
from tests.support.platform import START_MS, a_context, an_actor
from tests.support.tracking import Tracking


def _names(found: tuple[Experiment, ...]) -> list[str]:
    return [experiment.name for experiment in found]


def test_every_server_has_the_default_experiment(tracking: Tracking) -> None:
    """Experiment 0 is there from the first start on, and later starts leave it alone."""
    tracking.experiments.update(tracking.context, "0", name="Mine")
    tracking.workspaces.ensure_defaults(START_MS + 1)
    found = tracking.experiments.get(tracking.context, "0")
    assert (found.name, found.lifecycle, found.created_at_ms) == (
        "Mine",
        Lifecycle.ACTIVE,
        START_MS,
    )


def test_an_experiment_is_made_once_per_name(tracking: Tracking) -> None:
    """A name belongs to one experiment of a workspace, also while that one is deleted."""
    made = tracking.experiments.create(
        tracking.context, "sft", artifact_location="s3://b/x", tags={"a": "1"}
    )
    assert made == tracking.experiments.get(tracking.context, made.experiment_id)
    assert made == tracking.experiments.get_by_name(tracking.context, "sft")
    with pytest.raises(AlreadyExists, match="exists; choose another"):
        tracking.experiments.create(tracking.context, "sft")
    tracking.experiments.delete(tracking.context, made.experiment_id)
    with pytest.raises(AlreadyExists, match="restore it"):
        tracking.experiments.create(tracking.context, "sft")
    with pytest.raises(FailedPrecondition, match="Restore it first"):
        tracking.experiments.ensure(tracking.context, "sft")


def test_ensure_makes_what_is_missing(tracking: Tracking) -> None:
    """The same name gives the same experiment."""
    made = tracking.experiments.ensure(tracking.context, "dpo")
    assert tracking.experiments.ensure(tracking.context, "dpo") == made


def test_names_are_per_workspace(tracking: Tracking) -> None:
    """Two workspaces may use one name; neither finds the other's."""
    tracking.workspaces.create(tracking.context, "team-b")
    there = a_context(workspace="team-b")
    here_id = tracking.experiments.create(tracking.context, "sft").experiment_id
    there_id = tracking.experiments.create(there, "sft").experiment_id
    assert here_id != there_id
    assert tracking.experiments.get_by_name(there, "sft").experiment_id == there_id
    assert _names(tracking.experiments.search(there).items) == ["sft"]
    assert tracking.experiments.get(tracking.context, there_id).workspace == "team-b"


def test_the_bin_takes_the_runs_along(tracking: Tracking) -> None:
    """Deleting deletes all runs, restoring restores them all; doing either twice finds nothing."""
    experiment = tracking.experiments.create(tracking.context, "e").experiment_id
    kept, gone = (tracking.a_run(experiment).run.run_id for _ in range(2))
    tracking.runs.delete(tracking.context, gone)
    tracking.experiments.delete(tracking.context, experiment)
    with pytest.raises(NotFound, match="no active experiment"):
        tracking.experiments.delete(tracking.context, experiment)
    assert tracking.runs.get_info(tracking.context, kept).lifecycle is Lifecycle.DELETED
    tracking.experiments.restore(tracking.context, experiment)
    with pytest.raises(NotFound, match="no deleted experiment"):
        tracking.experiments.restore(tracking.context, experiment)
    for run_id in (kept, gone):
        assert tracking.runs.get_info(tracking.context, run_id).lifecycle is Lifecycle.ACTIVE


def test_no_run_slips_into_an_experiment_that_is_being_deleted(tracking: Tracking) -> None:
    """However creates and a delete overlap, no active run is left in a deleted experiment."""
    experiment = tracking.experiments.create(tracking.context, "e").experiment_id

    def create(number: int) -> str | None:
        if number == 10:
            tracking.experiments.delete(tracking.context, experiment)
            return None
        try:
            return tracking.a_run(experiment).run.run_id
        except FailedPrecondition:
            return None

    with ThreadPoolExecutor(6) as pool:
        made = [run_id for run_id in pool.map(create, range(30)) if run_id is not None]
    assert made
    lifecycles = {tracking.runs.get_info(tracking.context, run_id).lifecycle for run_id in made}
    assert lifecycles == {Lifecycle.DELETED}


def test_a_deleted_experiment_takes_no_change(tracking: Tracking) -> None:
    """Renaming and tags need an active experiment."""
    context, experiments = tracking.context, tracking.experiments
    experiment = experiments.create(context, "e").experiment_id
    experiments.delete(context, experiment)
    for write in (
        lambda: experiments.update(context, experiment, name="f"),
        lambda: experiments.set_tag(context, experiment, "a", "1"),
        lambda: experiments.delete_tag(context, experiment, "a"),
    ):
        with pytest.raises(FailedPrecondition, match="must be in the 'active' state"):
            write()


def test_renaming_respects_the_others(tracking: Tracking) -> None:
    """A taken name is refused, the own one is no change, and the time of the change is kept."""
    experiment = tracking.experiments.create(tracking.context, "e").experiment_id
    tracking.experiments.create(tracking.context, "taken")
    with pytest.raises(AlreadyExists):
        tracking.experiments.update(tracking.context, experiment, name="taken")
    later = replace(tracking.context, now_ms=START_MS + 5)
    assert tracking.experiments.update(later, experiment, name="e").updated_at_ms == START_MS
    renamed = tracking.experiments.update(later, experiment, name="f")
    assert (renamed.name, renamed.updated_at_ms) == ("f", START_MS + 5)


def test_tags_are_replaced_and_removed(tracking: Tracking) -> None:
    """Values may be longer than those of runs; a missing tag cannot be removed."""
    tracking.experiments.set_tag(tracking.context, "0", "note", "x" * 20_000)
    tracking.experiments.set_tag(tracking.context, "0", "note", "y")
    assert tracking.experiments.get(tracking.context, "0").tags == {"note": "y"}
    tracking.experiments.delete_tag(tracking.context, "0", "note")
    with pytest.raises(NotFound):
        tracking.experiments.delete_tag(tracking.context, "0", "note")
    with pytest.raises(InvalidArgument, match="20000"):
        tracking.experiments.set_tag(tracking.context, "0", "note", "x" * 20_001)


@pytest.mark.parametrize(
    ("search", "names"),
    [
        ({}, ["c", "Default", "a", "b"]),
        ({"order_by": ["name ASC"]}, ["Default", "a", "b", "c"]),
        ({"order_by": ["creation_time ASC"]}, ["b", "a", "Default", "c"]),
        ({"order_by": ["experiment_id DESC"]}, ["c", "b", "a", "Default"]),
        ({"filter": "name LIKE '_'"}, ["c", "a", "b"]),
        ({"filter": "attribute.name ILIKE 'DEF%'"}, ["Default"]),
        ({"filter": "experiment_id != '0'"}, ["c", "a", "b"]),
        ({"filter": "tags.team = 'x'"}, ["a", "b"]),
        ({"filter": "tags.team = 'x' AND tags.lead IS NULL"}, ["b"]),
        ({"filter": f"creation_time > {START_MS}"}, ["c"]),
        ({"view": View.DELETED}, ["gone"]),
        ({"view": View.ALL, "filter": "name = 'gone'"}, ["gone"]),
    ],
)
def test_search_finds_by_name_time_and_tags(
    tracking: Tracking, search: dict[str, object], names: list[str]
) -> None:
    """Filters, orders and views; pages of one give the same as one page of all."""
    create = tracking.experiments.create
    create(tracking.context, "a", tags={"team": "x", "lead": "y"})
    create(tracking.context, "b", tags={"team": "x"})
    create(replace(tracking.context, now_ms=START_MS + 1), "c", tags={"team": "z"})
    gone = create(tracking.context, "gone").experiment_id
    tracking.experiments.delete(tracking.context, gone)
    found: list[str] = []
    token = None
    while True:
        page = tracking.experiments.search(
            tracking.context, max_results=1, page_token=token, **search
        )  # type: ignore[arg-type]
        found += _names(page.items)
        token = page.next_token
        if token is None:
            break
    assert found == names
    assert _names(tracking.experiments.search(tracking.context, **search).items) == names  # type: ignore[arg-type]


def test_a_workspace_that_is_not_there_is_not_an_empty_one(sqlite_tracking: Tracking) -> None:
    """A slip in a workspace's name is told, and not taken for a team that has done nothing yet."""
    services = sqlite_tracking.experiments
    elsewhere = replace(sqlite_tracking.context, workspace="no-such-team")

    with pytest.raises(NotFound, match="no-such-team"):
        services.search(elsewhere)


def test_a_token_belongs_to_its_query(sqlite_tracking: Tracking) -> None:
    """A page token of another query, or none of ours, is refused."""
    sqlite_tracking.experiments.create(sqlite_tracking.context, "e")
    search = sqlite_tracking.experiments.search
    token = search(sqlite_tracking.context, max_results=1).next_token
    assert token is not None
    for wrong in ({"page_token": token, "view": View.ALL}, {"page_token": token[:-2]}):
        with pytest.raises(InvalidArgument, match="page_token"):
            search(sqlite_tracking.context, **wrong)  # type: ignore[arg-type]
    for size in (0, -1, 50_001):
        with pytest.raises(InvalidArgument, match="max_results"):
            search(sqlite_tracking.context, max_results=size)


def test_a_viewer_only_looks(sqlite_tracking: Tracking) -> None:
    """Reading is allowed, every change is not."""
    viewer = a_context(an_actor("v", Role.VIEWER))
    assert sqlite_tracking.experiments.get(viewer, "0").name == "Default"
    for write in (
        lambda: sqlite_tracking.experiments.create(viewer, "e"),
        lambda: sqlite_tracking.experiments.ensure(viewer, "Default"),
        lambda: sqlite_tracking.experiments.update(viewer, "0", name="e"),
        lambda: sqlite_tracking.experiments.delete(viewer, "0"),
        lambda: sqlite_tracking.experiments.set_tag(viewer, "0", "a", "b"),
    ):
        with pytest.raises(PermissionDenied):
            write()
