"""Runs of clients that name them themselves: made, resumed, heard of, stopped, given up for crashed.

Such a client mints ids that are unique within a project only, replaces its whole config, and numbers the
lines that it sends. A row beside the run keeps what it said; everything else is a run like any other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

import structlog

from assay.domain.access import SYSTEM, Action
from assay.domain.conditions import Condition
from assay.domain.errors import (
    AppError,
    FailedPrecondition,
    InvalidArgument,
    LimitExceeded,
    NotFound,
)
from assay.domain.ids import ID_BYTES, parse_run_id
from assay.domain.names import check_experiment_name, check_run_name, check_text
from assay.domain.run import is_terminal
from assay.domain.run_name import generate_run_name
from assay.domain.tracking import Lifecycle, Run, RunStatus, StepRecord
from assay.services.checks import check_params, check_tags
from assay.services.client_words import (
    STATUSES,
    Change,
    Heard,
    Known,
    LineRange,
    shape_after,
    state_after,
)
from assay.services.context import Context
from assay.services.experiments import ensure_experiment, experiment_pk, open_experiment
from assay.services.ledger import Ledger
from assay.services.platform import Platform
from assay.services.runs import Runs, get_run
from assay.storage import experiments, run_conditions, runs, step_records, tags, wandb
from assay.storage.database import Transaction
from assay.storage.run_conditions import Order
from assay.storage.runs import NewRun
from assay.storage.wandb import ClientRun, Stream
from assay.storage.whole_runs import load_runs, load_whole_run, load_whole_runs

__all__ = ["Change", "ClientRun", "ClientRuns", "Heard", "Known", "LineRange", "Order", "Stream"]

PATIENCE_MS: Final = 5 * 60 * 1000
"""A run that runs and has not been heard of for so long has crashed."""

MAX_NAME: Final = 128
MAX_WRITERS: Final = 4_096
MAX_MARKS: Final = 100
ALERT_KEY: Final = "system/alerts"
"""Step records of alerts, by number."""

MAX_ALERT: Final = 16_000
MAX_ALERTS: Final = 10_000
MAX_TOLD_ALERTS: Final = 20
MAX_TOLD_CHARS: Final = 1_000
_SWEPT: Final = 500
_log = structlog.get_logger("assay.client_runs")


class ClientRuns:
    """Keeps runs by the ids that clients give them."""

    def __init__(self, platform: Platform, runs_service: Runs, ledger: Ledger) -> None:
        self._platform = platform
        self._runs = runs_service
        self._ledger = ledger

    def upsert(
        self, context: Context, project: str, name: str, change: Change
    ) -> tuple[Known, bool]:
        """Make a run in the experiment `project` (made if need be), or change it; whether it is new.

        Raises FailedPrecondition for a run in the bin: its id stays taken.
        """
        check_experiment_name(project, "project")
        name = _check_name(name)
        change = _checked(change)
        with self._platform.database.write() as tx:
            context.require(Action.TRACKING_WRITE)
            home = ensure_experiment(tx, context, project)
            experiment_pk = int(home.experiment_id)
            found = self._find(tx, experiment_pk, name)
            if found is None:
                return self._make(tx, context, experiment_pk, name, change), True
            self._adopt(tx, context, found, name)
            return self._apply(tx, context, found.run_id, change), False

    def change(self, context: Context, run_id: str, change: Change) -> Known:
        """Change a run that is given by our id."""
        change = _checked(change)
        with self._platform.database.write() as tx:
            run = get_run(tx, context, Action.TRACKING_WRITE, run_id)
            self._adopt(tx, context, run, run.run_id)
            return self._apply(tx, context, run_id, change)

    def find(self, context: Context, project: str, name: str) -> Known | None:
        """The run that a client calls so in the workspace's experiment `project`, unless deleted."""
        context.require(Action.TRACKING_READ)
        with self._platform.database.read() as tx:
            home = experiments.find_experiment_by_name(tx, context.workspace, project)
            if home is None:
                return None
            run = self._find(tx, int(home.experiment_id), name)
            if run is None or run.lifecycle is not Lifecycle.ACTIVE:
                return None
            return _known(tx, [run])[0]

    def search(
        self,
        context: Context,
        experiment_id: str,
        condition: Condition,
        orders: Sequence[Order],
        *,
        start: int,
        count: int,
    ) -> tuple[Known, ...]:
        """Active runs of an experiment that are so, in an order, from the `start`-th on."""
        with self._platform.database.read() as tx:
            pk = _readable(tx, context, experiment_id)
            pks = run_conditions.list_runs(tx, pk, condition, orders, start, count)
            return _known(tx, load_runs(tx, pks))

    def count(self, context: Context, experiment_id: str, condition: Condition) -> int:
        """How many active runs of an experiment are so."""
        with self._platform.database.read() as tx:
            return run_conditions.count_runs(tx, _readable(tx, context, experiment_id), condition)

    def get(self, context: Context, run_id: str) -> Known:
        """The run with our id. Raises NotFound."""
        with self._platform.database.read() as tx:
            return _known(tx, [get_run(tx, context, Action.TRACKING_READ, run_id)])[0]

    def streams(self, context: Context, run_id: str) -> tuple[Stream, ...]:
        """How far the writers of a run have come."""
        with self._platform.database.read() as tx:
            run = get_run(tx, context, Action.TRACKING_READ, run_id)
            return wandb.streams_of(tx, run.pk)

    def ordinal_of(self, context: Context, run_id: str, file: str, writer: str) -> int:
        """The number of a writer of a file: 0 for the first that came. It is given out for good."""
        with self._platform.database.write() as tx:
            run = get_run(tx, context, Action.TRACKING_WRITE, run_id)
            runs.lock_run(tx, run_id)
            known = [each for each in wandb.streams_of(tx, run.pk) if each.file == file]
            for each in known:
                if each.writer == writer:
                    return each.ordinal
            if len(known) >= MAX_WRITERS:
                raise InvalidArgument(f"A run has at most {MAX_WRITERS} writers.", field="writer")
            wandb.set_stream(tx, run.pk, Stream(file, writer, len(known), 0, ""))
            return len(known)

    def hear(self, context: Context, run_id: str, heard: Heard) -> ClientRun:
        """Note a delivery whose points and records are durable already; what is known of the run now.

        A delivery that does not complete the run says that it runs, even if it had ended before.
        """
        with self._platform.database.write() as tx:
            run = get_run(tx, context, Action.TRACKING_WRITE, run_id)
            self._adopt(tx, context, run, run.run_id)
            said = wandb.lock_by_pk(tx, run.pk)
            assert said is not None
            self._advance(tx, run.pk, heard.writer, heard.lines)
            state = state_after(said, heard)
            changes: dict[str, object] = {"heartbeat_at_ms": context.now_ms, "state": state}
            if heard.summary is not None:
                changes["summary"] = heard.summary
            shape = shape_after(said.shape, heard)
            if shape != said.shape:
                changes["shape"] = shape
            changes["exit_code"] = heard.exit_code if heard.is_complete else None
            if state == "running" and said.state in ("killed", "finished", "failed"):
                changes["stop_requested"] = 0
            wandb.update_client_run(tx, run.pk, **changes)
            after = said._replace(**changes)  # type: ignore[arg-type]
        if STATUSES[state] is not run.status:
            self._runs.update(context, run_id, status=STATUSES[state])
        return after

    def reset_lines(self, context: Context, run_id: str, file: str, lines: LineRange) -> None:
        """Set how far a file of a run has come, for the one writer that goes on with it."""
        with self._platform.database.write() as tx:
            run = get_run(tx, context, Action.TRACKING_WRITE, run_id)
            wandb.delete_streams(tx, run.pk, file)
            wandb.set_stream(tx, run.pk, Stream(file, "", 0, lines.size, lines.tail))

    def alert(self, context: Context, run_id: str, title: str, text: str, severity: str) -> None:
        """Keep an alert that the run's script sent, as its next record of that kind.

        The first of a run are told to webhooks too; a script in a loop must not fill the ledger.
        """
        record = json.dumps({"title": title, "text": text, "severity": severity})
        check_text(record, "text", max_length=MAX_ALERT)
        with self._platform.database.write() as tx:
            run = get_run(tx, context, Action.TRACKING_WRITE, run_id)
            if wandb.count_records(tx, run.pk, ALERT_KEY) < MAX_TOLD_ALERTS:
                self._ledger.lock(tx)
            runs.lock_run(tx, run_id)
            number = wandb.count_records(tx, run.pk, ALERT_KEY)
            if number >= MAX_ALERTS:
                raise LimitExceeded(f"A run has at most {MAX_ALERTS} alerts.", limit=MAX_ALERTS)
            size_bytes = len(record.encode())
            kept = StepRecord(ALERT_KEY, number, "alert", context.now_ms, record, None, size_bytes)
            step_records.set_records(tx, run.pk, [kept])
            if number < MAX_TOLD_ALERTS:
                self._ledger.record(
                    tx,
                    context,
                    action="run.alert",
                    object=f"run:{run_id}",
                    workspace=run.workspace,
                    details={
                        "number": number,
                        "title": title[:MAX_TOLD_CHARS],
                        "text": text[:MAX_TOLD_CHARS],
                        "severity": severity[:MAX_TOLD_CHARS],
                    },
                )

    def export_marks(self, context: Context, run_id: str, last_step: int) -> tuple[int, ...]:
        """The steps at which the files end in which an ended run's history is handed out.

        Clients keep such files for ever, by their position. So a file never changes: what comes later
        is in a file of its own, and a run whose past was changed has no files any more.
        """
        with self._platform.database.write() as tx:
            run = get_run(tx, context, Action.TRACKING_READ, run_id)
            said = wandb.lock_by_pk(tx, run.pk)
            if said is None:
                return (last_step,)
            shape = json.loads(said.shape)
            marks = shape.get("marks", [])
            if marks is None:
                return ()
            if not marks or marks[-1] < last_step:
                shape["marks"] = marks = [*marks, last_step]
                if len(marks) > MAX_MARKS:
                    shape["marks"], marks = None, []
                wandb.update_client_run(tx, run.pk, shape=json.dumps(shape))
            return tuple(marks)

    def forbid_export(self, context: Context, run_id: str) -> None:
        """Hand out no files of a run's history any more: what they held has changed."""
        with self._platform.database.write() as tx:
            run = get_run(tx, context, Action.TRACKING_WRITE, run_id)
            said = wandb.lock_by_pk(tx, run.pk)
            if said is not None:
                shape = {**json.loads(said.shape), "marks": None}
                wandb.update_client_run(tx, run.pk, shape=json.dumps(shape))

    def request_stop(self, context: Context, run_id: str) -> bool:
        """Ask the client of a run to stop it, which it hears with its next delivery."""
        with self._platform.database.write() as tx:
            run = get_run(tx, context, Action.TRACKING_WRITE, run_id)
            if is_terminal(run.status):
                return False
            self._adopt(tx, context, run, run.run_id)
            wandb.update_client_run(tx, run.pk, stop_requested=1)
            return True

    def give_up_silent(self, now_ms: int) -> int:
        """Mark the runs that have not been heard of for long as crashed; how many there were."""
        with self._platform.database.read() as tx:
            silent = wandb.silent_since(tx, now_ms - PATIENCE_MS, _SWEPT)
        context = Context(SYSTEM, "", "silent runs", now_ms)
        count = 0
        for run_pk, run_id in silent:
            try:
                with self._platform.database.write() as tx:
                    said = wandb.lock_by_pk(tx, run_pk)
                    if said is None or said.heartbeat_at_ms >= now_ms - PATIENCE_MS:
                        continue
                    wandb.update_client_run(tx, run_pk, state="crashed")
                self._runs.update(context, run_id, status=RunStatus.FAILED)
                count += 1
            except AppError as error:
                _log.info("a silent run stays as it is", run_id=run_id, reason=error.message)
        return count

    def _find(self, tx: Transaction, experiment_pk: int, name: str) -> Run | None:
        said = wandb.find_by_name(tx, experiment_pk, name)
        if said is not None:
            return runs.find_run_by_pk(tx, said.run_pk)
        try:
            run = runs.find_run(tx, parse_run_id(name))
        except InvalidArgument:
            return None
        return run if run is not None and int(run.experiment_id) == experiment_pk else None

    def _make(
        self, tx: Transaction, context: Context, experiment_pk: int, name: str, change: Change
    ) -> Known:
        workspace_pk, _ = open_experiment(tx, context, experiment_pk)
        state = change.state or "running"
        new = NewRun(
            run_id=name,
            workspace_pk=workspace_pk,
            experiment_pk=experiment_pk,
            name=change.display_name or generate_run_name(self._platform.token_hex(4)),
            status=STATUSES[state],
            user_name=change.user_name,
            created_by=context.actor.name,
            lineage=None,
            started_at_ms=change.started_at_ms or context.now_ms,
            ended_at_ms=context.now_ms if is_terminal(STATUSES[state]) else None,
            created_at_ms=context.now_ms,
        )
        pk = runs.insert_run(tx, new) if _may_be_ours(name) else None
        if pk is None:
            # Somebody else has a run of that id, in another project: this one gets an id of ours.
            pk = runs.insert_run(tx, new._replace(run_id=self._platform.token_hex(ID_BYTES)))
            assert pk is not None
        said = ClientRun(pk, experiment_pk, name, state, "{}", "{}", "{}", 0, None, context.now_ms)
        wandb.insert_client_run(tx, said)
        _write(tx, pk, change)
        made = runs.find_run_by_pk(tx, pk)
        assert made is not None
        return _known(tx, [made])[0]

    def _adopt(self, tx: Transaction, context: Context, run: Run, name: str) -> None:
        """Give a run that another client made the row that W&B's clients need."""
        if run.lifecycle is not Lifecycle.ACTIVE:
            raise FailedPrecondition(
                f"Run {name[:100]!r} was deleted. Restore it, or log under another run id.",
                field="name",
            )
        if wandb.find_by_pk(tx, run.pk) is None:
            experiment_pk, state = int(run.experiment_id), run.status.value
            if state not in STATUSES:
                state = "pending"
            wandb.insert_client_run(
                tx,
                ClientRun(
                    run.pk, experiment_pk, name, state, "", "", "{}", 0, None, context.now_ms
                ),
            )

    def _apply(self, tx: Transaction, context: Context, run_id: str, change: Change) -> Known:
        run = runs.lock_run(tx, run_id)
        if run is None:
            raise NotFound(f"Run {run_id!r} does not exist.", field="run_id")
        context.require_object(Action.TRACKING_WRITE, run.workspace, f"Run {run_id!r}")
        if change.display_name is not None and change.display_name != run.name:
            runs.rename_run(tx, run.pk, change.display_name)
        _write(tx, run.pk, change)
        if change.state is not None:
            status = STATUSES[change.state]
            runs.set_state(
                tx,
                run.pk,
                status=status,
                ended_at_ms=context.now_ms if is_terminal(status) else None,
                name=change.display_name or run.name,
            )
            wandb.update_client_run(tx, run.pk, state=change.state)
        found = runs.find_run_by_pk(tx, run.pk)
        assert found is not None
        return _known(tx, [found])[0]

    def _advance(
        self, tx: Transaction, run_pk: int, writer: str, lines: Mapping[str, LineRange]
    ) -> None:
        known = {(each.file, each.writer): each for each in wandb.streams_of(tx, run_pk)}
        for file, sent in lines.items():
            before = known.get((file, writer))
            ordinal = (
                before.ordinal
                if before is not None
                else sum(1 for place in known if place[0] == file)
            )
            end = sent.first + sent.size
            if before is None or end >= before.lines:
                wandb.set_stream(tx, run_pk, Stream(file, writer, ordinal, end, sent.tail))


