"""`assay audit`: reading the ledger, and proving that nobody has rewritten it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

from assay.cli.audit_proofs import (
    anchor,
    checkpoint,
    compare_with_server,
    export,
    keys,
    open_anchors,
)
from assay.cli.closure import closure
from assay.cli.lookup import collect
from assay.cli.options import DEFAULTS, Limit, Options
from assay.cli.output import complain, console, note, plural, print_json, print_table, say, when
from assay.domain.errors import AppError, DataCorrupted, InvalidArgument, NotFound
from assay.sdk.errors import ApiError

if TYPE_CHECKING:
    from assay.blobs.store import BlobStore
    from assay.domain.audit import AuditReport
    from assay.services.audit_anchors import Anchors

app = App(name="audit")

INTACT, BROKEN, UNREADABLE = 0, 1, 2

for _command in (closure, checkpoint, anchor, keys, export):
    app.command(_command)

_COUNTED = {
    "events": "event",
    "models": "model",
    "versions": "version",
    "moves": "alias move",
    "verdicts": "verdict",
    "blobs": "file content",
    "checkpoints": "checkpoint",
    "anchors": "anchor",
}
_VERIFY_TIMEOUT_S = 3_600.0


@app.command
def verify(
    *,
    data: Annotated[Path | None, Parameter(metavar="DIR")] = None,
    database: Annotated[str | None, Parameter(metavar="URL")] = None,
    blobs: Annotated[Path | None, Parameter(metavar="DIR")] = None,
    ledger_only: bool = False,
    deep: bool = False,
    anchors: Annotated[str | None, Parameter(metavar="PLACE")] = None,
    key: tuple[str, ...] = (),
    options: Options = DEFAULTS,
) -> int:
    """Check the chain of events, replay it, and compare it with every table, digest and file.

    Without --data or --database the server does it; with them this machine reads the data itself,
    writes nothing and trusts nobody. Exits with 0 when all is intact, 1 when something was changed
    (each finding is printed), and 2 when it could not be checked.

    Args:
        data: A server's data folder, or a copy of one.
        database: SQLite path or postgresql:// address. Default: assay.db in --data.
        blobs: Folder of the files' bytes. Default: blobs in --data.
        ledger_only: Do not look for the files' bytes.
        deep: Read every file again and score every verdict again from its rows.
        anchors: Where checkpoints were kept (see `assay audit anchor`): a folder, git:FOLDER or a
            bucket. Events that were cut off, rewritten or lost in a restore show.
        key: A public key that may have signed them; repeatable. Default: those kept beside them.
    """
    place = _Place(data, database, blobs, ledger_only=ledger_only)
    place.check()
    try:
        kept = None if anchors is None else open_anchors(anchors, key)
        if place.is_offline:
            report = _read(place, kept, deep=deep)
        else:
            report = _ask(options, deep=deep)
            if kept is not None:
                compare_with_server(options.client(), kept, report)
    except (AppError, ApiError) as error:
        complain(error)
        return UNREADABLE
    _show(report, options)
    return INTACT if report["is_intact"] else BROKEN


@app.command
def log(
    *,
    target: Annotated[str | None, Parameter(name="--object", metavar="OBJECT")] = None,
    action: str | None = None,
    actor: str | None = None,
    outcome: Literal["allowed", "denied", "error"] | None = None,
    text: str | None = None,
    oldest_first: bool = False,
    limit: Limit = 50,
    options: Options = DEFAULTS,
) -> None:
    """Read the events of the ledger, newest first. Denied attempts are events too.

    Args:
        target: Events about this object, such as alias:support-bot@production.
        action: Events of this kind, such as promotion, rollback or verdict.written.
        actor: Events by this actor, such as user:ann.
        outcome: Only what was allowed, denied, or failed.
        text: Events in which this is found anywhere, whatever the case.
        oldest_first: In the order in which they happened.
        limit: At most so many.
    """
    client = options.client()

    def page(max_results: int, token: str | None) -> dict[str, Any]:
        return dict(
            client.get(
                "/ledger",
                object=target,
                action=action,
                actor=actor,
                outcome=outcome,
                text=text,
                newest_first=not oldest_first,
                max_results=max_results,
                page_token=token,
            )
        )

    events, is_more = collect(page, "events", limit)
    if options.json:
        print_json({"events": events, "more": is_more})
        return
    _print_events(events)
    if is_more:
        note(f"There are more than {limit}; see them with --limit.")


def _print_events(events: list[dict[str, Any]]) -> None:
    print_table(
        ["event", "when", "actor", "action", "object", "workspace", "outcome"],
        [
            [
                event["seq"],
                when(event["at_ms"]),
                event["actor"],
                event["action"],
                event["object"],
                event["workspace"],
                event["outcome"],
            ]
            for event in events
        ],
        empty="No events. Every change of the registry, of gates and of access becomes one.",
        numeric=("event",),
    )


@app.command
def head(*, options: Options = DEFAULTS) -> None:
    """Print the newest event's number and hash. Kept elsewhere, it shows that none were cut off."""
    found = options.client().get("/ledger/head")
    if options.json:
        print_json(found)
    else:
        say(f"{found['seq']}:{found['hash']}")


