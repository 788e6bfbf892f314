"""`assay sync`: sending what offline, killed or cut-off runs have kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.cli.options import DEFAULTS, Options
from assay.cli.output import note, print_json, say

if TYPE_CHECKING:
    from assay.sdk.sync import SyncedSpool


def sync(spool: Path | None = None, /, *, options: Options = DEFAULTS) -> int:
    """Send what offline, killed or cut-off runs have kept, and delete what the server has.

    Runs that are still going are left to their own process. Exits with 1 when something is left
    that needs you.

    Args:
        spool: Folder of spools. Default: ASSAY_SPOOL, else the one in your state folder.
    """
    from assay.sdk.settings import spool_folder
    from assay.sdk.sync import sync as send

    folder = spool_folder(spool)
    report = send(folder, options.client(), None if options.json else _tell)
    if options.json:
        print_json(
            {
                "spool": str(folder),
                "complete": report.is_complete,
                "spools": [_as_json(found) for found in report.spools],
            }
        )
    elif not report.spools:
        say(f"Nothing waits in {folder}.")
    elif not report.is_complete:
        note("Something is left; what is kept is safe, and sync may be run again.")
    return 0 if report.is_complete else 1


def _tell(found: SyncedSpool) -> None:
    sent = f"{found.points} metric points, {found.files} files"
    refused = (
        f"; {found.refused} parts were refused and are kept beside it" if found.refused else ""
    )
    reason = f": {found.reason}" if found.reason else ""
    say(f"{found.outcome.value:<8} run {found.run_id} ({sent}){reason}{refused}")


def _as_json(found: SyncedSpool) -> dict[str, Any]:
    return {
        "run_id": found.run_id,
        "path": str(found.path),
        "outcome": found.outcome.value,
        "points": found.points,
        "files": found.files,
        "refused": found.refused,
        "reason": found.reason,
    }
