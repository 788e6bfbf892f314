"""Watching an experiment: which of its runs are new or were changed, as it happens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import anyio.to_thread

from assay.services.context import Context
from assay.services.live import News
from assay.services.run_news import RunNews
from assay.services.watching import HEARTBEAT_S, MAX_WATCH_S, follow


async def watch_runs(
    run_news: RunNews,
    context: Context,
    experiment_id: str,
    *,
    heartbeat_s: float = HEARTBEAT_S,
    max_watch_s: float = MAX_WATCH_S,
) -> AsyncIterator[News[str]]:
    """Ids of runs, each news once; news that are not whole say that others changed too.

    Raises NotFound, PermissionDenied or Unavailable before the first news. Ends with the server.
    """
    pk = await anyio.to_thread.run_sync(partial(run_news.locate, context, experiment_id))
    subscription = run_news.hub.subscribe(pk)
    try:
        run_news.listen()
        async for news in follow(subscription, heartbeat_s, max_watch_s):
            yield News(tuple(dict.fromkeys(news.items)), news.is_whole)
    finally:
        subscription.close()