def _ask(options: Options, *, deep: bool) -> dict[str, Any]:
    """The server's own answer. Reading every file again may take it a while."""
    client = options.connect(None, timeout_s=_VERIFY_TIMEOUT_S)
    answer = client.request("POST", "/ledger/verify", json={"deep": deep}, idempotent=True)
    return dict(answer.json)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the data is that this machine reads itself."""

    data: Path | None
    database: str | None
    blobs: Path | None
    ledger_only: bool

    @property
    def is_offline(self) -> bool:
        return self.data is not None or self.database is not None

    def check(self) -> None:
        if not self.is_offline and (self.blobs is not None or self.ledger_only):
            raise InvalidArgument("--blobs and --ledger-only go with --data or --database.")
        if self.is_offline and self.data is None and self.blobs is None and not self.ledger_only:
            raise InvalidArgument("Say where the files are, --blobs DIR, or pass --ledger-only.")


def _read(where: _Place, kept: Anchors | None, *, deep: bool) -> dict[str, Any]:
    data = where.data
    try:
        from assay.domain.audit import AuditReport
        from assay.services.audit import NO_ANCHORS, Audit
        from assay.storage.migrate import check
        from assay.storage.read_only import open_read_only, structure_faults
    except ModuleNotFoundError as error:
        raise NotFound(
            f"Reading data needs the server's part ({error.name} is missing): pip install 'assay[server]'."
        ) from None
    if data is not None and not data.is_dir():
        raise NotFound(f"There is no folder {data}; --data names the data folder of `assay serve`.")
    place = where.database if where.database is not None else data and data / "assay.db"
    assert place is not None
    try:
        opened = open_read_only(place)
    except DataCorrupted as fault:
        return _as_record(_with_faults(AuditReport(), [fault.message]))
    try:
        faults = structure_faults(opened, deep=deep)
        if not faults:
            check(opened)
        store, problem = (None, "") if where.ledger_only else _open_blobs(data, where.blobs)
        with _progress() as tell:
            report = Audit.verify(
                opened, store, deep=deep, anchors=kept or NO_ANCHORS, on_progress=tell
            )
    except DataCorrupted as fault:
        return _as_record(_with_faults(AuditReport(), [fault.message]))
    finally:
        opened.close()
    if problem and report.versions:
        report.add("files", problem)
    return _as_record(_with_faults(report, faults))


def _open_blobs(data: Path | None, blobs: Path | None) -> tuple[BlobStore | None, str]:
    """The files' store, or why there is none: an audit must not make one."""
    from assay.blobs.local import LocalBlobStore

    place = blobs if blobs is not None else data and data / "blobs"
    assert place is not None
    if not place.is_dir():
        return None, f"the folder {place} is gone, and with it every file"
    return LocalBlobStore(place), ""


def _with_faults(report: AuditReport, messages: list[str]) -> AuditReport:
    """The report, with what is wrong with the database file itself."""
    for message in messages:
        report.add("database", message)
    return report


def _as_record(report: AuditReport) -> dict[str, Any]:
    """The report in the form in which the server answers one."""
    return {
        "is_intact": report.is_ok,
        "deep": report.deep,
        "aliases": report.aliases,
        **{name: getattr(report, name) for name in _COUNTED},
        "head": {"seq": report.head_seq, "hash": report.head_hash},
        "finding_count": report.finding_count,
        "findings": [asdict(finding) for finding in report.findings],
        "anchored": report.anchored,
        "unexamined": [asdict(told) for told in report.unexamined],
    }


def _show(report: dict[str, Any], options: Options) -> None:
    if options.json:
        print_json(report)
        return
    for finding in report["findings"]:
        say(f"BROKEN  {finding['area']}: {finding['message']}")
    for told in report["unexamined"]:
        say(f"NOTE    {told['workspace']}: {told['message']}")
    more = report["finding_count"] - len(report["findings"])
    if more > 0:
        say(f"BROKEN  {more} findings more")
    counted = ", ".join(
        plural(report[name], noun) for name, noun in _COUNTED.items() if name in report
    )
    depth = ", files read and verdicts scored again" if report["deep"] else ""
    if report["is_intact"]:
        say(f"Intact: {counted}{depth}.")
        say(f"The newest event is {report['head']['seq']}:{report['head']['hash']}")
    else:
        say(f"NOT intact: {plural(report['finding_count'], 'finding')} in {counted}{depth}.")


@contextmanager
def _progress() -> Iterator[Callable[[str, int], None]]:
    """Tell what is being read, where someone looks."""
    if not sys.stderr.isatty():
        yield lambda _what, _count: None
        return
    with console(stderr=True).status("Reading the ledger …") as status:
        yield lambda what, count: status.update(f"Reading: {count:,} {what} …")
