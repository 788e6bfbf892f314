import type { Column } from "./columns";

const LEAST_WIDTH = 56;
const MOST_WIDTH = 640;

/** `name:value` of an address, split at its last colon: names hold colons, values do not. */
function pairs(list: readonly string[] | undefined): [string, number][] {
  return (list ?? []).flatMap((text): [string, number][] => {
    const at = text.lastIndexOf(":");
    const value = Number(text.slice(at + 1));
    return at > 0 && Number.isInteger(value) && value >= 0 ? [[text.slice(0, at), value]] : [];
  });
}

/** A list of an address with one name's value changed or, for null, gone. */
export function withPair(
  list: readonly string[] | undefined,
  name: string,
  value: number | null,
): string[] | undefined {
  const found = new Map(pairs(list));
  found.delete(name);
  if (value !== null) found.set(name, value);
  return found.size > 0 ? [...found].map(([each, its]) => `${each}:${its}`) : undefined;
}

export const boundedWidth = (width: number): number =>
  Math.round(Math.max(LEAST_WIDTH, Math.min(MOST_WIDTH, width)));

/** Widths in pixels that somebody gave to columns, by their id. */
export const widthsOf = (list: readonly string[] | undefined): ReadonlyMap<string, number> =>
  new Map(pairs(list).map(([id, width]) => [id, boundedWidth(width)]));

/** Places in the palette that somebody chose for runs or groups. */
export const chosenColors = (list: readonly string[] | undefined): ReadonlyMap<string, number> =>
  new Map(pairs(list));

/** Changes beside values take room of their own. */
const DELTA_WIDTH = 56;

/** Columns as wide as they were made, and where nobody did, wide enough for what they show. */
export function sized(
  columns: readonly Column[],
  widths: ReadonlyMap<string, number>,
  hasBaseline: boolean,
): Column[] {
  return columns.map((column) => {
    const own = widths.get(column.id);
    const room =
      hasBaseline && column.kind === "metric" ? Math.max(column.width, 96 + DELTA_WIDTH) : column.width;
    return { ...column, width: own ?? room };
  });
}

/** The ids with one of them put before another, or at the end. */
export function placedBefore(ids: readonly string[], id: string, before: string | null): string[] {
  const rest = ids.filter((each) => each !== id);
  const at = before === null ? -1 : rest.indexOf(before);
  return at < 0 ? [...rest, id] : [...rest.slice(0, at), id, ...rest.slice(at)];
}

/** A list with one entry put in or taken out; undefined when it is empty. */
export function toggledIn(list: readonly string[] | undefined, id: string): string[] | undefined {
  const rest = (list ?? []).filter((each) => each !== id);
  const next = rest.length === (list?.length ?? 0) ? [...rest, id] : rest;
  return next.length > 0 ? next : undefined;
}
