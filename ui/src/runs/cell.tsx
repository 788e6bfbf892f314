import { RunStatus } from "@/design/badge";
import { cx } from "@/design/cx";
import { Moment } from "@/design/moment";
import { percentDelta, shortNumber, signedPercent } from "@/format/number";
import { duration } from "@/format/time";
import { type Column, cellValue } from "./columns";
import { type Group, spreadOf } from "./groups";
import { durationMs, type RunRow } from "./row";

/** Whether a change of this metric is good news when it grows; null when the name does not tell. */
export function growsBetter(metric: string): boolean | null {
  if (/acc|reward|score|pass@|win|f1|bleu|rouge|exact|auc|throughput|mfu/i.test(metric)) return true;
  if (/loss|error|perplexity|ppl|wer|latency|kl/i.test(metric)) return false;
  return null;
}

export function Cell({
  row,
  column,
  baseline,
  nowMs,
}: {
  row: RunRow;
  column: Column;
  baseline: RunRow | null;
  nowMs: number;
}) {
  if (column.id === "status") return <RunStatus status={row.status} />;
  if (column.id === "started") return <Moment at={row.startedMs} className="text-ink-2" />;
  if (column.id === "duration") {
    const ms = durationMs(row, nowMs);
    return ms === null ? null : <span className="tabular text-ink-2">{duration(ms)}</span>;
  }
  const value = cellValue(row, column);
  if (value === null) return <span className="text-line-strong">–</span>;
  if (column.kind !== "metric") {
    return (
      <span className="truncate" title={String(value)}>
        {String(value)}
      </span>
    );
  }
  return (
    <span className="flex min-w-0 items-baseline justify-end gap-1.5 tabular" title={String(value)}>
      {baseline && baseline.id !== row.id ? (
        <Delta value={Number(value)} base={baseline.metrics[column.key]} metric={column.key} />
      ) : null}
      {shortNumber(Number(value))}
    </span>
  );
}

export function Delta({ value, base, metric }: { value: number; base: number | undefined; metric: string }) {
  const percent = base === undefined ? null : percentDelta(value, base);
  if (percent === null) return null;
  const up = growsBetter(metric);
  const good = up === null || percent === 0 ? null : percent > 0 === up;
  return (
    <span
      className={cx(
        "text-2xs whitespace-nowrap",
        good === null ? "text-ink-3" : good ? "text-good" : "text-bad",
      )}
    >
      {signedPercent(percent)}
    </span>
  );
}

/** What the heading of a group says in a column: the mean of a metric with its spread, or the one value of all. */
export function GroupCell({ group, column }: { group: Group; column: Column }) {
  if (column.kind === "metric") {
    const spread = spreadOf(group.rows, column.key);
    if (!spread) return <span className="text-line-strong">–</span>;
    return (
      <span
        className="flex items-baseline justify-end gap-1.5 tabular"
        title={`mean ${spread.mean} of ${spread.count}, from ${spread.min} to ${spread.max}`}
      >
        {spread.count > 1 ? (
          <span className="text-2xs text-ink-3">±{shortNumber((spread.max - spread.min) / 2, 2)}</span>
        ) : null}
        {shortNumber(spread.mean)}
      </span>
    );
  }
  if (column.id === "started" || column.id === "duration") return null;
  const first = cellValue(group.rows[0]!, column);
  const same = group.rows.every((row) => cellValue(row, column) === first);
  if (!same) return <span className="text-ink-3">mixed</span>;
  return column.id === "status" ? (
    <RunStatus status={String(first)} />
  ) : (
    <span className="truncate text-ink-2">{first ?? "–"}</span>
  );
}
