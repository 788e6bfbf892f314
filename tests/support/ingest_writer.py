"""A process that writes batches until it is killed, and says which ones were acknowledged.

`python -m tests.support.ingest_writer DATABASE FIRST_BATCH`; a line `<task> <batch>` on standard
output is an acknowledgement that the process has seen.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from assay.domain.metric import MetricPoint
from assay.services import backlogs, compaction
from assay.services.compaction import Compaction
from assay.services.ingest import Ingest
from assay.storage.database import open_database
from tests.support.platform import a_context, make_platform

TASKS = 4
POINTS = 7


def points_of(task: int, batch: int) -> list[MetricPoint]:
    """What a batch holds: `POINTS` steps of a series of its task, and one of a common series."""
    first = POINTS * batch
    own = [
        MetricPoint(f"own-{task}", step / 3, step, step) for step in range(first, first + POINTS)
    ]
    return [*own, MetricPoint("common", float(task), batch, batch)]


async def write_for_ever(ingest: Ingest, task: int, first: int) -> None:
    """Send batch after batch, the last one before `first` once more, as a client that retries."""
    batch = max(0, first - 1)
    while True:
        await ingest.submit(
            a_context(),
            "run-1",
            points_of(task, batch),
            params={f"param-{task}-{batch}": str(batch)},
            tags={f"tag-{task}-{batch}": str(batch)},
            writer=f"writer-{task}",
            sequence=batch,
        )
        os.write(1, f"{task} {batch}\n".encode())
        batch += 1


async def main(address: str, first: int) -> None:
    """Write from several tasks while a compaction runs beside them all the time."""
    backlogs.MAX_TAIL_ROWS = 4  # type: ignore[misc]
    compaction.CHUNK_POINTS = 64  # type: ignore[misc]
    backlogs.QUIET_WORK = 10**9  # type: ignore[misc]
    compaction._POLL_S = 0.001  # type: ignore[misc]
    platform = make_platform(Path("unused"), open_database(address))
    background = Compaction(platform)
    ingest = Ingest(platform, compaction=background)
    background.start()
    ingest.start()
    await asyncio.gather(*(write_for_ever(ingest, task, first) for task in range(TASKS)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
