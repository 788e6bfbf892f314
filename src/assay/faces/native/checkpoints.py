"""Routes of the ledger's checkpoints, of proofs about it, and of handing it out."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from assay.domain.access import Action
from assay.domain.errors import InvalidArgument
from assay.faces.endpoint import NO_BODY, SMALL_BODY, Call, Endpoint
from assay.services.checkpoints import StoredCheckpoint
from assay.services.ledger_export import LedgerExport

_SIZE = "/api/v1/ledger/checkpoints/{size}"
_MAX_SIZE = 2**63 - 1


class CheckpointAnswer(msgspec.Struct):
    """The ledger's first `size` events under a signature; `note` is the signed text, byte for byte."""

    size: int
    root: str
    at_ms: int
    key_id: str
    note: str


class CheckpointQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which page."""

    max_results: int = 100
    page_token: str | None = None


class CheckpointPage(msgspec.Struct):
    """One page of checkpoints, the newest first."""

    checkpoints: list[CheckpointAnswer]
    next_page_token: str | None


class MakeCheckpoint(msgspec.Struct, forbid_unknown_fields=True):
    """Nothing has to be said: the ledger is taken as it is."""


class KeysAnswer(msgspec.Struct):
    """The public keys of the servers that sign here: `name+id+base64`, Ed25519."""

    keys: list[str]


class InclusionQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which event, in the tree of how many."""

    seq: int
    size: int


class ConsistencyQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which two trees: the older one is the smaller one."""

    old_size: int
    size: int


class ProofAnswer(msgspec.Struct):
    """The hashes of a proof (RFC 6962), in hex, lowest first."""

    hashes: list[str]


class RangeQuery(msgspec.Struct, forbid_unknown_fields=True):
    """From when, until before when, by the server's clock."""

    from_ms: int
    to_ms: int


class RangeAnswer(msgspec.Struct):
    """The first and last event of that time; both None when there is none."""

    from_seq: int | None
    to_seq: int | None


class ExportQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which events, under the checkpoint of which size, of one workspace or (none named) of all."""

    from_seq: int
    to_seq: int
    size: int
    workspace: str | None = None


class ExportAnswer(msgspec.Struct):
    """Events as lines of JSON, a signed statement about them, and the number that the next page begins with."""

    lines: str
    statement: str
    events: int
    next_seq: int | None


def latest(call: Call) -> CheckpointAnswer:
    """The newest checkpoint."""
    return _answer(call.services.checkpoints.latest(call.context))


def list_checkpoints(call: Call) -> CheckpointPage:
    """Checkpoints, the newest first."""
    query = call.query(CheckpointQuery)
    page = call.services.checkpoints.list(
        call.context, max_results=query.max_results, page_token=query.page_token
    )
    return CheckpointPage([_answer(found) for found in page.items], page.next_token)


def make(call: Call, body: MakeCheckpoint) -> CheckpointAnswer:  # noqa: ARG001 - says nothing
    """A checkpoint of the ledger as it is now."""
    return _answer(call.services.checkpoints.make(call.context))


def get_checkpoint(call: Call) -> CheckpointAnswer:
    """One checkpoint."""
    return _answer(call.services.checkpoints.get(call.context, _size(call)))


def download(call: Call) -> Response:
    """The signed text of one checkpoint, to be kept elsewhere."""
    found = call.services.checkpoints.get(call.context, _size(call))
    name = f"checkpoint-{found.size:012d}-{found.root[:12]}.txt"
    return Response(
        found.note,
        media_type="text/plain; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def keys(call: Call) -> KeysAnswer:
    """Public keys."""
    return KeysAnswer(list(call.services.checkpoints.keys(call.context)))


def inclusion(call: Call) -> ProofAnswer:
    """That an event is in a tree."""
    query = call.query(InclusionQuery)
    found = call.services.checkpoints.inclusion(
        call.context, _number(query.seq, "seq"), _number(query.size, "size")
    )
    return ProofAnswer(list(found))


def consistency(call: Call) -> ProofAnswer:
    """That a tree is the beginning of another one."""
    query = call.query(ConsistencyQuery)
    found = call.services.checkpoints.consistency(
        call.context, _number(query.old_size, "old_size"), _number(query.size, "size")
    )
    return ProofAnswer(list(found))


def find_range(call: Call) -> RangeAnswer:
    """The events of a time."""
    query = call.query(RangeQuery)
    times = _number(query.from_ms, "from_ms"), _number(query.to_ms, "to_ms")
    first, last = _export(call).range(call.context, *times) or (None, None)
    return RangeAnswer(first, last)


def export(call: Call) -> ExportAnswer:
    """A page of events with their proofs."""
    query = call.query(ExportQuery)
    page = _export(call).page(
        call.context,
        from_seq=_number(query.from_seq, "from_seq"),
        to_seq=_number(query.to_seq, "to_seq"),
        size=_number(query.size, "size"),
        workspace=query.workspace,
    )
    return ExportAnswer(page.lines, page.statement, page.event_count, page.next_seq)


def _export(call: Call) -> LedgerExport:
    return LedgerExport(call.services.platform, call.services.checkpoints)


def _size(call: Call) -> int:
    text = call.path["size"]
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise InvalidArgument("A checkpoint is named by a number of events.", field="size")
    return int(text)


def _number(value: int, name: str) -> int:
    if not 0 <= value <= _MAX_SIZE:
        raise InvalidArgument(f"{name} is a number from 0 to 2^63 - 1.", field=name)
    return value


def _answer(found: StoredCheckpoint) -> CheckpointAnswer:
    return CheckpointAnswer(found.size, found.root, found.at_ms, found.key_id, found.note)


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/api/v1/ledger/checkpoint",
        name="ledger.checkpoint",
        summary="The newest checkpoint",
        permission=Action.LEDGER_READ,
        body_limit=NO_BODY,
        handler=latest,
        response=CheckpointAnswer,
    ),
    Endpoint(
        method="GET",
        path="/api/v1/ledger/checkpoints",
        name="ledger.checkpoints",
        summary="Checkpoints, the newest first",
        permission=Action.LEDGER_READ,
        body_limit=NO_BODY,
        handler=list_checkpoints,
        query=CheckpointQuery,
        response=CheckpointPage,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/ledger/checkpoints",
        name="ledger.make_checkpoint",
        summary="Make a checkpoint now",
        permission=Action.LEDGER_READ,
        body_limit=SMALL_BODY,
        handler=make,
        request=MakeCheckpoint,
        response=CheckpointAnswer,
    ),
    Endpoint(
        method="GET",
        path=_SIZE,
        name="ledger.get_checkpoint",
        summary="The checkpoint of so many events",
        permission=Action.LEDGER_READ,
        body_limit=NO_BODY,
        handler=get_checkpoint,
        response=CheckpointAnswer,
    ),
    Endpoint(
        method="GET",
        path=_SIZE + "/note",
        name="ledger.download_checkpoint",
        summary="The signed text of a checkpoint",
        permission=Action.LEDGER_READ,
        body_limit=NO_BODY,
        handler=download,
    ),
    Endpoint(
        method="GET",
        path="/api/v1/ledger/keys",
        name="ledger.keys",
        summary="The public keys that checkpoints are signed with",
        permission=Action.LEDGER_READ,
        body_limit=NO_BODY,
        handler=keys,
        response=KeysAnswer,
    ),
    Endpoint(
        method="GET",
        path="/api/v1/ledger/proof/inclusion",
        name="ledger.prove_inclusion",
        summary="Prove that an event is in the ledger",
        permission=Action.LEDGER_READ,
        body_limit=NO_BODY,
        handler=inclusion,
        query=InclusionQuery,
        response=ProofAnswer,
    ),
    Endpoint(
        method="GET",
        path="/api/v1/ledger/proof/consistency",
        name="ledger.prove_consistency",
        summary="Prove that the ledger's beginning was not rewritten",
        permission=Action.LEDGER_READ,
        body_limit=NO_BODY,
        handler=consistency,
        query=ConsistencyQuery,
        response=ProofAnswer,
    ),
    Endpoint(
        method="GET",
        path="/api/v1/ledger/range",
        name="ledger.range",
        summary="The numbers of the events of a time",
        permission=Action.LEDGER_READ,
        body_limit=NO_BODY,
        handler=find_range,
        query=RangeQuery,
        response=RangeAnswer,
    ),
    Endpoint(
        method="GET",
        path="/api/v1/ledger/export",
        name="ledger.export",
        summary="Events with their proofs, signed",
        permission=Action.LEDGER_READ,
        body_limit=NO_BODY,
        handler=export,
        query=ExportQuery,
        response=ExportAnswer,
    ),
)
