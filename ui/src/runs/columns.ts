import { isSystem } from "@/charts/sections";
import type { RunRow } from "./row";

export type ColumnKind = "attribute" | "metric" | "param" | "tag";

/** A column of the runs table. `id` is what the URL holds: `status`, `metrics.loss`, `params.lr`. */
export interface Column {
  id: string;
  kind: ColumnKind;
  key: string;
  label: string;
  width: number;
  numeric: boolean;
}

export const ATTRIBUTES: readonly Column[] = [
  { id: "status", kind: "attribute", key: "status", label: "Status", width: 104, numeric: false },
  { id: "started", kind: "attribute", key: "start_time", label: "Started", width: 128, numeric: false },
  { id: "duration", kind: "attribute", key: "duration", label: "Duration", width: 92, numeric: true },
  { id: "user", kind: "attribute", key: "user_id", label: "User", width: 96, numeric: false },
];

const PLURAL: Record<Exclude<ColumnKind, "attribute">, string> = {
  metric: "metrics",
  param: "params",
  tag: "tags",
};

export function columnOf(id: string): Column | null {
  const attribute = ATTRIBUTES.find((each) => each.id === id);
  if (attribute) return attribute;
  const dot = id.indexOf(".");
  const kind = (Object.keys(PLURAL) as (keyof typeof PLURAL)[]).find(
    (each) => PLURAL[each] === id.slice(0, dot),
  );
  const key = id.slice(dot + 1);
  return dot > 0 && kind && key ? keyColumn(kind, key) : null;
}

function keyColumn(kind: keyof typeof PLURAL, key: string): Column {
  const width = Math.max(kind === "metric" ? 104 : 112, Math.min(220, key.length * 6.6 + 44));
  return {
    id: `${PLURAL[kind]}.${key}`,
    kind,
    key,
    label: key,
    width: Math.round(width),
    numeric: kind === "metric",
  };
}

/** Tags that clients write for themselves; they are offered, but not shown unasked. */
const isPrivateTag = (key: string): boolean => /^(mlflow|assay|wandb)\./.test(key);

/** Every column that these runs could fill: attributes, metrics, params, tags, each by name. */
export function columnsOf(rows: readonly RunRow[]): Column[] {
  const keys = { metric: new Set<string>(), param: new Set<string>(), tag: new Set<string>() };
  for (const row of rows) {
    for (const key in row.metrics) keys.metric.add(key);
    for (const key in row.params) keys.param.add(key);
    for (const key in row.tags) keys.tag.add(key);
  }
  const named = (kind: keyof typeof PLURAL) =>
    [...keys[kind]]
      .sort((a, b) => a.localeCompare(b, "en", { numeric: true }))
      .map((key) => keyColumn(kind, key));
  return [...ATTRIBUTES, ...named("metric"), ...named("param"), ...named("tag")];
}

const TELLING = [/acc|score|reward|pass@|win|f1|bleu|exact/i, /^(eval|val|test)[/_]/i, /loss|kl|entropy/i];

/** What a table shows before anybody chose: what is measured at the end, and the params that tell runs apart. */
export function defaultColumns(all: readonly Column[], rows: readonly RunRow[], narrow = false): string[] {
  // What few runs have says little about the others.
  const isRare = (column: Column) => rows.filter((row) => column.key in row.metrics).length * 2 < rows.length;
  const rank = (column: Column) => {
    if (isRare(column)) return TELLING.length + 1;
    const at = TELLING.findIndex((pattern) => pattern.test(column.key));
    return at < 0 ? TELLING.length : at;
  };
  const metrics = all.filter((each) => each.kind === "metric" && !isSystem(each.key));
  const best = metrics
    .map((column) => ({ column, rank: rank(column) }))
    .sort((a, b) => a.rank - b.rank)
    .slice(0, 6)
    .map((each) => each.column);
  const differing = all.filter((each) => each.kind === "param" && differs(each.key, rows));
  const plain = all.filter((each) => each.kind === "tag" && !isPrivateTag(each.key));
  const life = narrow ? [] : ["started", "duration"];
  return [
    ...(narrow ? [] : ["status"]),
    ...life,
    ...best.map((each) => each.id),
    ...differing.slice(0, 6).map((each) => each.id),
    ...plain.slice(0, 2).map((each) => each.id),
    ...(narrow ? ["status", "started", "duration"] : []),
    "user",
  ];
}

function differs(key: string, rows: readonly RunRow[]): boolean {
  const first = rows[0]?.params[key];
  return rows.some((row) => row.params[key] !== first);
}

/** A key in the search grammar: quoted where it holds more than letters, digits, dots and underscores. */
export function quotedKey(key: string): string {
  if (/^[\w.]+$/.test(key)) return key;
  return key.includes("`") ? `"${key}"` : `\`${key}\``;
}

export const fieldOf = (column: Column): string =>
  column.kind === "attribute"
    ? `attributes.${column.key}`
    : `${PLURAL[column.kind]}.${quotedKey(column.key)}`;

export const NEWEST_FIRST = "attributes.start_time DESC";

/** The URL's `sort` (`-metrics.loss`: greatest first) as the API's order. Duration is not stored, so it has none. */
export function orderOf(sort: string | undefined): string[] {
  if (!sort) return [NEWEST_FIRST];
  const column = columnOf(sort.replace(/^-/, ""));
  if (!column || column.id === "duration") return [NEWEST_FIRST];
  return [`${fieldOf(column)} ${sort.startsWith("-") ? "DESC" : "ASC"}`];
}

export function cellValue(row: RunRow, column: Column): string | number | null {
  switch (column.kind) {
    case "metric":
      return row.metrics[column.key] ?? null;
    case "param":
      return row.params[column.key] ?? null;
    case "tag":
      return row.tags[column.key] ?? null;
    default:
      return column.id === "status"
        ? row.status
        : column.id === "user"
          ? row.user
          : column.id === "started"
            ? row.startedMs
            : null;
  }
}
