"""Between a run's calls and its spool: one writer per process, and nothing that raises."""

from __future__ import annotations

import os
import tempfile
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Final

from assay.domain.errors import AppError
from assay.sdk.client import RETRIES, Client
from assay.sdk.errors import ApiError
from assay.sdk.frames import Begin
from assay.sdk.notices import Notices, say
from assay.sdk.sender import Progress, Sender
from assay.sdk.sync import sync_run

LOST: Final = "lost"


class Recorder:
    """Appends frames to this process's spool, whatever happens: what cannot be kept is counted and told once.

    Thread-safe. A child process that a fork has made opens a spool of its own, as a secondary writer,
    when it first records something. Without a folder nothing is recorded at all; without a client
    nothing is sent.
    """

    def __init__(self, begin: Begin, client: Client | None, folder: Path | None) -> None:
        self.begin = begin
        self.notices = Notices()
        self.has_ended = False
        self._client = client
        self._sending_client = None if client is None else _anew(client, retries=0)
        self._folder = folder
        self.lock = threading.Lock()
        self._sender: Sender | None = None
        # What `append` does with a frame; every `log` goes through it, so it asks no questions.
        self._write: Callable[[bytes], None] = _ignore
        if folder is None:
            return
        self._write = self._open_and_write
        if self._sending_client is not None:
            self._sending_client.load()
        try:
            self._open()
        except OSError as error:
            self.lose(reason_of(error))
        _recorders.add(self)

    @property
    def is_recording(self) -> bool:
        """Whether this is a run of mode online or offline that has not ended in this process."""
        return self._folder is not None and not self.has_ended

    @property
    def is_online(self) -> bool:
        """Whether something is sent while the run goes on."""
        return self._client is not None

    @property
    def refusal(self) -> ApiError | None:
        """Why the server does not take this run at all, if so."""
        return None if self._sender is None else self._sender.refusal

    def append(self, payload: bytes) -> None:
        """Keep one encoded frame. Never raises an error."""
        try:
            with self.lock:
                self._write(payload)
        except Exception as error:  # noqa: BLE001 - recording must never stop a training
            self.lose(reason_of(error))

    def put(self, source: Path, path: str) -> None:
        """Keep a copy of a file for the server. Raises nothing about the spool."""
        if not self.is_recording:
            return
        try:
            with self.lock:
                sender = self._sender or self._open()
            sender.outbox.put(source, path)
        except OSError as error:
            self.notices.once("file", f"{source} could not be kept for the run: {reason_of(error)}")

    def lose(self, reason: str) -> None:
        """Count something that could not be kept, and say why the first time."""
        self.notices.once(
            LOST, f"some of what this run records is lost: {reason}. The training goes on."
        )

    def drain(self, timeout_s: float) -> bool:
        """Wait until everything that is kept has been sent; False when it has not been."""
        sender = self._sender
        if sender is None or self._client is None:
            return sender is None
        progress = Progress(sender)
        try:
            return sender.drain(timeout_s, progress.show)
        finally:
            progress.end()

    def end(self, timeout_s: float) -> None:
        """Send what is left, within the time; say where it is kept if it was not sent."""
        _recorders.discard(self)
        with self.lock:
            self.has_ended = True
            self._write = self._tell_end
        sender = self._sender
        if sender is None:
            return
        try:
            self._end(sender, timeout_s)
        finally:
            for client in (self._client, self._sending_client):
                if client is not None:
                    client.close()

    def _end(self, sender: Sender, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        is_complete = self._client is not None and self.drain(timeout_s)
        sender.close(is_complete=is_complete)
        if is_complete:
            self._send_orphans(sender.path.parent, deadline)
        elif self._client is None:
            say(
                f"run {self.begin.run_id} is kept in {sender.path.parent}; send it with `assay sync`."
            )
        elif self.refusal is None:
            say(
                f"not everything could be sent; it is kept in {sender.path.parent}. "
                "Send it with `assay sync` when the server can be reached."
            )
        lost = self.notices.count(LOST)
        if lost > 1:
            say(f"run {self.begin.run_id}: {lost} calls could not be recorded.")

    def become_child(self) -> None:
        """Let go of what belongs to the parent process, in the child that a fork has just made."""
        self.lock = threading.Lock()
        self.notices = Notices()
        self._write = self._open_and_write
        if self._sender is not None:
            self._sender.abandon()
            self._sender = None
        self.begin = _secondary(self.begin)
        if self._client is not None:
            self._client = _anew(self._client, retries=RETRIES)
            self._sending_client = _anew(self._client, retries=0)

    def _open_and_write(self, payload: bytes) -> None:
        self._open().append(payload)

    def _tell_end(self, payload: bytes) -> None:
        del payload
        self.notices.once("ended", "the run has ended; what is recorded now is dropped.")

    def _open(self) -> Sender:
        """Open this process's spool, in a temporary folder if need be. Raises OSError."""
        assert self._folder is not None
        place = self._folder / self.begin.run_id
        try:
            sender = Sender(place, self.begin, self._sending_client, self.notices)
        except OSError as error:
            self._folder = Path(tempfile.mkdtemp(prefix="assay-spool-"))
            sender = Sender(
                self._folder / self.begin.run_id, self.begin, self._sending_client, self.notices
            )
            self.notices.once(
                "elsewhere",
                f"{place} cannot be written ({reason_of(error)}); the run is kept in {self._folder} "
                "instead. Set ASSAY_SPOOL to a folder that can.",
            )
        self._sender = sender
        self._write = sender.append
        return sender

    def _send_orphans(self, folder: Path, deadline: float) -> None:
        """Send what other processes of this run have left behind, such as killed workers."""
        assert self._sending_client is not None
        try:
            sync_run(folder, self._sending_client, is_over=lambda: time.monotonic() > deadline)
        except (ApiError, AppError, OSError) as error:
            self.notices.once(
                "orphans", f"something of this run is still kept in {folder}: {error}"
            )


_recorders: Final[weakref.WeakSet[Recorder]] = weakref.WeakSet()


def _after_fork() -> None:
    for recorder in list(_recorders):
        recorder.become_child()


os.register_at_fork(after_in_child=_after_fork)


def _ignore(payload: bytes) -> None:
    """What a disabled run does with a frame."""


def reason_of(error: Exception) -> str:
    """An error in a few words."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return error.message if isinstance(error, AppError) else f"{type(error).__name__}: {error}"


def _anew(client: Client, *, retries: int) -> Client:
    """The same client with connections of its own. The courier's does not repeat: the courier does."""
    found = client.connection
    return Client(found.url, found.token, found.workspace, retries=retries)


def _secondary(begin: Begin) -> Begin:
    return Begin(
        run_id=begin.run_id,
        experiment=begin.experiment,
        workspace=begin.workspace,
        url=begin.url,
        is_primary=False,
        started_at_ms=begin.started_at_ms,
        user_name=begin.user_name,
    )
