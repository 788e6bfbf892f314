/** What was zoomed to: a range of x, and the steps within, of which finer data is asked. */
export interface Zoom {
  x: [number, number];
  steps: [number, number] | null;
}

const short = (value: number): string => String(Number(value.toPrecision(8)));

/** `train/loss:12:80:12:80`: the key, the range of x, the first and the last step. */
const written = (key: string, { x, steps }: Zoom): string =>
  [key, ...x, ...(steps ?? [])].map(String).join(":");

/** The zooms that an address holds, by the key of their chart; what cannot be read is none. */
export function zoomsOf(list: readonly string[] | undefined): Map<string, Zoom> {
  const found = new Map<string, Zoom>();
  for (const text of list ?? []) {
    const four = /^(.+):([^:]+):([^:]+):(\d+):(\d+)$/.exec(text);
    const [, key, ...parts] = four ?? /^(.+):([^:]+):([^:]+)$/.exec(text) ?? [];
    const numbers = parts.map(Number);
    if (!key || !numbers.every(Number.isFinite) || !(numbers[0]! < numbers[1]!)) continue;
    const steps: Zoom["steps"] = four ? [numbers[2]!, numbers[3]!] : null;
    found.set(key, { x: [numbers[0]!, numbers[1]!], steps });
  }
  return found;
}

/** The list with one chart's zoom changed; undefined when nothing is zoomed. */
export function withZoom(
  list: readonly string[] | undefined,
  key: string,
  zoom: Zoom | null,
): string[] | undefined {
  const zooms = zoomsOf(list);
  zooms.delete(key);
  if (zoom) {
    const [from, to] = zoom.x.map(short).map(Number) as [number, number];
    zooms.set(key, { x: [from, to], steps: zoom.steps });
  }
  return zooms.size > 0 ? [...zooms].map(([each, its]) => written(each, its)) : undefined;
}
