/** How a file is shown. `none` is offered for download only: an HTML page, for one, is shown as its source. */
export type FileKind =
  | "text"
  | "json"
  | "jsonl"
  | "csv"
  | "parquet"
  | "markdown"
  | "image"
  | "audio"
  | "video"
  | "tensors"
  | "none";

const KINDS: readonly [FileKind, RegExp][] = [
  ["json", /\.(json|ipynb)$/i],
  ["jsonl", /\.(jsonl|ndjson)$/i],
  ["csv", /\.(csv|tsv)$/i],
  ["parquet", /\.(parquet|pq)$/i],
  ["markdown", /\.(md|markdown)$/i],
  ["image", /\.(png|jpe?g|gif|webp|svg|bmp|avif)$/i],
  ["audio", /\.(wav|mp3|ogg|flac|m4a)$/i],
  ["video", /\.(mp4|webm|mov)$/i],
  ["tensors", /\.safetensors$/i],
  [
    "text",
    /(\.(txt|log|py|ya?ml|toml|ini|cfg|conf|sh|js|ts|tsx|jsx|css|html?|xml|sql|rs|go|c|h|cpp|java|diff|patch|env|lock|jinja2?|model|vocab|merges)|(^|\/)(MLmodel|Makefile|Dockerfile|LICENSE|README))$/i,
  ],
];

export const kindOf = (path: string): FileKind =>
  KINDS.find(([, pattern]) => pattern.test(path))?.[0] ?? "none";

const MEDIA: Record<string, string> = {
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  gif: "image/gif",
  webp: "image/webp",
  svg: "image/svg+xml",
  bmp: "image/bmp",
  avif: "image/avif",
  wav: "audio/wav",
  mp3: "audio/mpeg",
  ogg: "audio/ogg",
  flac: "audio/flac",
  m4a: "audio/mp4",
  mp4: "video/mp4",
  webm: "video/webm",
  mov: "video/quicktime",
};

export const mediaType = (path: string): string =>
  MEDIA[path.split(".").pop()?.toLowerCase() ?? ""] ?? "application/octet-stream";

const SIGNATURES: readonly [number, string, string][] = [
  [0, "\x89PNG", "image/png"],
  [0, "\xff\xd8\xff", "image/jpeg"],
  [0, "GIF8", "image/gif"],
  [8, "WEBP", "image/webp"],
  [8, "WAVE", "audio/wav"],
  [4, "ftypavif", "image/avif"],
  [4, "ftyp", "video/mp4"],
  [0, "OggS", "audio/ogg"],
  [0, "ID3", "audio/mpeg"],
  [0, "fLaC", "audio/flac"],
  [0, "\x1aE\xdf\xa3", "video/webm"],
  [0, "BM", "image/bmp"],
];

/** The media type that the first bytes of a content show; nothing of what can act is among them. */
export function sniffed(content: ArrayBuffer): string {
  const head = String.fromCharCode(...new Uint8Array(content.slice(0, 32)));
  const found = SIGNATURES.find(([at, signature]) => head.startsWith(signature, at));
  return found?.[2] ?? (/^\s*(<\?xml|<svg)/.test(head) ? "image/svg+xml" : "application/octet-stream");
}

/** Rows of CSV (or of TSV), quotes respected; at most `limit` of them. */
export function parseCsv(text: string, separator: "," | "\t", limit: number): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let field = "";
  let quoted = false;
  for (let at = 0; at < text.length && rows.length < limit; at += 1) {
    const sign = text[at]!;
    if (quoted) {
      if (sign !== '"') field += sign;
      else if (text[at + 1] === '"') {
        field += '"';
        at += 1;
      } else quoted = false;
    } else if (sign === '"' && field === "") quoted = true;
    else if (sign === separator) {
      row.push(field);
      field = "";
    } else if (sign === "\n" || sign === "\r") {
      if (sign === "\r" && text[at + 1] === "\n") at += 1;
      rows.push([...row, field]);
      row = [];
      field = "";
    } else field += sign;
  }
  if (rows.length < limit && (field !== "" || row.length > 0)) rows.push([...row, field]);
  return rows;
}

export interface Tensor {
  name: string;
  dtype: string;
  shape: number[];
}

const MOST_HEADER = 32 * 1024 * 1024;

/** How long the header of a safetensors file is, from its first eight bytes; null for what is no such file. */
export function tensorHeaderSize(first: ArrayBuffer): number | null {
  if (first.byteLength < 8) return null;
  const size = new DataView(first).getBigUint64(0, true);
  return size > 0n && size <= BigInt(MOST_HEADER) ? Number(size) : null;
}

/** The tensors that a safetensors header names, and its free metadata. */
export function readTensors(header: string): { tensors: Tensor[]; metadata: Record<string, string> } {
  const parsed = JSON.parse(header) as Record<string, { dtype?: unknown; shape?: unknown }>;
  const tensors: Tensor[] = [];
  let metadata: Record<string, string> = {};
  for (const [name, entry] of Object.entries(parsed)) {
    if (name === "__metadata__") metadata = entry as unknown as Record<string, string>;
    else if (Array.isArray(entry.shape))
      tensors.push({ name, dtype: String(entry.dtype), shape: entry.shape.map(Number) });
  }
  return { tensors, metadata };
}
