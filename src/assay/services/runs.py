"""Runs: their life, params, tags and declared lineage."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, TypedDict, Unpack

from assay.domain.access import Action
from assay.domain.canonical import as_object, parse_strict
from assay.domain.errors import AlreadyExists, FailedPrecondition, NotFound
from assay.domain.ids import ID_BYTES, parse_run_id
from assay.domain.names import check_experiment_name, check_run_name, check_text
from assay.domain.run import check_transition, is_terminal
from assay.domain.run_name import generate_run_name
from assay.domain.tracking import Lifecycle, Run, RunStatus, WholeRun
from assay.services.checks import check_moment, check_params, check_tags
from assay.services.context import Context
from assay.services.experiments import ensure_experiment, experiment_pk, open_experiment
from assay.services.platform import Platform
from assay.services.workspaces import DEFAULT_EXPERIMENT
from assay.storage import experiments, params, runs, tags
from assay.storage.database import Transaction
from assay.storage.runs import NewRun, RunHandle
from assay.storage.whole_runs import load_whole_run

MAX_USER_NAME: Final = 256
PARENT_TAG: Final = "assay.parent_run_id"
"""The tag that names the run which a nested run belongs to."""


class RunFields(TypedDict, total=False):
    """What a run is made of, each in place of what is said of it at `Runs.create`."""

    experiment_id: str | None
    experiment: str | None
    name: str | None
    run_id: str | None
    user_name: str
    started_at_ms: int | None
    ended_at_ms: int | None
    status: RunStatus
    params: Mapping[str, str] | None
    tags: Mapping[str, str] | None
    lineage: str | None
    parent_run_id: str | None


class Runs:
    """Makes, reads and changes runs."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def create(self, context: Context, **fields: Unpack[RunFields]) -> WholeRun:
        """Make a run in an active experiment, given by id or by name (then made if need be).

        With a `run_id` of the client's, making the same run again answers the one that is there;
        AlreadyExists when that id belongs to another experiment. `lineage` is strict JSON text,
        kept as sent. Without an experiment the run goes to the workspace's `Default`.
        """
        act = self.creation(context, **fields)
        with self._platform.database.write() as tx:
            return act(tx)

    def creation(
        self, context: Context, **fields: Unpack[RunFields]
    ) -> Callable[[Transaction], WholeRun]:
        """`create` as a write that is checked and has yet to be done, for `Ingest.write`."""
        new = self._new_run(context, fields)
        place = fields.get("experiment")
        place = DEFAULT_EXPERIMENT if place is None else check_experiment_name(place, "experiment")
        is_placed = fields.get("experiment_id") is not None
        params = check_params(fields.get("params") or {})
        tags = check_tags(fields.get("tags") or {})
        parent = fields.get("parent_run_id")
        if parent is not None:
            tags[PARENT_TAG] = parse_run_id(parent, "parent_run_id")

        def act(tx: Transaction) -> WholeRun:
            placed = new if is_placed else self._in_experiment(tx, context, new, place)
            return self._insert(tx, context, placed, params, tags)

        return act

    def _new_run(self, context: Context, fields: RunFields) -> NewRun:
        run_id, experiment_id = fields.get("run_id"), fields.get("experiment_id")
        lineage, ended_at_ms = fields.get("lineage"), fields.get("ended_at_ms")
        user_name = fields.get("user_name", "")
        return NewRun(
            run_id=self._platform.token_hex(ID_BYTES) if run_id is None else parse_run_id(run_id),
            workspace_pk=0,
            experiment_pk=0 if experiment_id is None else experiment_pk(experiment_id),
            name=self._name(fields.get("name")),
            status=fields.get("status", RunStatus.RUNNING),
            user_name=check_text(user_name, "user_name", max_length=MAX_USER_NAME),
            created_by=context.actor.name,
            lineage=None if lineage is None else check_lineage(lineage),
            started_at_ms=check_moment(
                fields.get("started_at_ms"), "started_at_ms", context.now_ms
            ),
            ended_at_ms=None if ended_at_ms is None else check_moment(ended_at_ms, "ended_at_ms"),
            created_at_ms=context.now_ms,
        )

    def get(self, context: Context, run_id: str) -> WholeRun:
        """The run with all that it recorded, in any lifecycle. Raises NotFound."""
        with self._platform.database.read() as tx:
            return load_whole_run(tx, get_run(tx, context, Action.TRACKING_READ, run_id))

    def get_info(self, context: Context, run_id: str) -> Run:
        """The run alone, in any lifecycle. Raises NotFound."""
        with self._platform.database.read() as tx:
            return get_run(tx, context, Action.TRACKING_READ, run_id)

    def update(
        self,
        context: Context,
        run_id: str,
        *,
        status: RunStatus | None = None,
        ended_at_ms: int | None = None,
        name: str | None = None,
    ) -> Run:
        """Change what is given of an active run.

        A run that ends without a time ended now; one that is resumed has no end.
        """
        act = self.change(context, run_id, status=status, ended_at_ms=ended_at_ms, name=name)
        with self._platform.database.write() as tx:
            return act(tx)

    def change(
        self,
        context: Context,
        run_id: str,
        *,
        status: RunStatus | None = None,
        ended_at_ms: int | None = None,
        name: str | None = None,
    ) -> Callable[[Transaction], Run]:
        """`update` as a write that is checked and has yet to be done, for `Ingest.write`."""
        parsed = parse_run_id(run_id)
        if name is not None:
            check_run_name(name)
        if ended_at_ms is not None:
            check_moment(ended_at_ms, "ended_at_ms")

        def act(tx: Transaction) -> Run:
            run = _allowed(context, Action.TRACKING_WRITE, runs.lock_run(tx, parsed), run_id)
            _require_active(run.lifecycle, run_id)
            changed = _changed(run, context.now_ms, status, ended_at_ms, name)
            runs.set_state(
                tx,
                run.pk,
                status=changed.status,
                ended_at_ms=changed.ended_at_ms,
                name=changed.name,
            )
            return changed

        return act

    def delete(self, context: Context, run_id: str) -> None:
        """Put a run into the bin; one that is there already stays there."""
        with self._platform.database.write() as tx:
            run = _locked(tx, context, Action.TRACKING_DELETE, run_id)
            if run.lifecycle is not Lifecycle.DELETED:
                runs.set_lifecycle(tx, run.pk, Lifecycle.DELETED, context.now_ms)

    def restore(self, context: Context, run_id: str) -> None:
        """Take a run out of the bin; one that is in use stays so.

        Raises FailedPrecondition while its experiment is deleted.
        """
        with self._platform.database.write() as tx:
            run = _locked(tx, context, Action.TRACKING_DELETE, run_id)
            if run.lifecycle is Lifecycle.ACTIVE:
                return
            home = experiments.find_home(tx, int(run.experiment_id))
            if home is None or home[2] is not Lifecycle.ACTIVE:
                raise FailedPrecondition(
                    f"Run {run_id!r} belongs to experiment {run.experiment_id!r}, which must be in "
                    "the 'active' state. Restore the experiment; its runs come with it.",
                    field="run_id",
                )
            runs.set_lifecycle(tx, run.pk, Lifecycle.ACTIVE, context.now_ms)

    def log_params(self, context: Context, run_id: str, values: Mapping[str, str]) -> None:
        """Add params to an active run; the same value again changes nothing.

        Raises InvalidArgument naming the param that has another value; then none is added.
        """
        given = check_params(values)
        with self._platform.database.write() as tx:
            params.add_params(tx, open_run(tx, context, run_id).pk, given)

    def set_tags(self, context: Context, run_id: str, values: Mapping[str, str]) -> None:
        """Set tags of an active run, whether or not they were there."""
        given = check_tags(values)
        with self._platform.database.write() as tx:
            tags.set_tags(tx, open_run(tx, context, run_id).pk, given)

    def delete_tag(self, context: Context, run_id: str, key: str) -> None:
        """Remove a tag of an active run. Raises NotFound when it is not there."""
        with self._platform.database.write() as tx:
            run = open_run(tx, context, run_id)
            if not tags.delete_tag(tx, run.pk, key):
                raise NotFound(f"Run {run_id!r} has no tag {key[:100]!r}.", field="key")

    def declare_lineage(self, context: Context, run_id: str, raw_json: str) -> Run:
        """Keep what the client says the run was made from, as sent; it replaces what was said before.

        Versions registered before keep their own. Raises InvalidArgument for what is no strict JSON
        object; what is missing is refused at registration.
        """
        lineage = check_lineage(raw_json)
        with self._platform.database.write() as tx:
            run = open_run(tx, context, run_id)
            runs.set_lineage(tx, run.pk, lineage)
            return _allowed(context, Action.TRACKING_WRITE, runs.find_run_by_pk(tx, run.pk), run_id)

    def _name(self, name: str | None) -> str:
        if name is not None:
            return check_run_name(name, "name")
        return generate_run_name(self._platform.token_hex(4))

    def _in_experiment(self, tx: Transaction, context: Context, new: NewRun, name: str) -> NewRun:
        context.require(Action.TRACKING_WRITE)
        found = ensure_experiment(tx, context, name)
        return new._replace(experiment_pk=int(found.experiment_id))

    def _insert(
        self,
        tx: Transaction,
        context: Context,
        new: NewRun,
        given_params: Mapping[str, str],
        given_tags: Mapping[str, str],
    ) -> WholeRun:
        workspace_pk, workspace = open_experiment(tx, context, new.experiment_pk)
        pk = runs.insert_run(tx, new._replace(workspace_pk=workspace_pk))
        if pk is None:
            return self._again(tx, context, new)
        params.insert_params(tx, pk, given_params)
        tags.insert_tags(tx, pk, given_tags)
        return WholeRun(_made(pk, workspace, new), params=given_params, tags=given_tags)

    def _again(self, tx: Transaction, context: Context, new: NewRun) -> WholeRun:
        found = runs.find_run(tx, new.run_id)
        if found is None or int(found.experiment_id) != new.experiment_pk:
            raise AlreadyExists(f"The run id {new.run_id!r} is taken.", field="run_id")
        context.require_object(Action.TRACKING_READ, found.workspace, f"Run {new.run_id!r}")
        return load_whole_run(tx, found)


