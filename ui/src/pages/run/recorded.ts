/**
 * What a client's record says of what it recorded: W&B's clients keep media as files of the run and record
 * where they are; a histogram they record as it is.
 */
export type Medium = "image" | "audio" | "video";

export interface RecordedFile {
  path: string;
  caption: string | null;
}

/** A file of an artifact, by the id under which its client knows the artifact. */
export interface ArtifactEntry {
  clientId: string;
  path: string;
}

export interface Histogram {
  /** Edges: one more than there are counts. */
  edges: number[];
  counts: number[];
}

export type Recorded =
  | { is: "media"; medium: Medium; files: RecordedFile[] }
  | { is: "table"; files: RecordedFile[]; entry: ArtifactEntry | null }
  | { is: "html" | "file"; files: RecordedFile[] }
  | { is: "histogram"; histogram: Histogram };

type Told = Record<string, unknown>;

const MEDIA: readonly [RegExp, Medium][] = [
  [/^images?(-file|\/|$)/, "image"],
  [/^audio(-file|\/|$)/, "audio"],
  [/^videos?(-file|\/|$)/, "video"],
];

/** Reads a record's text; null where it is neither a file nor a histogram. */
export function readRecorded(payload: string): Recorded | null {
  const told = parsed(payload);
  if (!told) return null;
  const type = typeof told._type === "string" ? told._type : "";
  const histogram = histogramOf(told);
  if (histogram) return { is: "histogram", histogram };
  const files = filesOf(told);
  if (!type || files.length === 0) return null;
  const medium = MEDIA.find(([pattern]) => pattern.test(type))?.[1];
  if (medium) return { is: "media", medium, files };
  if (/table/.test(type)) return { is: "table", files, entry: entryOf(told.artifact_path) };
  if (/^html/.test(type)) return { is: "html", files };
  return { is: "file", files };
}

function parsed(payload: string): Told | null {
  if (!payload.startsWith("{")) return null;
  try {
    return JSON.parse(payload) as Told;
  } catch {
    return null;
  }
}

function filesOf(told: Told): RecordedFile[] {
  if (typeof told.path === "string") return [{ path: told.path, caption: captionOf(told.caption) }];
  if (Array.isArray(told.filenames)) {
    const captions = Array.isArray(told.captions) ? told.captions : [];
    return told.filenames
      .filter((each): each is string => typeof each === "string")
      .map((path, at) => ({ path, caption: captionOf(captions[at]) }));
  }
  const inner = Object.values(told).find(
    (each) => Array.isArray(each) && each.some((one) => typeof one?.path === "string"),
  );
  return Array.isArray(inner) ? inner.flatMap((each) => filesOf(each as Told)) : [];
}

/** `wandb-client-artifact://ID/PATH`, as a run's record names the artifact of a table. */
function entryOf(address: unknown): ArtifactEntry | null {
  const found =
    typeof address === "string" ? /^wandb-client-artifact:\/\/([\w-]+)\/(.+)$/.exec(address) : null;
  return found ? { clientId: found[1]!, path: found[2]! } : null;
}

const captionOf = (value: unknown): string | null => (typeof value === "string" && value ? value : null);

const numbers = (value: unknown): number[] | null =>
  Array.isArray(value) && value.every((each) => typeof each === "number") ? value : null;

function histogramOf(told: Told): Histogram | null {
  const counts = numbers(told.values) ?? numbers(told.counts);
  if (!counts?.length) return null;
  const edges = numbers(told.bins) ?? numbers(told.edges) ?? packed(told.packedBins, counts.length);
  return edges?.length === counts.length + 1 ? { edges, counts } : null;
}

function packed(value: unknown, count: number): number[] | null {
  if (typeof value !== "object" || value === null) return null;
  const { min, size } = value as Told;
  if (typeof min !== "number" || typeof size !== "number") return null;
  return Array.from({ length: count + 1 }, (_, index) => min + index * size);
}
