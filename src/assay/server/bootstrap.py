"""What a server does before it listens: data folder, lock, database, default objects, first credentials."""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from pathlib import Path
from typing import IO

from assay.blobs.local import LocalBlobStore
from assay.blobs.store import BlobStore
from assay.closure.reach import Reach
from assay.domain.access import SYSTEM
from assay.domain.errors import FailedPrecondition, InvalidArgument, Unavailable
from assay.domain.tracking import DEFAULT_WORKSPACE
from assay.server.settings import Settings
from assay.services.anchors import open_sink
from assay.services.assembly import Services, build_services
from assay.services.auth import Auth
from assay.services.checkpoints import Checkpoints
from assay.services.closure_assembly import ClosingSettings
from assay.services.context import Context
from assay.services.ledger_key import load_key
from assay.services.platform import Platform
from assay.storage.database import open_database
from assay.storage.migrate import migrate

ADMIN = "admin"
GATE_RUNNER = "gate-runner"
TOKEN_FILES = {ADMIN: "admin.token", GATE_RUNNER: "gate-runner.token"}


def now_ms() -> int:
    """UTC epoch milliseconds."""
    return time.time_ns() // 1_000_000


def open_data(folder: Path) -> IO[str]:
    """Make the data folder (private to this user) and lock it: one server per folder.

    Raises FailedPrecondition if another server holds it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = (folder / "server.lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        msg = f"Another server is using {folder}. Stop it, or give this one its own --data."
        raise FailedPrecondition(msg, field="data") from None
    return lock


def open_blobs(place: str) -> BlobStore:
    """The blob store of `--blobs`. Raises InvalidArgument for a place of an unknown kind."""
    if "://" in place:
        msg = f"--blobs takes a folder in this version, not {place!r}."
        raise InvalidArgument(msg, field="blobs")
    return LocalBlobStore(Path(place))


def open_services(settings: Settings) -> Services:
    """Everything below the faces, migrated and with its default objects in place."""
    blobs = open_blobs(settings.blob_place())
    database = open_database(settings.database_url())
    try:
        migrate(database, now_ms())
        platform = Platform(
            database=database,
            blobs=blobs,
            now_ms=now_ms,
            token_hex=secrets.token_hex,
            policy=settings.policy,
        )
        services = build_services(
            platform,
            accounts=settings.auth,
            webhook_hosts=settings.webhook_hosts,
            checkpoints=open_checkpoints(platform, settings),
            closing=closing_settings(settings),
        )
        services.workspaces.ensure_defaults(now_ms())
        ensure_credentials(services, settings.data)
    except BaseException:
        database.close()
        raise
    return services


def closing_settings(settings: Settings) -> ClosingSettings:
    """What closure may reach: public hosts and the named ones, and the folders of --source-root."""
    reach = Reach(
        hosts=settings.webhook_hosts,
        roots=settings.source_roots,
        work=settings.data / "mirrors",
    )
    return ClosingSettings(reach, every_s=settings.closure_every_hours * 3_600)


def open_checkpoints(platform: Platform, settings: Settings) -> Checkpoints:
    """The ledger's checkpoints, signed with `ASSAY_SIGNING_KEY` or the key in the data folder."""
    key = load_key(settings.data, os.environ.get("ASSAY_SIGNING_KEY"), secrets.token_hex(32))
    sink = None if settings.anchor_to is None else open_sink(settings.anchor_to)
    return Checkpoints(platform, key, sink)


def ensure_credentials(services: Services, folder: Path) -> list[Path]:
    """Make the first credentials, once, each in a file of `folder` that only this user can read.

    A gate runner always needs one, since evidence has an author; it holds the exams of every
    workspace. With accounts, the first admin too.
    """
    wanted = {GATE_RUNNER: ("gate", "gate", "*")}
    if services.auth.accounts:
        wanted[ADMIN] = ("user", "admin", "*")
    context = Context(SYSTEM, DEFAULT_WORKSPACE, "bootstrap", services.platform.now_ms())
    written = []
    for name, (kind, role, workspace) in wanted.items():
        if not services.auth.has_principal(name):
            services.auth.create_principal(context, name, kind, {workspace: [role]})
            written.append(_write_token(services.auth, context, name, folder / TOKEN_FILES[name]))
    return written


def _write_token(auth: Auth, context: Context, name: str, path: Path) -> Path:
    made = auth.create_token(context, name, description="made at the first start")
    try:
        path.unlink(missing_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(made.token + "\n")
    except OSError as error:
        msg = f"Cannot write the credential file {path}: {error.strerror}."
        raise Unavailable(msg) from error
    return path