def get_run(tx: Transaction, context: Context, action: Action, run_id: str) -> Run:
    """The run, in any lifecycle, if the actor may do `action` to it. Raises NotFound."""
    return _allowed(context, action, runs.find_run(tx, parse_run_id(run_id)), run_id)


def open_run(
    tx: Transaction, context: Context, run_id: str, action: Action = Action.TRACKING_WRITE
) -> RunHandle:
    """The active run to write to. Raises NotFound, FailedPrecondition for a deleted one."""
    found = runs.find_handle(tx, parse_run_id(run_id))
    if found is None:
        raise _unknown(run_id)
    context.require_object(action, found.workspace, f"Run {run_id!r}")
    _require_active(found.lifecycle, run_id)
    return found


def check_lineage(raw_json: str) -> str:
    """The same text, if it is one strict JSON object. Raises InvalidArgument naming the place."""
    as_object(parse_strict(raw_json, root="lineage"), "lineage")
    return raw_json


def _locked(tx: Transaction, context: Context, action: Action, run_id: str) -> Run:
    return _allowed(context, action, runs.lock_run(tx, parse_run_id(run_id)), run_id)


def _allowed(context: Context, action: Action, found: Run | None, run_id: str) -> Run:
    if found is None:
        raise _unknown(run_id)
    context.require_object(action, found.workspace, f"Run {run_id!r}")
    return found


