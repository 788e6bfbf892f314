import { type InfiniteData, type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { toNumber } from "@/format/number";
import type { RunRow } from "@/runs/row";
import { type LivePoints, watchRuns } from "./live";
import type { Run } from "./types";

/** How often what is on screen takes in what came: often enough to move, seldom enough to stay cool. */
const TAKE_IN_MS = 500;
/** The server streams the points of so many runs at once. */
export const MOST_WATCHED = 50;

/** Keeps what is cached of these runs as new as the server's stream: last values at once, curves soon after. */
export function useLive(runIds: readonly string[]): void {
  const client = useQueryClient();
  const wanted = runIds.slice(0, MOST_WATCHED).join(" ");
  useEffect(() => {
    if (!wanted) return;
    let news: LivePoints[] = [];
    const gaps = new Set<string>();
    const timer = setInterval(() => {
      if (news.length === 0 && gaps.size === 0) return;
      takeIn(client, news, gaps);
      news = [];
      gaps.clear();
    }, TAKE_IN_MS);
    const stop = watchRuns(wanted.split(" "), {
      onPoints: (each) => news.push(each),
      onGap: (id) => gaps.add(id),
    });
    return () => {
      stop();
      clearInterval(timer);
    };
  }, [client, wanted]);
}

function takeIn(client: QueryClient, news: readonly LivePoints[], gaps: ReadonlySet<string>): void {
  const lasts = lastPoints(news);
  for (const [id, points] of lasts) {
    client.setQueryData<Run>(["run", id], (run) => run && withPoints(run, points));
  }
  client.setQueriesData<InfiniteData<{ rows: RunRow[]; next: string | null }>>(
    { queryKey: ["runs", "pages"] },
    (data) =>
      data && { ...data, pages: data.pages.map((page) => ({ ...page, rows: rowsWith(page.rows, lasts) })) },
  );
  const touched = new Set([...lasts.keys(), ...gaps]);
  const keys = new Set(news.flatMap((each) => each.points.map(([key]) => key)));
  void client.invalidateQueries({
    queryKey: ["buckets"],
    refetchType: "active",
    predicate: ({ queryKey }) => {
      const asked = queryKey[1] as { runIds: readonly string[]; key: string } | undefined;
      return (
        asked !== undefined &&
        (gaps.size > 0 || keys.has(asked.key)) &&
        asked.runIds.some((id) => touched.has(id))
      );
    },
  });
  for (const id of gaps) void client.invalidateQueries({ queryKey: ["run", id], exact: true });
}

type Last = { value: LivePoints["points"][0][1]; step: number; timestamp_ms: number; more: number };

/** The last point of each series, and how many there were. */
export function lastPoints(news: readonly LivePoints[]): Map<string, Map<string, Last>> {
  const found = new Map<string, Map<string, Last>>();
  for (const { run_id, points } of news) {
    const series = found.get(run_id) ?? new Map<string, Last>();
    found.set(run_id, series);
    for (const [key, value, step, timestamp_ms] of points) {
      const before = series.get(key);
      const more = (before?.more ?? 0) + 1;
      if (before && before.step > step) before.more = more;
      else series.set(key, { value, step, timestamp_ms, more });
    }
  }
  return found;
}

function withPoints(run: Run, points: ReadonlyMap<string, Last>): Run {
  const metrics = { ...run.metrics };
  for (const [key, { value, step, timestamp_ms, more }] of points) {
    const known = metrics[key];
    if (known && known.step > step) continue;
    const at = toNumber(value);
    const least = known?.min == null || at < toNumber(known.min);
    const most = known?.max == null || at > toNumber(known.max);
    metrics[key] = {
      value,
      step,
      timestamp_ms,
      count: (known?.count ?? 0) + more,
      min: least ? value : (known?.min ?? value),
      min_step: least ? step : (known?.min_step ?? step),
      max: most ? value : (known?.max ?? value),
      max_step: most ? step : (known?.max_step ?? step),
    };
  }
  return { ...run, metrics };
}

function rowsWith(rows: RunRow[], lasts: ReadonlyMap<string, ReadonlyMap<string, Last>>): RunRow[] {
  if (!rows.some((row) => lasts.has(row.id))) return rows;
  return rows.map((row) => {
    const points = lasts.get(row.id);
    if (!points) return row;
    const metrics = { ...row.metrics };
    for (const [key, { value }] of points) metrics[key] = toNumber(value);
    return { ...row, metrics };
  });
}
