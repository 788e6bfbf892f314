"""Routes of gate runners' public keys, and of what a workspace demands of verdicts."""

from __future__ import annotations

from typing import Literal

import msgspec

from assay.domain.access import Action
from assay.domain.review import RunnerKey, SignaturePolicy
from assay.faces.endpoint import NO_BODY, SMALL_BODY, Call, Endpoint


class KeyRequest(msgspec.Struct, forbid_unknown_fields=True):
    """An Ed25519 public key, 64 hex digits; `replaces` names the key that it follows."""

    public_key: str
    runner: str
    replaces: str | None = None


class RevokeRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Verdicts written with the key since `since_ms` (default: now) are void."""

    since_ms: int | None = None
    reason: str = ""


class KeyAnswer(msgspec.Struct):
    """A registered key; `state` is active, retired or revoked."""

    key_id: str
    workspace: str
    runner: str
    public_key: str
    state: str
    created_by: str
    created_at_ms: int
    retired_at_ms: int | None
    revoked_at_ms: int | None
    void_from_ms: int | None
    revoke_reason: str


class Keys(msgspec.Struct):
    """One page of keys in the order of their registration."""

    keys: list[KeyAnswer]
    next_page_token: str | None


class KeyQuery(msgspec.Struct, forbid_unknown_fields=True):
    """A page."""

    max_results: int = 100
    page_token: str | None = None


class GatePolicy(msgspec.Struct, forbid_unknown_fields=True):
    """Whether unsigned verdicts count in this workspace."""

    signed_verdicts: Literal["off", "require"]


def register(call: Call, body: KeyRequest) -> KeyAnswer:
    """Register a key."""
    keys = call.services.reviews.keys
    return _answer(
        keys.register(call.context, body.public_key, body.runner, replaces=body.replaces)
    )


def list_keys(call: Call) -> Keys:
    """All keys."""
    query = call.query(KeyQuery)
    page = call.services.reviews.keys.list(
        call.context, max_results=query.max_results, page_token=query.page_token
    )
    return Keys([_answer(key) for key in page.items], page.next_token)


def retire(call: Call) -> KeyAnswer:
    """Let a key sign nothing more."""
    return _answer(call.services.reviews.keys.retire(call.context, call.path["key_id"]))


def revoke(call: Call, body: RevokeRequest) -> KeyAnswer:
    """Trust a key no longer."""
    return _answer(
        call.services.reviews.keys.revoke(
            call.context, call.path["key_id"], since_ms=body.since_ms, reason=body.reason
        )
    )


def get_policy(call: Call) -> GatePolicy:
    """What the workspace demands."""
    return GatePolicy(call.services.reviews.keys.policy(call.context).value)


def set_policy(call: Call, body: GatePolicy) -> GatePolicy:
    """Change what the workspace demands."""
    wanted = SignaturePolicy(body.signed_verdicts)
    return GatePolicy(call.services.reviews.keys.set_policy(call.context, wanted).value)


def _answer(key: RunnerKey) -> KeyAnswer:
    return KeyAnswer(
        key_id=key.key_id,
        workspace=key.workspace,
        runner=key.runner,
        public_key=key.public_key,
        state=key.state,
        created_by=key.created_by,
        created_at_ms=key.created_at_ms,
        retired_at_ms=key.retired_at_ms,
        revoked_at_ms=key.revoked_at_ms,
        void_from_ms=key.void_from_ms,
        revoke_reason=key.revoke_reason,
    )


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/api/v1/gate-keys",
        name="gate_keys.list",
        summary="The gate runners' public keys of the workspace",
        permission=Action.GATE_READ,
        body_limit=NO_BODY,
        handler=list_keys,
        query=KeyQuery,
        response=Keys,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/gate-keys",
        name="gate_keys.register",
        summary="Register a gate runner's public key, perhaps in place of another",
        permission=Action.GATE_WRITE,
        body_limit=SMALL_BODY,
        handler=register,
        request=KeyRequest,
        response=KeyAnswer,
        status=201,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/gate-keys/{key_id}/retire",
        name="gate_keys.retire",
        summary="Let a key sign nothing more; what it signed stands",
        permission=Action.GATE_WRITE,
        body_limit=SMALL_BODY,
        handler=retire,
        response=KeyAnswer,
    ),
    Endpoint(
        method="POST",
        path="/api/v1/gate-keys/{key_id}/revoke",
        name="gate_keys.revoke",
        summary="Trust a key no longer; what it signed since then is void",
        permission=Action.GATE_WRITE,
        body_limit=SMALL_BODY,
        handler=revoke,
        request=RevokeRequest,
        response=KeyAnswer,
    ),
    Endpoint(
        method="GET",
        path="/api/v1/gate-policy",
        name="gate_policy.get",
        summary="Whether unsigned verdicts count in the workspace",
        permission=Action.GATE_READ,
        body_limit=NO_BODY,
        handler=get_policy,
        response=GatePolicy,
    ),
    Endpoint(
        method="PUT",
        path="/api/v1/gate-policy",
        name="gate_policy.set",
        summary="Demand signed verdicts in the workspace, or no longer",
        permission=Action.GATE_WRITE,
        body_limit=SMALL_BODY,
        handler=set_policy,
        request=GatePolicy,
        response=GatePolicy,
    ),
)
