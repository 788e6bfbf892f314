export interface Section {
  name: string;
  keys: string[];
}

const ORDER = [
  /^Metrics$/,
  /^(eval|val|valid|validation|test)$/i,
  /^train(ing)?$/i,
  /^(rewards?|critic|actor|objective)$/i,
];
const LATE = /^(timing|timing_s|perf|time|throughput)$/i;

function rank(name: string): number {
  if (isSystem(`${name}/`)) return ORDER.length + 2;
  if (LATE.test(name)) return ORDER.length + 1;
  const at = ORDER.findIndex((pattern) => pattern.test(name));
  return at < 0 ? ORDER.length : at;
}

/**
 * Keys by the part before their first slash: what is measured first, then training, the machine last. Where
 * there is nothing but the machine, by its nodes or parts. Within a section those that somebody arranged come
 * first, in that order.
 */
export function sectionsOf(keys: readonly string[], order: readonly string[] = []): Section[] {
  const found = new Map<string, string[]>();
  const place = new Map(order.map((key, at) => [key, at]));
  const placeOf = (key: string) => place.get(key) ?? order.length;
  const sorted = [...keys].sort(
    (a, b) => placeOf(a) - placeOf(b) || a.localeCompare(b, "en", { numeric: true }),
  );
  const isMachine = keys.every(isSystem);
  for (const key of sorted) {
    const slash = key.indexOf("/");
    const name = isMachine ? systemGroup(key) : slash > 0 ? key.slice(0, slash) : "Metrics";
    found.set(name, [...(found.get(name) ?? []), key]);
  }
  return [...found]
    .map(([name, list]) => ({ name, keys: list }))
    .sort((a, b) => rank(a.name) - rank(b.name) || a.name.localeCompare(b.name, "en"));
}

/** The keys with one of them moved: before another one, to the front (-1), or one place back (1). */
export function moved(keys: readonly string[], key: string, to: string | -1 | 1): string[] {
  const rest = keys.filter((each) => each !== key);
  const at =
    to === -1 ? 0 : to === 1 ? Math.min(rest.length, keys.indexOf(key) + 1) : Math.max(0, keys.indexOf(to));
  return [...rest.slice(0, at), key, ...rest.slice(at)];
}

export const isSystem = (key: string): boolean =>
  /^(system|_system|assay\.system)\/|^_(runtime|timestamp|step)$/.test(key);

/**
 * Where a measurement of a machine belongs: to its node where one is named (`system/node-1/…`, or `…/l:node-1`
 * at the end), else to its part: cpu, gpu, disk, memory, network.
 */
export function systemGroup(key: string): string {
  const rest = key.slice(key.indexOf("/") + 1);
  const node = /\/l:(.+)$/.exec(rest)?.[1] ?? /^([^./]+)\/[^/]/.exec(rest)?.[1];
  if (node) return node;
  return /^_?([a-z]+)/i.exec(rest)?.[1]?.toLowerCase() ?? "other";
}

/**
 * Whether a key is wanted: by the letters that it contains, or by a regular expression between slashes.
 * A pattern that is not finished yet keeps everything, so that charts do not flicker while it is typed.
 */
export function keyFilter(text: string): (key: string) => boolean {
  const wanted = text.trim();
  if (!wanted) return () => true;
  const pattern = /^\/(.+)\/$/.exec(wanted)?.[1];
  if (pattern !== undefined || /^\//.test(wanted)) {
    try {
      const compiled = new RegExp(pattern ?? wanted.slice(1), "i");
      return (key) => compiled.test(key);
    } catch {
      return () => true;
    }
  }
  const words = wanted.toLowerCase().split(/\s+/);
  return (key) => words.every((word) => key.toLowerCase().includes(word));
}

/** A key without what its section says already. */
export const titleIn = (section: string, key: string): string =>
  key.startsWith(`${section}/`)
    ? key.slice(section.length + 1)
    : key.replace(/^(system|assay\.system)\//, "");
