"""Credentials: principals, roles and tokens, and who stands behind a request."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import threading
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from assay.domain.access import (
    ANONYMOUS,
    LOCAL_OWNER,
    Action,
    Actor,
    ActorKind,
    Role,
    is_allowed,
    require,
)
from assay.domain.errors import AlreadyExists, InvalidArgument, NotFound, Unauthenticated
from assay.domain.names import check_workspace_name
from assay.services.context import Context
from assay.services.ledger import Ledger
from assay.services.platform import Platform
from assay.storage import access
from assay.storage.access import PrincipalRow, TokenRow
from assay.storage.database import Transaction
from assay.storage.dialect import Engine

__all__ = ["Auth", "NewToken", "PrincipalRow", "TokenRow"]

PREFIX = "assay"
EVERYWHERE = "*"
KINDS = ("user", "service", "gate")
MAX_LISTED = 10_000
_MAX_CACHED = 4096
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,99}")


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token at the only moment when its secret is known."""

    token: str
    token_id: str
    principal: str
    expires_at_ms: int | None


class Auth:
    """Who may come in. `accounts` False is local mode: no credential means the owner of this machine."""

    def __init__(self, platform: Platform, ledger: Ledger, *, accounts: bool) -> None:
        self.accounts = accounts
        self._platform = platform
        self._ledger = ledger
        # One process owns a SQLite file, so what it knows of tokens stays true until it changes
        # them itself. Beside PostgreSQL there may be other servers: each request asks the database.
        self._caches = platform.database.engine is Engine.SQLITE
        self._cache: dict[str, tuple[Actor, int | None]] = {}
        self._epoch = 0
        self._lock = threading.Lock()

    def authenticate(self, authorization: str | None) -> Actor:
        """The actor behind an Authorization header (Bearer, or Basic with the token as password).

        Raises Unauthenticated for a credential that is unknown, expired, revoked or disabled.
        """
        token = _credential(authorization)
        if token is None or not (self.accounts or token.startswith(f"{PREFIX}_")):
            return ANONYMOUS if self.accounts else LOCAL_OWNER
        now_ms = self._platform.now_ms()
        digest = hashlib.sha256(token.encode()).hexdigest()
        known = self._cache.get(digest)
        if known is None:
            epoch = self._epoch
            known = self._look_up(token, now_ms)
            self._remember(digest, known, epoch)
        actor, expires_at_ms = known
        if expires_at_ms is not None and expires_at_ms <= now_ms:
            raise _refused("has expired")
        return actor

    def _look_up(self, token: str, now_ms: int) -> tuple[Actor, int | None]:
        token_id, secret = _split(token)
        with self._platform.database.read() as tx:
            row = access.find_token(tx, token_id)
            principal = None if row is None else access.find_principal(tx, pk=row.principal_pk)
        presented = hashlib.sha256(secret.encode()).hexdigest()
        expected = "0" * 64 if row is None else row.secret_sha256
        if not hmac.compare_digest(presented, expected) or row is None or principal is None:
            raise _refused("is not known here")
        if row.revoked_at_ms is not None:
            raise _refused("was revoked")
        if principal.disabled:
            raise _refused("belongs to a disabled principal")
        with self._platform.database.write() as tx:
            access.touch_token(tx, row.pk, now_ms)
        return _actor(principal, row), row.expires_at_ms

    def _remember(self, digest: str, known: tuple[Actor, int | None], epoch: int) -> None:
        with self._lock:
            # What was read before a revocation must not be remembered after it.
            if not self._caches or epoch != self._epoch:
                return
            if len(self._cache) >= _MAX_CACHED:
                self._cache.clear()
            self._cache[digest] = known

    def _forget(self) -> None:
        with self._lock:
            self._epoch += 1
            self._cache.clear()

    def create_principal(
        self, context: Context, name: str, kind: str, roles: Mapping[str, Sequence[str]]
    ) -> PrincipalRow:
        """Add a user, service or gate runner with roles per workspace (`*`: all).

        Raises AlreadyExists, InvalidArgument for a role that its kind cannot hold.
        """
        require(context.actor, Action.ACCESS_WRITE, None)
        if not _NAME.fullmatch(name):
            msg = "A principal's name is 1 to 100 letters, digits, '.', '_', '@' or '-'."
            raise InvalidArgument(msg, field="name")
        if kind not in KINDS:
            msg = f"kind is one of {', '.join(KINDS)}, not {kind!r}."
            raise InvalidArgument(msg, field="kind")
        wanted = [
            (workspace, _role(kind, role, workspace))
            for workspace, held in roles.items()
            for role in held
        ]
        with self._platform.database.write() as tx:
            if access.find_principal(tx, name=name) is not None:
                msg = f"A principal named {name!r} exists already."
                raise AlreadyExists(msg, field="name")
            pk = access.insert_principal(
                tx, name=name, kind=kind, created_by=context.actor.name, now_ms=context.now_ms
            )
            for workspace, role in wanted:
                access.grant_role(tx, pk, workspace, role, context.now_ms)
            details: dict[str, object] = {
                "kind": kind,
                "roles": sorted(f"{w}:{r}" for w, r in wanted),
            }
            self._record(tx, context, "principal.created", name, details)
            created = access.find_principal(tx, pk=pk)
        assert created is not None
        return created

    def list_principals(self, context: Context) -> list[PrincipalRow]:
        """All principals with their roles; whoever may know one workspace's alone sees those there."""
        context.require(Action.ACCESS_READ)
        with self._platform.database.read() as tx:
            return self._seen(tx, context)

    def _seen(self, tx: Transaction, context: Context) -> list[PrincipalRow]:
        found = access.list_principals(tx, MAX_LISTED)
        if is_allowed(context.actor, Action.ACCESS_READ, None):
            return found
        places = {context.workspace, EVERYWHERE}
        shown = [
            replace(row, grants=tuple(grant for grant in row.grants if grant[0] in places))
            for row in found
        ]
        return [row for row in shown if row.grants]

    def set_disabled(self, context: Context, name: str, *, disabled: bool) -> None:
        """Shut a principal and all its tokens out, from the next request on; or let it in again."""
        require(context.actor, Action.ACCESS_WRITE, None)
        with self._platform.database.write() as tx:
            principal = self._get(tx, name)
            access.set_disabled(tx, principal.pk, disabled=disabled)
            verb = "principal.disabled" if disabled else "principal.enabled"
            self._record(tx, context, verb, name, {})
        self._forget()

    def grant(self, context: Context, name: str, workspace: str, role: str) -> None:
        """Give a role in a workspace (`*`: everywhere)."""
        require(context.actor, Action.ACCESS_WRITE, None)
        with self._platform.database.write() as tx:
            principal = self._get(tx, name)
            held = _role(principal.kind, role, workspace)
            access.grant_role(tx, principal.pk, workspace, held, context.now_ms)
            self._record(tx, context, "role.granted", name, {"workspace": workspace, "role": role})
        self._forget()

    def revoke(self, context: Context, name: str, workspace: str, role: str) -> None:
        """Take a role away, from the next request on. Raises NotFound if it is not held."""
        require(context.actor, Action.ACCESS_WRITE, None)
        with self._platform.database.write() as tx:
            principal = self._get(tx, name)
            if not access.revoke_role(tx, principal.pk, workspace, role):
                msg = f"{name!r} does not hold role {role!r} in {workspace!r}."
                raise NotFound(msg, field="role")
            self._record(tx, context, "role.revoked", name, {"workspace": workspace, "role": role})
        self._forget()

    def create_token(
        self,
        context: Context,
        principal: str,
        *,
        description: str = "",
        actions: Sequence[str] | None = None,
        expires_at_ms: int | None = None,
    ) -> NewToken:
        """Make a token for a principal, optionally for some actions only. Its text is shown this once."""
        require(context.actor, Action.ACCESS_WRITE, None)
        if expires_at_ms is not None and expires_at_ms <= context.now_ms:
            msg = "expires_at_ms is in the past."
            raise InvalidArgument(msg, field="expires_at_ms")
        scope = None if actions is None else json.dumps(sorted({_action(a) for a in actions}))
        token_id, secret = self._platform.token_hex(8), self._platform.token_hex(32)
        with self._platform.database.write() as tx:
            owner = self._get(tx, principal)
            access.insert_token(
                tx,
                token_id=token_id,
                secret_sha256=hashlib.sha256(secret.encode()).hexdigest(),
                principal_pk=owner.pk,
                description=description[:500],
                actions=scope,
                now_ms=context.now_ms,
                expires_at_ms=expires_at_ms,
            )
            self._record(tx, context, "token.created", principal, {"token_id": token_id})
        return NewToken(_join(token_id, secret), token_id, principal, expires_at_ms)

    def list_tokens(self, context: Context) -> list[TokenRow]:
        """The tokens, without their secrets, of all principals that the caller may know."""
        context.require(Action.ACCESS_READ)
        with self._platform.database.read() as tx:
            known = {row.name for row in self._seen(tx, context)}
            found = access.list_tokens(tx, None, MAX_LISTED)
        return [row for row in found if row.principal in known]

    def own_tokens(self, context: Context) -> list[TokenRow]:
        """The caller's own tokens that can still be used, without their secrets."""
        with self._platform.database.read() as tx:
            holder = access.find_principal(tx, name=context.actor.name)
            found = [] if holder is None else access.list_tokens(tx, [holder.pk], MAX_LISTED)
        return [
            token
            for token in found
            if token.revoked_at_ms is None
            and (token.expires_at_ms is None or token.expires_at_ms > context.now_ms)
        ]

    def revoke_token(self, context: Context, token_id: str) -> None:
        """Revoke a token, from the next request on. Revoking it again changes nothing."""
        require(context.actor, Action.ACCESS_WRITE, None)
        with self._platform.database.write() as tx:
            row = access.find_token(tx, token_id)
            if row is None:
                msg = f"No token has the id {token_id!r}."
                raise NotFound(msg, field="token_id")
            access.revoke_token(tx, token_id, context.now_ms)
            if row.revoked_at_ms is None:
                self._record(tx, context, "token.revoked", row.principal, {"token_id": token_id})
        self._forget()

    def has_principal(self, name: str) -> bool:
        """Whether a principal of that name exists."""
        with self._platform.database.read() as tx:
            return access.find_principal(tx, name=name) is not None

    def _get(self, tx: Transaction, name: str) -> PrincipalRow:
        principal = access.find_principal(tx, name=name)
        if principal is None:
            msg = f"No principal is named {name!r}."
            raise NotFound(msg, field="principal")
        return principal

    def _record(
        self, tx: Transaction, context: Context, action: str, name: str, details: dict[str, object]
    ) -> None:
        self._ledger.record(
            tx, context, action=action, object=f"principal:{name}", workspace=None, details=details
        )


