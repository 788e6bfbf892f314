import { type Column, cellValue } from "./columns";
import type { RunRow } from "./row";

export interface Group {
  name: string;
  rows: RunRow[];
}

export const NO_VALUE = "(none)";

/** Runs by the value of a column, in the order in which the values first occur. */
export function groupsOf(rows: readonly RunRow[], column: Column): Group[] {
  const found = new Map<string, RunRow[]>();
  for (const row of rows) {
    const name = String(cellValue(row, column) ?? NO_VALUE);
    const members = found.get(name);
    if (members) members.push(row);
    else found.set(name, [row]);
  }
  return [...found].map(([name, members]) => ({ name, rows: members }));
}

export interface Spread {
  mean: number;
  min: number;
  max: number;
  count: number;
}

/** Mean and extremes of a metric over the runs that have it; what is not finite is left out. */
export function spreadOf(rows: readonly RunRow[], metric: string): Spread | null {
  let [sum, count, min, max] = [0, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const row of rows) {
    const value = row.metrics[metric];
    if (value === undefined || !Number.isFinite(value)) continue;
    sum += value;
    count += 1;
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  return count === 0 ? null : { mean: sum / count, min, max, count };
}

/** A row of the table: a run, or the heading of a group. */
export type Line =
  | { kind: "run"; row: RunRow; depth: number; hasChildren: boolean; open: boolean }
  | { kind: "group"; group: Group; open: boolean };

/** The table's lines: groups with their runs, or runs with those nested below them when both are loaded. */
export function linesOf(
  rows: readonly RunRow[],
  column: Column | null,
  toggled: ReadonlySet<string>,
): Line[] {
  if (column) {
    return groupsOf(rows, column).flatMap((group): Line[] => {
      const open = toggled.has(group.name);
      const members = open ? group.rows.map((row): Line => plain(row, 1)) : [];
      return [{ kind: "group", group, open }, ...members];
    });
  }
  const present = new Set(rows.map((row) => row.id));
  const children = new Map<string, RunRow[]>();
  for (const row of rows) {
    if (row.parentId && row.parentId !== row.id && present.has(row.parentId)) {
      children.set(row.parentId, [...(children.get(row.parentId) ?? []), row]);
    }
  }
  if (children.size === 0) return rows.map((row) => plain(row, 0));
  const lines: Line[] = [];
  const seen = new Set<string>();
  const add = (row: RunRow, depth: number) => {
    if (seen.has(row.id)) return;
    seen.add(row.id);
    const below = children.get(row.id) ?? [];
    const open = !toggled.has(row.id);
    lines.push({ kind: "run", row, depth, hasChildren: below.length > 0, open });
    if (open) for (const child of below) add(child, depth + 1);
  };
  for (const row of rows) if (!row.parentId || !present.has(row.parentId)) add(row, 0);
  return lines;
}

const plain = (row: RunRow, depth: number): Line => ({
  kind: "run",
  row,
  depth,
  hasChildren: false,
  open: false,
});
