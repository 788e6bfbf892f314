"""Routes of closure: what a version was made from, whether it is still there, and who may be asked."""

from __future__ import annotations

from typing import Literal

import msgspec

from assay.domain.access import Action
from assay.domain.closure import Checked, Closure, Source
from assay.domain.references import ReferenceKind
from assay.faces.endpoint import NO_BODY, SMALL_BODY, Call, Endpoint


class CheckAnswer(msgspec.Struct):
    """One thing that was looked at: `files`, `lineage`, or a field of the lineage."""

    subject: str
    reference: str
    status: str
    level: str
    message: str
    is_deep: bool
    was_ok: bool
    checked_at_ms: int


class FaultAnswer(msgspec.Struct):
    """A reference that may come to mean something else."""

    field: str
    reference: str
    message: str


class ClosureAnswer(msgspec.Struct):
    """The state of a version's closure; `status` is the worst of its checks, null before the first."""

    model: str
    version: int
    status: str | None
    is_deep: bool
    checked_at_ms: int | None
    checks: list[CheckAnswer]
    faults: list[FaultAnswer]


class WatchedAnswer(msgspec.Struct):
    """A version that holds protected aliases, with its closure."""

    model: str
    version: int
    aliases: list[str]
    status: str | None
    checked_at_ms: int | None


class WatchedList(msgspec.Struct):
    """Every version of the workspace that holds a protected alias."""

    versions: list[WatchedAnswer]


class CheckRequest(msgspec.Struct, forbid_unknown_fields=True):
    """How much to look at; `deep` reads bytes and hashes them again."""

    deep: bool = False


class SourceAnswer(msgspec.Struct):
    """A place that may be asked. `credentials` is the name of a variable of the server."""

    name: str
    kind: str
    location: str
    remote: str
    credentials: str


class SourceList(msgspec.Struct):
    """The sources of a workspace, by name."""

    sources: list[SourceAnswer]


class SourceRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A source: a repository, a lakeFS server, a hub, a bucket or a folder."""

    kind: Literal["git", "dvc", "lakefs", "hf", "s3", "file"]
    location: str
    remote: str = ""
    credentials: str = ""


def get_closure(call: Call) -> ClosureAnswer:
    """What was found last."""
    return _answer(call, call.services.closing.checks.get(call.context, *_named(call)))


def check_closure(call: Call, body: CheckRequest) -> ClosureAnswer:
    """Look now."""
    found = call.services.closing.checks.check(call.context, *_named(call), deep=body.deep)
    return _answer(call, found)


def list_watched(call: Call) -> WatchedList:
    """Whose closure is watched."""
    return WatchedList(
        [
            WatchedAnswer(
                watched.version.model,
                watched.version.version,
                list(watched.aliases),
                None if watched.closure.status is None else watched.closure.status.value,
                watched.closure.checked_at_ms,
            )
            for watched in call.services.closing.checks.watched(call.context)
        ]
    )


def list_sources(call: Call) -> SourceList:
    """Who may be asked."""
    found = call.services.closing.checks.list_sources(call.context, call.path["workspace"])
    return SourceList([_source(source) for source in found])


def put_source(call: Call, body: SourceRequest) -> SourceAnswer:
    """Let somebody be asked."""
    source = Source(
        call.path["source"], ReferenceKind(body.kind), body.location, body.remote, body.credentials
    )
    checks = call.services.closing.checks
    return _source(checks.put_source(call.context, call.path["workspace"], source))


def delete_source(call: Call) -> None:
    """Ask no more."""
    checks = call.services.closing.checks
    checks.delete_source(call.context, call.path["workspace"], call.path["source"])


def _answer(call: Call, closure: Closure) -> ClosureAnswer:
    name, number = _named(call)
    version = call.services.versions.get_version(call.context, name, number)
    return ClosureAnswer(
        model=version.model,
        version=version.version,
        status=None if closure.status is None else closure.status.value,
        is_deep=closure.is_deep,
        checked_at_ms=closure.checked_at_ms,
        checks=[_check(check) for check in closure.checks],
        faults=[
            FaultAnswer(fault.field, fault.text, fault.fault or "")
            for fault in call.services.closing.checks.faults(version)
        ],
    )


def _check(check: Checked) -> CheckAnswer:
    return CheckAnswer(
        check.subject,
        check.reference,
        check.status.value,
        check.level,
        check.message,
        check.is_deep,
        check.was_ok,
        check.checked_at_ms,
    )


def _source(source: Source) -> SourceAnswer:
    return SourceAnswer(
        source.name, source.kind.value, source.location, source.remote, source.credentials
    )


def _named(call: Call) -> tuple[str, str]:
    return call.path["name"], call.path["version"]


_CLOSURE = "/api/v1/models/{name}/versions/{version}/closure"
_SOURCES = "/api/v1/workspaces/{workspace}/sources"

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/api/v1/closure",
        name="closure.list",
        summary="The versions that hold a protected alias, with the state of their closure",
        permission=Action.REGISTRY_READ,
        body_limit=NO_BODY,
        handler=list_watched,
        response=WatchedList,
    ),
    Endpoint(
        method="GET",
        path=_CLOSURE,
        name="closure.get",
        summary="What was found last of all that a version was made from",
        permission=Action.REGISTRY_READ,
        body_limit=NO_BODY,
        handler=get_closure,
        response=ClosureAnswer,
    ),
    Endpoint(
        method="POST",
        path=_CLOSURE,
        name="closure.check",
        summary="Look now whether all that a version was made from is still there",
        permission=Action.LEDGER_READ,
        body_limit=SMALL_BODY,
        handler=check_closure,
        request=CheckRequest,
        response=ClosureAnswer,
    ),
    Endpoint(
        method="GET",
        path=_SOURCES,
        name="sources.list",
        summary="The sources that are asked about references of a workspace",
        permission=Action.WORKSPACE_READ,
        body_limit=NO_BODY,
        handler=list_sources,
        response=SourceList,
    ),
    Endpoint(
        method="PUT",
        path=_SOURCES + "/{source}",
        name="sources.put",
        summary="Let the server ask a source, or change it",
        permission=Action.WORKSPACE_WRITE,
        body_limit=SMALL_BODY,
        handler=put_source,
        request=SourceRequest,
        response=SourceAnswer,
    ),
    Endpoint(
        method="DELETE",
        path=_SOURCES + "/{source}",
        name="sources.delete",
        summary="Ask a source no more",
        permission=Action.WORKSPACE_WRITE,
        body_limit=NO_BODY,
        handler=delete_source,
    ),
)