def _require_active(lifecycle: Lifecycle, run_id: str) -> None:
    if lifecycle is not Lifecycle.ACTIVE:
        raise FailedPrecondition(
            f"Run {run_id!r} must be in the 'active' state; it is deleted. Restore it first.",
            field="run_id",
        )


def _changed(
    run: Run, now_ms: int, status: RunStatus | None, ended_at_ms: int | None, name: str | None
) -> Run:
    end = run.ended_at_ms
    if status is not None:
        check_transition(run.status, status)
        end = (now_ms if end is None else end) if is_terminal(status) else None
    return replace(
        run,
        status=status or run.status,
        ended_at_ms=end if ended_at_ms is None else ended_at_ms,
        name=run.name if name is None else name,
    )


def _unknown(run_id: str) -> NotFound:
    return NotFound(f"Run {run_id!r} does not exist.", field="run_id")


def _made(pk: int, workspace: str, new: NewRun) -> Run:
    return Run(
        pk=pk,
        run_id=new.run_id,
        workspace=workspace,
        experiment_id=str(new.experiment_pk),
        name=new.name,
        status=new.status,
        lifecycle=Lifecycle.ACTIVE,
        user_name=new.user_name,
        created_by=new.created_by,
        lineage=new.lineage,
        started_at_ms=new.started_at_ms,
        ended_at_ms=new.ended_at_ms,
        created_at_ms=new.created_at_ms,
    )
