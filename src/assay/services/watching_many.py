"""Watching several runs at once: one stream for a page, since a browser keeps few connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final

from assay.domain.errors import LimitExceeded
from assay.services.context import Context
from assay.services.live import LivePoint, News
from assay.services.metrics import Metrics
from assay.services.watching import watch

MAX_RUNS: Final = 50
"""The most runs of one stream."""


async def watch_many(
    metrics: Metrics, context: Context, run_ids: Sequence[str]
) -> AsyncIterator[tuple[str, News[LivePoint]]]:
    """News of each run as it comes, first one of each without points.

    A reader that falls behind holds the watches up, and those then say that points were left out.
    Raises NotFound, PermissionDenied or LimitExceeded before the first news. Ends with the server.
    """
    wanted = list(dict.fromkeys(run_ids))
    if not 1 <= len(wanted) <= MAX_RUNS:
        raise LimitExceeded(
            f"A stream carries 1 to {MAX_RUNS} runs.", field="run_id", limit=MAX_RUNS
        )
    watches = {run_id: watch(metrics, context, run_id) for run_id in wanted}
    pumps: list[asyncio.Task[None]] = []
    try:
        first = {run_id: await anext(news) for run_id, news in watches.items()}
        for item in first.items():
            yield item
        queue: asyncio.Queue[tuple[str, News[LivePoint]] | None] = asyncio.Queue(len(wanted))
        pumps = [asyncio.create_task(_pump(*item, queue)) for item in watches.items()]
        while (came := await queue.get()) is not None:
            yield came
    finally:
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        for news in watches.values():
            await news.aclose()  # type: ignore[attr-defined]


async def _pump(
    run_id: str,
    news: AsyncIterator[News[LivePoint]],
    queue: asyncio.Queue[tuple[str, News[LivePoint]] | None],
) -> None:
    async for each in news:
        await queue.put((run_id, each))
    await queue.put(None)
