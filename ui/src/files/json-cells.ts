import type { Cell } from "./cell";

const MEDIA: Record<string, Cell["is"]> = {
  "image-file": "image",
  "audio-file": "audio",
  "video-file": "video",
  "html-file": "html",
  "object3D-file": "file",
  "molecule-file": "file",
};

/**
 * A value of a JSON table as a cell. Media are told as the wandb client tells them: a type, and a path beside the
 * table.
 */
export function jsonCell(value: unknown): Cell {
  if (value === null || value === undefined) return { is: "null", text: "" };
  if (typeof value === "number") return { is: "number", text: String(value) };
  if (typeof value !== "object") return { is: "text", text: String(value) };
  const medium = mediumOf(value);
  if (medium) return medium;
  if (Array.isArray(value) && value.length > 0) {
    const all = value.map(mediumOf);
    if (all.every((each) => each?.is === "image")) return { ...all[0]!, more: all.slice(1) as Cell[] };
  }
  if (isChat(value)) return { is: "text", text: valueText(value) };
  return { is: "nested", text: JSON.stringify(value) };
}

function mediumOf(value: unknown): Cell | null {
  if (typeof value !== "object" || value === null) return null;
  const { _type, path, caption } = value as Record<string, unknown>;
  const is = typeof _type === "string" && Object.hasOwn(MEDIA, _type) ? MEDIA[_type] : undefined;
  if (!is || typeof path !== "string") return null;
  return { is, path, text: typeof caption === "string" && caption ? caption : nameOf(is, path) };
}

const NOUNS: Partial<Record<Cell["is"], string>> = {
  image: "Picture",
  audio: "Sound",
  video: "Film",
  html: "HTML page",
};

/** The file's name; what it is, where the client named it by its digest. */
function nameOf(is: Cell["is"], path: string): string {
  const name = path.split("/").pop() ?? path;
  return /^[0-9a-f]{16,}\.\w+$/.test(name) ? (NOUNS[is] ?? name) : name;
}

const isChat = (value: unknown): value is { role?: unknown; content: unknown }[] =>
  Array.isArray(value) &&
  value.length > 0 &&
  value.every((each) => typeof each === "object" && each !== null && "content" in each);

/** Chat messages as text, anything else as it is or as JSON. */
export function valueText(value: unknown): string {
  if (typeof value === "string") return value;
  if (isChat(value)) return value.map((each) => `${each.role ?? ""}: ${valueText(each.content)}`).join("\n");
  return value == null ? "" : JSON.stringify(value);
}

export interface JsonTable {
  columns: string[];
  rows: unknown[][];
}

/** The table in the text of a `*.table.json` file as the wandb client writes it; null for anything else. */
export function readTableFile(path: string, text: string): JsonTable | null {
  if (!/\.table\.json$/i.test(path)) return null;
  try {
    const { columns, data } = JSON.parse(text) as { columns?: unknown; data?: unknown };
    if (!Array.isArray(columns) || !Array.isArray(data)) return null;
    return { columns: columns.map(String), rows: data.filter(Array.isArray) };
  } catch {
    return null;
  }
}

const MOST_COLUMNS = 500;

/**
 * The objects of a file of JSON lines as rows, their names as columns in the order in which they first appear; null
 * when most lines are no objects. The last line of a file that goes on is left out.
 */
export function readJsonLines(text: string, isCut: boolean, limit: number): JsonTable | null {
  const lines = text.split("\n", limit + 2).filter((line) => line.trim() !== "");
  if (isCut && lines.length > 1 && !text.endsWith("\n")) lines.pop();
  const columns = new Map<string, number>();
  const objects: Record<string, unknown>[] = [];
  let strange = 0;
  for (const line of lines.slice(0, limit)) {
    const parsed = objectIn(line);
    if (!parsed) {
      strange += 1;
      if (strange > 20 && strange > objects.length) return null;
      continue;
    }
    objects.push(parsed);
    for (const name of Object.keys(parsed))
      if (!columns.has(name) && columns.size < MOST_COLUMNS) columns.set(name, columns.size);
  }
  if (strange > objects.length || objects.length === 0) return null;
  const names = [...columns.keys()];
  return {
    columns: names,
    rows: objects.map((each) => names.map((name) => (Object.hasOwn(each, name) ? each[name] : undefined))),
  };
}

function objectIn(line: string): Record<string, unknown> | null {
  try {
    const parsed: unknown = JSON.parse(line);
    return typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)
      ? (parsed as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

/** A field of a CSV file as a cell. */
export const textCell = (text: string): Cell => ({ is: NUMBER.test(text) ? "number" : "text", text });
