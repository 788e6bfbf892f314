"""Handing a stretch of the ledger out: each event with its proof, each page signed, bounded page by page.

A page is text, a line for each event, and a signed statement of which events it holds: of those numbers,
in that workspace, these and no others.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Final

from assay.domain import merkle
from assay.domain.access import Action, is_allowed
from assay.domain.checkpoint import parse_note
from assay.domain.errors import InvalidArgument, PermissionDenied
from assay.services.checkpoints import Checkpoints
from assay.services.context import Context
from assay.services.ledger_tree import LedgerTree
from assay.services.platform import Platform
from assay.storage import checkpoints as rows
from assay.storage.ledger import list_bodies

EVENTS_A_PAGE: Final = 500
BYTES_A_PAGE: Final = 8 << 20
EVERYWHERE: Final = "*"


@dataclass(frozen=True, slots=True)
class ExportPage:
    """Events as lines of JSON, the signed statement about them, and where the next page begins."""

    lines: str
    statement: str
    event_count: int
    next_seq: int | None


class LedgerExport:
    """Reads the ledger for whoever checks it elsewhere."""

    def __init__(self, platform: Platform, checkpoints: Checkpoints) -> None:
        self._platform = platform
        self._checkpoints = checkpoints

    def page(
        self, context: Context, *, from_seq: int, to_seq: int, size: int, workspace: str | None
    ) -> ExportPage:
        """The events `from_seq` to `to_seq`, as far as a page reaches, under the checkpoint `size`.

        Who may read the ledger of one workspace only names that workspace. Raises NotFound without
        such a checkpoint, InvalidArgument for numbers that it does not cover.
        """
        self._require(context, workspace)
        if not 1 <= from_seq <= to_seq <= size:
            raise InvalidArgument(
                f"Events {from_seq} to {to_seq} are not in a ledger of {size}.", field="from_seq"
            )
        checkpoint = parse_note(self._checkpoints.get(context, size).note).checkpoint
        with self._platform.database.read() as tx:
            found = list_bodies(tx, from_seq, to_seq, workspace, EVENTS_A_PAGE + 1)
            tree = LedgerTree(tx, size)
            lines: list[str] = []
            length, last, next_seq = 0, to_seq, None
            for seq, body, event_hash in found:
                if len(lines) == EVENTS_A_PAGE or (lines and length > BYTES_A_PAGE):
                    last, next_seq = seq - 1, seq
                    break
                proof = [value.hex() for value in merkle.inclusion_proof(tree, seq - 1, size)]
                lines.append(_line(seq, body, event_hash, proof))
                length += len(lines[-1])
        text = "".join(lines)
        root = base64.b64encode(checkpoint.root).decode("ascii")
        statement = self._checkpoints.key().sign(
            f"{checkpoint.origin}\nexport {from_seq} {last} {len(lines)}\n"
            f"workspace {EVERYWHERE if workspace is None else workspace}\n"
            f"checkpoint {size} {root}\nsha256 {hashlib.sha256(text.encode()).hexdigest()}\n"
        )
        return ExportPage(text, statement, len(lines), next_seq)

    def range(self, context: Context, from_ms: int, to_ms: int) -> tuple[int, int] | None:
        """The first and last number of the events from `from_ms` until before `to_ms`; None if none.

        Times are the server's clock, which only informs; numbers order.
        """
        context.require(Action.LEDGER_READ)
        with self._platform.database.read() as tx:
            first, last = rows.first_at(tx, from_ms), rows.last_before(tx, to_ms)
        return None if first is None or last is None or first > last else (first, last)

    def _require(self, context: Context, workspace: str | None) -> None:
        context.require(Action.LEDGER_READ, workspace)
        if workspace is None and not is_allowed(context.actor, Action.LEDGER_READ, None):
            raise PermissionDenied(
                "This credential reads the ledger of its own workspaces; name one with --workspace.",
                action=Action.LEDGER_READ.value,
            )


def _line(seq: int, body: str, event_hash: str, proof: list[str]) -> str:
    record = {"body": body, "hash": event_hash, "proof": proof, "seq": seq}
    return json.dumps(record, sort_keys=True, separators=(",", ":")) + "\n"
