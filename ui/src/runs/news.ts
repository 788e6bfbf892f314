/** Taking in what changed in a list of runs that is shown page by page. */
import type { RunRow } from "./row";

export interface LoadedPage {
  rows: RunRow[];
  next: string | null;
}

/**
 * The pages after these runs changed. `found` holds those of them that still match the filter: rows that are
 * shown are replaced, the others leave. A run that was not shown is placed among the newest; in another order
 * only the server knows where it belongs, so then the pages are `stale`.
 */
export function withNews(
  pages: readonly LoadedPage[],
  changed: readonly string[],
  found: readonly RunRow[],
  isNewestFirst: boolean,
): { pages: LoadedPage[]; stale: boolean } {
  const concerned = new Set(changed);
  const left = new Map(found.map((row) => [row.id, row]));
  const taken = pages.map((page) => {
    if (!page.rows.some((row) => concerned.has(row.id))) return page;
    const rows = page.rows.flatMap((row) => {
      if (!concerned.has(row.id)) return [row];
      const now = left.get(row.id);
      left.delete(row.id);
      return now ? [now] : [];
    });
    return { ...page, rows };
  });
  if (left.size === 0) return { pages: taken, stale: false };
  if (!isNewestFirst) return { pages: taken, stale: true };
  for (const row of left.values()) place(taken, row);
  return { pages: taken, stale: false };
}

/** Puts a row where the order by start has it; one beyond the last page that is loaded comes with its page. */
function place(pages: LoadedPage[], row: RunRow): void {
  for (const [index, page] of pages.entries()) {
    const at = page.rows.findIndex((each) => isBefore(row, each));
    const isLast = index === pages.length - 1;
    if (at < 0 && !(isLast && page.next === null)) continue;
    const rows = [...page.rows];
    rows.splice(at < 0 ? rows.length : at, 0, row);
    pages[index] = { ...page, rows };
    return;
  }
}

const isBefore = (one: RunRow, other: RunRow): boolean => {
  const difference = (other.startedMs ?? 0) - (one.startedMs ?? 0);
  return difference < 0 || (difference === 0 && one.id < other.id);
};
