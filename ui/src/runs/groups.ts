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
  | { kind: "run"; row: RunRow; depth: number; hasChildren: boolean; open: boolean; pinned?: boolean }
  | { kind: "group"; group: Group; open: boolean };

/**
 * The table's lines: those that were pinned, then groups with their runs, or runs with those nested below them
 * when both are loaded.
 */
export function linesOf(
  rows: readonly RunRow[],
  column: Column | null,
  toggled: ReadonlySet<string>,
  pinned: ReadonlySet<string> = new Set(),
): Line[] {
  const rest = rows.filter((row) => !pinned.has(row.id));
  const kept = [...pinned].flatMap((id): Line[] => {
    const row = rows.find((each) => each.id === id);
    return row ? [{ ...plain(row, 0), pinned: true }] : [];
  });
  if (column) {
    const grouped = groupsOf(rest, column).flatMap((group): Line[] => {
      const open = toggled.has(group.name);
      const members = open ? group.rows.map((row): Line => plain(row, 1)) : [];
      return [{ kind: "group", group, open }, ...members];
    });
    return [...kept, ...grouped];
  }
  return [...kept, ...nested(rest, toggled)];
}

function nested(rows: readonly RunRow[], toggled: ReadonlySet<string>): Line[] {
  const present = new Set(rows.map((row) => row.id));
  const children = new Map<string, RunRow[]>();
  for (const row of rows) {
    if (row.parentId && row.parentId !== row.id && present.has(row.parentId)) {
      const siblings = children.get(row.parentId);
      if (siblings) siblings.push(row);
      else children.set(row.parentId, [row]);
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

const FIRST_CURVES = 10;
const MOST_IN_GROUPS = 200;

/** Whose curves are drawn: of the first lines that were not hidden, and of those that were asked for. */
export function shownRuns(
  lines: readonly Line[],
  show: readonly string[] = [],
  hide: readonly string[] = [],
): RunRow[] {
  const [asked, hidden] = [new Set(show), new Set(hide)];
  if (lines.some((line) => line.kind === "group")) {
    const pinned = lines.flatMap((line) =>
      line.kind === "run" && line.pinned && !hidden.has(line.row.id) ? [line.row] : [],
    );
    return [...pinned, ...shownMembers(lines, hidden)];
  }
  let left = FIRST_CURVES;
  return lines.flatMap((line) => {
    if (line.kind !== "run" || hidden.has(line.row.id)) return [];
    left -= 1;
    return left >= 0 || asked.has(line.row.id) ? [line.row] : [];
  });
}

/** A group's curve is the mean of its members, so as many of them are asked for as a page can take. */
function shownMembers(lines: readonly Line[], hidden: ReadonlySet<string>): RunRow[] {
  const groups = lines.flatMap((line) =>
    line.kind === "group" && !hidden.has(line.group.name) ? [line.group] : [],
  );
  const first = groups.slice(0, FIRST_CURVES);
  const each = Math.max(1, Math.floor(MOST_IN_GROUPS / Math.max(1, first.length)));
  return first.flatMap((group) => group.rows.filter((row) => !hidden.has(row.id)).slice(0, each));
}

const plain = (row: RunRow, depth: number): Line & { kind: "run" } => ({
  kind: "run",
  row,
  depth,
  hasChildren: false,
  open: false,
});
