import { type InfiniteData, type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { NEWEST_FIRST } from "@/runs/columns";
import { type LoadedPage, withNews } from "@/runs/news";
import { toRow } from "@/runs/row";
import { post } from "./client";
import { watchExperiment } from "./live";
import { type RunPage, type RunSearch, runPages, runSearchBody } from "./queries";

/** What comes close together is read together; and so long after reading everything it is not read again. */
const [GATHER_MS, REST_MS] = [250, 5000];
/** More runs than this are not asked for by name, nor is a table read anew that was scrolled this far. */
const [MOST_NAMED, MOST_PAGES] = [100, 2];

/**
 * Keeps the pages of a search as new as the server's stream says. Returns whether news come by themselves; while
 * they do not, whoever shows the pages asks for them.
 */
export function useRunNews(experimentId: string, search: RunSearch): boolean {
  const client = useQueryClient();
  const [isLive, setLive] = useState(false);
  const latest = useRef(search);
  latest.current = search;
  useEffect(() => {
    const taker = newsTaker(client, () => latest.current);
    const stop = watchExperiment(experimentId, { onRuns: taker.onRuns, onGap: taker.onGap, onLive: setLive });
    return () => {
      stop();
      taker.stop();
      setLive(false);
    };
  }, [client, experimentId]);
  return isLive;
}

function newsTaker(client: QueryClient, search: () => RunSearch) {
  const changed = new Set<string>();
  let isStale = false;
  let readMs = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isStopped = false;
  const soon = (ms: number) => {
    if (timer === undefined && !isStopped) timer = setTimeout(() => void takeIn(), ms);
  };
  const takeIn = async () => {
    const ids = [...changed];
    changed.clear();
    if (ids.length > MOST_NAMED) isStale = true;
    else if (ids.length > 0)
      isStale = (await replaceRuns(client, search(), ids).catch(() => true)) || isStale;
    timer = undefined;
    if (isStale && Date.now() - readMs >= REST_MS && isLoaded(client, search())) {
      isStale = false;
      readMs = Date.now();
      readAnew(client, search());
    }
    if (changed.size > 0) soon(GATHER_MS);
    else if (isStale) soon(Math.max(GATHER_MS, REST_MS - (Date.now() - readMs)));
  };
  return {
    onRuns: (ids: readonly string[]) => {
      for (const id of ids) changed.add(id);
      soon(GATHER_MS);
    },
    onGap: () => {
      isStale = true;
      soon(GATHER_MS);
    },
    stop: () => {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}

type Pages = InfiniteData<LoadedPage, string | null>;

/** Reads these runs as the search sees them and puts them where they belong; whether that takes all pages anew. */
async function replaceRuns(client: QueryClient, search: RunSearch, ids: readonly string[]): Promise<boolean> {
  const named = `attributes.run_id IN (${ids.map((id) => `'${id}'`).join(", ")})`;
  const filter = search.filter ? `${search.filter} AND ${named}` : named;
  const body = runSearchBody({ ...search, filter, orderBy: [] }, ids.length, null);
  const found = (await post<RunPage>("/runs/search", body)).runs.map(toRow);
  let isStale = false;
  client.setQueryData<Pages>(runPages(search).queryKey, (data) => {
    if (!data) return data;
    const after = withNews(data.pages, ids, found, search.orderBy?.[0] === NEWEST_FIRST);
    isStale = after.stale;
    return { ...data, pages: after.pages };
  });
  return isStale;
}

const isLoaded = (client: QueryClient, search: RunSearch): boolean =>
  client.getQueryData(runPages(search).queryKey) !== undefined;

function readAnew(client: QueryClient, search: RunSearch): void {
  const { queryKey } = runPages(search);
  const loaded = client.getQueryData<Pages>(queryKey)?.pages.length ?? 0;
  if (loaded <= MOST_PAGES) void client.invalidateQueries({ queryKey, exact: true });
}
