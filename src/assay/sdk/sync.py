"""Sending what offline, killed or cut-off runs have kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from assay.domain.errors import DataCorrupted
from assay.domain.tracking import RunStatus
from assay.sdk.client import Client, url_path
from assay.sdk.delivery import Blocked, Delivery, NotYet, send_file
from assay.sdk.notices import Notices
from assay.sdk.sender import outbox_of, remove_if_empty
from assay.sdk.settings import spool_folder
from assay.sdk.spool import SUFFIX, SpoolLock, SpoolReader

_KILLED: Final = RunStatus.KILLED.value


class SyncOutcome(StrEnum):
    """What became of a spool: `sent` and deleted, `running` (its process lives, and sends it) or `kept`."""

    SENT = "sent"
    RUNNING = "running"
    KEPT = "kept"


@dataclass(frozen=True, slots=True)
class SyncedSpool:
    """One spool file after a sync; `reason` says why it is kept."""

    run_id: str
    path: Path
    outcome: SyncOutcome
    points: int = 0
    files: int = 0
    reason: str = ""
    refused: int = 0
    """How many parts the server refused; they are kept aside beside the spool."""


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a sync did, in the order of the run ids."""

    spools: tuple[SyncedSpool, ...]

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left that only a person can send: all is sent, or in a living process."""
        return all(
            found.outcome is not SyncOutcome.KEPT and not found.refused for found in self.spools
        )


def sync(
    spool: Path | str | None = None,
    client: Client | None = None,
    on_progress: Callable[[SyncedSpool], None] | None = None,
) -> SyncReport:
    """Send every spool in the folder whose process has ended, and delete what the server has.

    `on_progress` hears of each spool when it is done with. Without arguments the folder and the
    server are those that `start_run` would use. A spool of which another server has a part is kept,
    since two halves make no run. Raises ServerUnreachable, and ApiError when the credential is not
    accepted; what was sent until then is not sent again.
    """
    folder = spool_folder(spool)
    sender = client or Client()
    found: list[SyncedSpool] = []
    runs = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    for run in runs:
        for synced in sync_run(run, sender):
            found.append(synced)
            if on_progress is not None:
                on_progress(synced)
    return SyncReport(tuple(found))


def sync_run(
    folder: Path, client: Client, *, is_over: Callable[[], bool] = lambda: False
) -> list[SyncedSpool]:
    """Send what one run's folder keeps, until `is_over`. Raises as `sync` does."""
    found = []
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        lock = SpoolLock.take(path)
        if lock is None:
            if path.exists():
                found.append(SyncedSpool(folder.name, path, SyncOutcome.RUNNING))
            continue
        try:
            found.append(_sync_spool(path, client, is_over))
        finally:
            lock.release()
    remove_if_empty(folder)
    return found


def _sync_spool(path: Path, client: Client, is_over: Callable[[], bool]) -> SyncedSpool:
    run_id, notices, files = path.parent.name, Notices(is_quiet=True), 0
    with SpoolReader(path) as reader:
        elsewhere = reader.ack.url
        if elsewhere and elsewhere != client.url:
            reason = f"{elsewhere} has a part of it; sync it with --url {elsewhere}"
            return SyncedSpool(run_id, path, SyncOutcome.KEPT, reason=reason)
        delivery = Delivery(reader, client, notices, is_live=False)
        outbox = outbox_of(path)
        reason = ""
        try:
            while not is_over() and delivery.step():
                pass
            while (
                not is_over()
                and delivery.begin is not None
                and send_file(delivery.client, delivery.begin.run_id, outbox, notices)
            ):
                files += 1
            if is_over():
                reason = "there was no time left"
            else:
                _end_killed(delivery, path)
        except (Blocked, NotYet, DataCorrupted) as error:
            reason = str(error)
        if not reason:
            reader.remove()
            outbox.close()
    return SyncedSpool(
        run_id,
        path,
        SyncOutcome.KEPT if reason else SyncOutcome.SENT,
        points=delivery.point_count,
        files=files,
        reason=reason,
        refused=notices.count("refused") + notices.count("refused file"),
    )


def _end_killed(delivery: Delivery, path: Path) -> None:
    """Say that a run whose process died without a word was killed, if nobody has said otherwise."""
    begin = delivery.begin
    if begin is None or not begin.is_primary:
        return
    address = url_path("runs", begin.run_id)
    ended_at_ms = int(path.stat().st_mtime * 1000)
    if delivery.client.get(address)["status"] == RunStatus.RUNNING.value:
        delivery.client.patch(address, {"status": _KILLED, "ended_at_ms": ended_at_ms})
