"""What one process of a run has under way: its spool, its files, and the threads that send them."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from assay.domain.errors import AppError
from assay.sdk.client import Client
from assay.sdk.courier import Courier
from assay.sdk.delivery import Blocked, Delivery, NotYet, send_file
from assay.sdk.errors import ApiError, ServerUnreachable
from assay.sdk.frames import Begin, encode
from assay.sdk.notices import Notices
from assay.sdk.outbox import Outbox
from assay.sdk.spool import SpoolReader, SpoolWriter

FILES_SUFFIX: Final = ".files"


def outbox_of(spool: Path) -> Outbox:
    """The files that wait beside a spool file."""
    return Outbox(spool.with_suffix(FILES_SUFFIX))


class Sender:
    """The spool of this process, and two threads that empty it unless the run is offline.

    Raises OSError on construction when the spool folder cannot be written.
    """

    def __init__(self, folder: Path, begin: Begin, client: Client | None, notices: Notices) -> None:
        self._notices = notices
        self._run_id = begin.run_id
        self._blocked: Blocked | None = None
        self._writer = SpoolWriter(folder)
        try:
            self._writer.append(encode(begin))
            self._reader = SpoolReader(self._writer.path)
        except BaseException:
            self._writer.close()
            self._writer.path.unlink(missing_ok=True)
            raise
        self.append: Final = self._writer.append
        self.outbox = outbox_of(self._writer.path)
        self._couriers: list[Courier] = []
        if client is not None:
            self._delivery = Delivery(self._reader, client, notices)
            self._couriers = [
                Courier("assay-sender", self._delivery.step, on_failure=self._on_failure),
                Courier("assay-files", self._send_file, on_failure=self._on_failure),
            ]
            for courier in self._couriers:
                courier.start()

    @property
    def path(self) -> Path:
        """The spool file."""
        return self._writer.path

    @property
    def unsent_bytes(self) -> int:
        """About how much is still to be sent, files included."""
        return self._reader.size_bytes - self._reader.offset + self.outbox.size_bytes

    @property
    def refusal(self) -> ApiError | None:
        """Why the server does not take this run at all, if so."""
        return None if self._blocked is None else self._blocked.error

    def drain(self, timeout_s: float, on_wait: Callable[[], None] | None = None) -> bool:
        """Wait until everything has been sent; False when it has not been."""
        deadline = time.monotonic() + timeout_s
        return all(
            courier.drain(deadline - time.monotonic(), on_wait) for courier in self._couriers
        )

    def abandon(self) -> None:
        """Forget the threads and close the files in a child process, which has inherited only the files."""
        self._couriers = []
        self._writer.close()
        self._reader.close()

    def close(self, *, is_complete: bool) -> None:
        """Stop the threads; delete the spool if all of it has been sent, else leave it to a sync."""
        stopped = [courier.stop() for courier in self._couriers]
        if not all(stopped):
            # Its lock goes with the process: until then nobody else can send what this one is sending.
            return
        if is_complete:
            self._reader.remove()
            self.outbox.close()
        self._reader.close()
        self._writer.close()
        if is_complete:
            remove_if_empty(self._writer.path.parent)

    def _send_file(self) -> bool:
        if self._delivery.begin is None or self._blocked is not None:
            return False
        return send_file(self._delivery.client, self._run_id, self.outbox, self._notices)

    def _on_failure(self, error: Exception) -> None:
        kept = f"What this run records is kept in {self.path.parent} and"
        match error:
            case Blocked():
                self._blocked = error
                self._notices.once(
                    "blocked",
                    f"the server does not take this run: {error} {kept} can be sent with `assay sync`.",
                )
            case NotYet():
                self._notices.once("not yet", f"{error} {kept} is sent when it has been.")
            case ServerUnreachable():
                self._notices.once(
                    "unreachable",
                    f"Assay at {error.url} cannot be reached ({error.reason}). {kept} will be sent "
                    "later (assay sync).",
                )
            case ApiError() | AppError():
                self._notices.once(
                    f"later {error.code}",
                    f"the server did not take what this run recorded: {error.message} {kept} is "
                    "tried again.",
                )
            case _:
                self._notices.once(
                    "fault",
                    f"sending failed ({type(error).__name__}: {error}). {kept} is tried again.",
                )


def remove_if_empty(folder: Path) -> None:
    """Remove a run's folder once nothing is kept in it."""
    try:
        folder.rmdir()
    except OSError:
        return


class Progress:
    """How much is left to send, on a terminal only."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._is_shown = bool(getattr(sys.stderr, "isatty", bool)())
        self._has_shown = False

    def show(self) -> None:
        """Draw the line anew."""
        if not self._is_shown:
            return
        left = self._sender.unsent_bytes / 1_000_000
        sys.stderr.write(f"\rassay: sending, {left:.1f} MB left \x1b[K")
        sys.stderr.flush()
        self._has_shown = True

    def end(self) -> None:
        """Take the line away."""
        if self._has_shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
