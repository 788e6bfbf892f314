"""Starting a run: who, where, from which code, and whether it is sent at all."""

from __future__ import annotations

import getpass
import json
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from assay.domain.canonical import check_value
from assay.domain.errors import InvalidArgument
from assay.domain.ids import ID_BYTES, mint_run_id, parse_run_id
from assay.domain.lineage import Lineage
from assay.domain.names import check_experiment_name, check_run_name
from assay.sdk.client import Client, url_path
from assay.sdk.connection import Connection
from assay.sdk.errors import ServerUnreachable
from assay.sdk.frames import Begin
from assay.sdk.git import code_folder, code_state
from assay.sdk.notices import say
from assay.sdk.run import Run
from assay.sdk.settings import Mode, git_is_asked, mode_of, spool_folder
from assay.sdk.values import plain_value, scalar

DEFAULT_EXPERIMENT: Final = "Default"
MAX_USER_NAME: Final = 256
_RESUME_TIMEOUT_S: Final = 5.0


def start_run(  # noqa: PLR0913 - each argument is something that a run can be told
    experiment: str | None = None,
    *,
    name: str | None = None,
    lineage: Lineage | None = None,
    params: Mapping[str, object] | None = None,
    tags: Mapping[str, object] | None = None,
    run_id: str | None = None,
    resume: bool = False,
    shared: bool = False,
    parent: Run | str | None = None,
    mode: str | None = None,
    url: str | None = None,
    token: str | None = None,
    workspace: str | None = None,
    spool: str | os.PathLike[str] | None = None,
) -> Run:
    """Start recording; end it with `finish`, or use it in a `with` statement.

    The server need not be there: what is recorded waits in the spool folder until it can be sent.
    `lineage` states what the training is made from; `code_commit` comes from git and `config` from
    the params unless stated. Without an experiment it goes to `Default`; a run that is resumed or
    shared stays in its own. `run_id` joins that run, or gives a new one its id. `resume` continues
    a run that exists, counting steps on from its last. `shared` joins a run for which another
    process answers: this one neither names nor ends it. `parent` nests the run under another.
    `mode` is `online`, `offline` (keep everything for `assay sync`) or `disabled` (record nothing);
    it and the rest default to ASSAY_MODE, ASSAY_URL, ASSAY_TOKEN, ASSAY_WORKSPACE and ASSAY_SPOOL.

    Raises InvalidArgument for an argument that the server would refuse, and ApiError when a run that
    is to be resumed does not exist. Later calls do not raise because of the server.
    """
    chosen = mode_of(mode)
    if chosen is Mode.DISABLED:
        return Run(_begin_of_nothing(run_id), None, None)
    if run_id is None and (resume or shared):
        raise InvalidArgument("resume and shared need the run_id of the run.", field="run_id")
    client = Client(url, token, workspace)
    if experiment is None and not (resume or shared):
        experiment = DEFAULT_EXPERIMENT
    begin = _begin(client.connection, experiment, run_id, name, parent, is_primary=not shared)
    if not shared:
        begin.lineage = declared(lineage)
    is_online = chosen is Mode.ONLINE
    run = Run(
        begin,
        client if is_online else None,
        spool_folder(spool),
        next_step=_next_step(client, begin.run_id) if resume and is_online else 0,
    )
    run.log_params(params or {})
    run.set_tags(tags or {})
    return run


def _begin(
    connection: Connection,
    experiment: str | None,
    run_id: str | None,
    name: str | None,
    parent: Run | str | None,
    *,
    is_primary: bool,
) -> Begin:
    parent_id = parent.id if isinstance(parent, Run) else parent
    return Begin(
        run_id=new_run_id() if run_id is None else parse_run_id(run_id),
        experiment=None if experiment is None else check_experiment_name(experiment, "experiment"),
        workspace=connection.workspace,
        url=connection.url,
        is_primary=is_primary,
        started_at_ms=time.time_ns() // 1_000_000,
        user_name=_user_name(),
        name=None if name is None else check_run_name(name, "name"),
        parent_run_id=None if parent_id is None else parse_run_id(parent_id, "parent"),
    )


def new_run_id() -> str:
    """A fresh run id."""
    return mint_run_id(secrets.token_bytes(ID_BYTES))


def declared(lineage: Lineage | None) -> str | None:
    """What the code states of its lineage, as strict JSON text: the commit from git unless stated.

    A checkout with changes is noted, with the digest of the changes, outside the fingerprint. None
    when there is nothing to state. Raises InvalidArgument naming a value that JSON cannot carry.
    """
    if lineage is not None and not isinstance(lineage, Lineage):
        raise InvalidArgument(
            f"lineage is an assay.Lineage(data_version=…, …), not a {type(lineage).__name__}.",
            field="lineage",
        )
    record = with_code(lineage or Lineage()).as_record()
    if not record:
        return None
    return json.dumps(check_value(record, root="lineage"), allow_nan=False)


def with_code(lineage: Lineage) -> Lineage:
    """The lineage with Python's own numbers, and with what git says of the code."""
    config = plain_value(lineage.config)
    lineage = replace(
        lineage,
        config=config if isinstance(config, Mapping) else lineage.config,
        seed=scalar(lineage.seed),  # type: ignore[arg-type] # checked with the rest of the record
    )
    state = code_state(code_folder()) if lineage.code_commit is None and git_is_asked() else None
    if state is None:
        return lineage
    noted: dict[str, object] = {"code_dirty": True} if state.is_dirty else {}
    if state.diff_sha256 is not None:
        noted["code_diff_sha256"] = state.diff_sha256
    return replace(lineage, code_commit=state.commit, annotations={**noted, **lineage.annotations})


def _begin_of_nothing(run_id: str | None) -> Begin:
    return Begin(
        run_id=run_id or new_run_id(),
        experiment=DEFAULT_EXPERIMENT,
        workspace="",
        url="",
        is_primary=False,
        started_at_ms=0,
        user_name="",
    )


def _next_step(client: Client, run_id: str) -> int:
    """The step after the last one that the server knows of the run. Raises ApiError if it is unknown."""
    try:
        with Client(
            client.url,
            client.connection.token,
            client.connection.workspace,
            timeout_s=_RESUME_TIMEOUT_S,
            retries=0,
        ) as quick:
            found = quick.get(f"{url_path('runs', run_id)}/metrics")
    except ServerUnreachable as error:
        say(
            f"{error.message} The run is resumed without it; steps that are not given count from 0."
        )
        return 0
    return 1 + max((metric["step"] for metric in found["metrics"]), default=-1)


def _user_name() -> str:
    try:
        return getpass.getuser()[:MAX_USER_NAME]
    except (KeyError, OSError):
        # No such user in this container.
        return ""
