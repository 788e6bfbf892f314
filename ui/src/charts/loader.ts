import { post } from "@/api/client";
import type { SeriesBuckets } from "@/api/types";

export interface BucketQuery {
  runIds: readonly string[];
  key: string;
  buckets: number;
  axis: "step" | "time";
  range: readonly [number, number] | null;
}

interface Waiting {
  query: BucketQuery;
  resolve: (series: SeriesBuckets[]) => void;
  reject: (error: unknown) => void;
}

const MAX_SERIES = 1000;
let waiting: Waiting[] = [];

/** The series of one chart. Charts that ask in the same moment share one request. */
export function loadBuckets(query: BucketQuery): Promise<SeriesBuckets[]> {
  return new Promise((resolve, reject) => {
    if (waiting.length === 0) setTimeout(flush, 4);
    waiting.push({ query, resolve, reject });
  });
}

function flush(): void {
  const batch = waiting;
  waiting = [];
  for (const group of groupQueries(batch)) void ask(group);
}

/** Queries that differ in their key alone, in groups that the server takes at once. */
export function groupQueries<T extends { query: BucketQuery }>(batch: readonly T[]): T[][] {
  const open = new Map<string, T[]>();
  const groups: T[][] = [];
  for (const each of batch) {
    const { key: _, ...rest } = each.query;
    const name = JSON.stringify(rest);
    const group = open.get(name);
    if (group && (group.length + 1) * each.query.runIds.length <= MAX_SERIES) {
      group.push(each);
    } else {
      const fresh = [each];
      open.set(name, fresh);
      groups.push(fresh);
    }
  }
  return groups;
}

async function ask(group: Waiting[]): Promise<void> {
  const first = group[0]!.query;
  const body = {
    run_ids: first.runIds,
    keys: [...new Set(group.map((each) => each.query.key))],
    buckets: first.buckets,
    axis: first.axis,
    ...(first.range ? { start_step: first.range[0], end_step: first.range[1] } : {}),
  };
  try {
    const { series } = await post<{ series: SeriesBuckets[] }>("/runs/buckets", body);
    const byKey = Map.groupBy(series, (each) => each.key);
    for (const each of group) each.resolve(byKey.get(each.query.key) ?? []);
  } catch (error) {
    for (const each of group) each.reject(error);
  }
}
