"""Retried requests: the same key and the same request get the same answer, and nothing twice."""

from __future__ import annotations

import json
from collections.abc import Mapping

from assay.domain.canonical import JsonValue, canonical_text, sha256_hex
from assay.domain.errors import Conflict
from assay.domain.names import check_text
from assay.services.context import Context
from assay.services.ledger import actor_text
from assay.storage import idempotency
from assay.storage.database import Transaction

MAX_KEY = 255
KEPT_MS = 7 * 24 * 3_600 * 1_000
"""How long an answer is remembered: longer than any client goes on retrying."""


def recall(
    tx: Transaction, context: Context, request: Mapping[str, JsonValue]
) -> dict[str, JsonValue] | None:
    """What this request was answered before; None when it comes for the first time or has no key.

    Raises Conflict when the key was used for another request.
    """
    if context.idempotency_key is None:
        return None
    key = _key(context)
    found = idempotency.find_answer(tx, actor_text(context), key)
    if found is None:
        return None
    if found.request_sha256 != _digest(context, request):
        raise Conflict(
            f"The idempotency key {key!r} was used for another request; take a new one.",
            field="Idempotency-Key",
        )
    answer: dict[str, JsonValue] = json.loads(found.response)
    return answer


def remember(
    tx: Transaction,
    context: Context,
    request: Mapping[str, JsonValue],
    answer: Mapping[str, JsonValue],
) -> None:
    """Keep the answer with the change that it tells of. Does nothing for a request without a key."""
    if context.idempotency_key is None:
        return
    idempotency.forget_answers(tx, context.now_ms - KEPT_MS)
    idempotency.insert_answer(
        tx,
        actor_text(context),
        _key(context),
        _digest(context, request),
        canonical_text(answer),
        context.now_ms,
    )


def _key(context: Context) -> str:
    return check_text(
        context.idempotency_key, "Idempotency-Key", max_length=MAX_KEY, allow_empty=False
    )


def _digest(context: Context, request: Mapping[str, JsonValue]) -> str:
    return sha256_hex(canonical_text({"workspace": context.workspace, **request}))
