"""What every service stands on, handed in by the composition root: nothing here is global."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from assay.blobs.store import BlobStore
from assay.domain.tracking import Policy
from assay.storage.database import Database


@dataclass(frozen=True, slots=True)
class Platform:
    """Database, bytes, clock and ids. `policy` is what the server was started with.

    `now_ms` answers UTC epoch milliseconds; `token_hex(n)` answers 2·n random hex digits; `pause(s)`
    returns after s seconds.
    """

    database: Database
    blobs: BlobStore
    now_ms: Callable[[], int]
    token_hex: Callable[[int], str]
    policy: Policy
    pause: Callable[[float], None] = time.sleep