def _actor(principal: PrincipalRow, token: TokenRow) -> Actor:
    roles: dict[str, frozenset[Role]] = {}
    for workspace, role in principal.grants:
        roles[workspace] = roles.get(workspace, frozenset()) | {Role(role)}
    scope = None if token.actions is None else frozenset(map(Action, json.loads(token.actions)))
    return Actor(
        kind=ActorKind(principal.kind),
        name=principal.name,
        principal_id=principal.pk,
        token_id=token.token_id,
        roles=roles,
        actions=scope,
    )


def _credential(authorization: str | None) -> str | None:
    if not authorization:
        return None
    scheme, _, value = authorization.partition(" ")
    value = value.strip()
    if scheme.lower() == "bearer":
        return value
    if scheme.lower() == "basic":
        try:
            text = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise _refused("is not valid Basic authentication") from None
        return text.partition(":")[2]
    raise _refused(f"uses the unknown scheme {scheme[:20]!r}")


def _join(token_id: str, secret: str) -> str:
    body = f"{PREFIX}_{token_id}_{secret}"
    return f"{body}_{zlib.crc32(body.encode()):08x}"


def _split(token: str) -> tuple[str, str]:
    # The checksum lets a secret scanner tell a real token from a look-alike without asking us.
    body, _, checksum = token.rpartition("_")
    parts = body.split("_")
    if len(parts) != 3 or parts[0] != PREFIX or f"{zlib.crc32(body.encode()):08x}" != checksum:
        raise _refused("is not an Assay token")
    return parts[1], parts[2]


def _refused(why: str) -> Unauthenticated:
    return Unauthenticated(f"The credential {why}. Get a token with `assay tokens create`.")


def _role(kind: str, role: str, workspace: str) -> str:
    """The role, if that kind of principal may hold it: judges hold no other role, others never judge."""
    try:
        value = Role(role)
    except ValueError:
        msg = f"role is one of {', '.join(Role)}, not {role!r}."
        raise InvalidArgument(msg, field="role") from None
    if (value is Role.GATE) != (kind == "gate"):
        msg = "The role 'gate' is for principals of kind 'gate', and they hold no other."
        raise InvalidArgument(msg, field="role")
    # Whoever hands out credentials could give itself every right, so nobody does it for a part.
    if value is Role.ADMIN and workspace != EVERYWHERE:
        msg = f"The role 'admin' is granted everywhere ('*'), not in {workspace[:100]!r} alone."
        raise InvalidArgument(msg, field="role")
    if workspace != EVERYWHERE:
        check_workspace_name(workspace, "workspace")
    return value.value


def _action(text: str) -> str:
    try:
        return Action(text).value
    except ValueError:
        msg = f"{text!r} is not an action; see docs/reference/http.md for the list."
        raise InvalidArgument(msg, field="actions") from None
