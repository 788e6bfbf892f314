import type { Run, RunState } from "@/api/types";
import { toNumber } from "@/format/number";

/** A run as tables keep it: thousands of them stay in memory, so only what is shown. */
export interface RunRow {
  id: string;
  name: string;
  experimentId: string;
  status: RunState;
  user: string;
  startedMs: number | null;
  endedMs: number | null;
  metrics: Record<string, number>;
  params: Record<string, string>;
  tags: Record<string, string>;
  parentId: string | null;
}

const PARENT_TAGS = ["mlflow.parentRunId", "assay.parent_run_id"];

export function toRow(run: Run): RunRow {
  const metrics: Record<string, number> = {};
  for (const [key, last] of Object.entries(run.metrics)) metrics[key] = toNumber(last.value);
  return {
    id: run.run_id,
    name: run.name,
    experimentId: run.experiment_id,
    status: run.status,
    user: run.user_name || run.created_by,
    startedMs: run.started_at_ms ?? run.created_at_ms,
    endedMs: run.ended_at_ms,
    metrics,
    params: run.params,
    tags: run.tags,
    parentId: PARENT_TAGS.map((tag) => run.tags[tag]).find(Boolean) ?? null,
  };
}

export const durationMs = (row: RunRow, nowMs: number): number | null =>
  row.startedMs === null ? null : (row.endedMs ?? nowMs) - row.startedMs;