def _readable(tx: Transaction, context: Context, experiment_id: str) -> int:
    pk = experiment_pk(experiment_id)
    home = experiments.find_experiment(tx, pk)
    what = f"Experiment {experiment_id!r}"
    if home is None:
        raise NotFound(f"{what} does not exist.", field="experiment_id")
    context.require_object(Action.TRACKING_READ, home.workspace, what)
    return pk


def _known(tx: Transaction, found: Sequence[Run]) -> tuple[Known, ...]:
    pks = [run.pk for run in found]
    said = wandb.find_many(tx, pks)
    lines = wandb.streams_of_many(tx, pks)
    whole = load_whole_runs(tx, found) if len(found) != 1 else (load_whole_run(tx, found[0]),)
    return tuple(Known(each, said.get(each.run.pk), lines.get(each.run.pk, {})) for each in whole)


def _write(tx: Transaction, run_pk: int, change: Change) -> None:
    changes: dict[str, object] = {}
    if change.config is not None:
        changes["config"] = change.config
    if change.summary is not None:
        changes["summary"] = change.summary
    wandb.update_client_run(tx, run_pk, **changes)
    if change.params is not None:
        wandb.replace_params(tx, run_pk, dict(change.params))
    if change.tags:
        tags.set_tags(tx, run_pk, change.tags)


def _may_be_ours(name: str) -> bool:
    try:
        parse_run_id(name)
    except InvalidArgument:
        return False
    return True


def _check_name(name: str) -> str:
    check_text(name, "name", max_length=MAX_NAME, allow_empty=False)
    if name != name.strip() or any(mark in name for mark in ":;,#?/'\\") or name in {".", ".."}:
        raise InvalidArgument(
            f"The run id {name[:100]!r} must not hold spaces around it nor any of :;,#?/'.",
            field="name",
        )
    return name


def _checked(change: Change) -> Change:
    if change.display_name is not None:
        check_run_name(change.display_name, "displayName")
    if change.state is not None and change.state not in STATUSES:
        raise InvalidArgument(f"state is one of {', '.join(STATUSES)}.", field="state")
    for text, where in ((change.config, "config"), (change.summary, "summaryMetrics")):
        if text is not None:
            json.loads(text)
            check_text(text, where, max_length=len(text))
    check_params(change.params or {})
    check_tags(change.tags)
    return change
