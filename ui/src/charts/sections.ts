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

/** Keys by the part before their first slash: what is measured first, then training, the machine last. */
export function sectionsOf(keys: readonly string[]): Section[] {
  const found = new Map<string, string[]>();
  for (const key of [...keys].sort((a, b) => a.localeCompare(b, "en", { numeric: true }))) {
    const slash = key.indexOf("/");
    const name = slash > 0 ? key.slice(0, slash) : "Metrics";
    found.set(name, [...(found.get(name) ?? []), key]);
  }
  return [...found]
    .map(([name, list]) => ({ name, keys: list }))
    .sort((a, b) => rank(a.name) - rank(b.name) || a.name.localeCompare(b.name, "en"));
}

export const isSystem = (key: string): boolean => /^(system|_system|assay\.system)\//.test(key);

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
