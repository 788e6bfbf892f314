/**
 * Completion of a run filter while it is typed. The grammar is the server's (comparisons joined by AND); this
 * only looks at the clause around the cursor and guesses which part of it is missing.
 */
import { plural } from "@/format/number";
import { quotedKey } from "./columns";

export interface Known {
  metrics: readonly string[];
  params: readonly string[];
  tags: readonly string[];
  /** Values that occur in what is loaded, for a field such as `params.lr`. */
  valuesOf: (kind: "params" | "tags", key: string) => readonly string[];
}

/** A value that the server found, and how many runs have it. */
export interface FoundValue {
  value: string;
  runs: number;
}

export interface Suggestion {
  label: string;
  detail: string;
  /** The whole text after the suggestion was taken, and where the cursor is then. */
  text: string;
  cursor: number;
}

const ATTRIBUTES: readonly [string, string][] = [
  ["status", "attribute"],
  ["run_name", "attribute"],
  ["start_time", "attribute, milliseconds"],
  ["end_time", "attribute, milliseconds"],
  ["user_id", "attribute"],
  ["run_id", "attribute"],
  ["dataset.name", "data set"],
  ["dataset.digest", "data set"],
];
const STATUSES = ["running", "finished", "failed", "killed", "scheduled"];
const TEXT_OPERATORS = ["=", "!=", "LIKE", "ILIKE"];
const NUMBER_OPERATORS = [">", ">=", "<", "<=", "=", "!="];
const FIELD = /^((?:metrics|params|tags|attributes)\.)?(`[^`]*`|"[^"]*"|[\w./-]+)$/i;

const VALUE = /^\s*(\S.*?)\s*(?:<=|>=|!=|=|<|>|\sI?LIKE\s)\s*('[^']*|"[^"]*|\S*)$/i;
const LISTED = /^((params?|tags?)\.|(attributes\.)?(user_id|run_name|run_id)$|datasets?\.(name|digest)$)/i;

/** The field whose value is being typed, and what of it is there; null where the server knows no values. */
export function valuePlace(text: string, cursor: number): { field: string; typed: string } | null {
  const before = text.slice(0, cursor);
  const found = VALUE.exec(before.slice(clauseStart(before)));
  const field = found?.[1]?.trim() ?? "";
  if (!FIELD.test(field) || !LISTED.test(field)) return null;
  return { field, typed: (found?.[2] ?? "").replace(/^['"]|['"]$/g, "") };
}

/** At most `limit` suggestions for the place of the cursor; `found` are values that the server knows for it. */
export function complete(
  text: string,
  cursor: number,
  known: Known,
  found: readonly FoundValue[] = [],
  limit = 12,
): Suggestion[] {
  const before = text.slice(0, cursor);
  const start = clauseStart(before);
  const clause = before.slice(start);
  const field = /^\s*((?:\w+\.)?(?:`[^`]*`?|"[^"]*"?|[\w./@-]*))$/.exec(clause);
  if (field) {
    const typed = field[1] ?? "";
    return ranked(fields(known), typed, limit).map(([label, detail]) =>
      taken(text, cursor, cursor - typed.length, `${label} `, label, detail),
    );
  }
  const operator = /^\s*(\S.*?)\s+([<>=!]*|[A-Za-z ]*)$/.exec(clause);
  if (operator && FIELD.test(operator[1]!.trim())) {
    const typed = operator[2] ?? "";
    const options = operatorsOf(operator[1]!.trim());
    const fitting = options.filter((each) => each.startsWith(typed.toUpperCase()) && each !== typed);
    return fitting
      .slice(0, limit)
      .map((each) => taken(text, cursor, cursor - typed.length, `${each} `, each, "operator"));
  }
  const value = VALUE.exec(clause);
  if (value && FIELD.test(value[1]!.trim())) {
    const typed = value[2] ?? "";
    const options = valuesFor(value[1]!.trim(), known, found);
    return ranked(options, typed, limit)
      .filter(([label]) => label !== typed)
      .map(([label, detail]) => taken(text, cursor, cursor - typed.length, `${label} `, label, detail));
  }
  if (/(?:'[^']*'|[\d.]|NULL)\s+(A?N?)$/i.test(clause)) {
    const typed = /\w*$/.exec(clause)?.[0] ?? "";
    return [
      taken(
        text,
        cursor,
        cursor - (/^an?$/i.test(typed) ? typed.length : 0),
        "AND ",
        "AND",
        "another condition",
      ),
    ];
  }
  return [];
}

function clauseStart(before: string): number {
  let at = 0;
  let quote = "";
  for (let index = 0; index < before.length; index += 1) {
    const sign = before[index]!;
    if (quote) {
      if (sign === quote) quote = "";
    } else if (sign === "'" || sign === '"' || sign === "`") quote = sign;
    else if (/^\sAND\s/i.test(before.slice(index, index + 5))) at = index + 5;
  }
  return at;
}

function fields(known: Known): [string, string][] {
  return [
    ...known.metrics.map((key): [string, string] => [`metrics.${quotedKey(key)}`, "metric"]),
    ...known.params.map((key): [string, string] => [`params.${quotedKey(key)}`, "param"]),
    ...ATTRIBUTES,
    ...known.tags.map((key): [string, string] => [`tags.${quotedKey(key)}`, "tag"]),
  ];
}

function operatorsOf(field: string): string[] {
  if (/^metrics\./i.test(field) || /(start|end)_time$/.test(field)) return NUMBER_OPERATORS;
  return /^(params|tags)\./i.test(field) ? [...TEXT_OPERATORS, "IS NULL", "IS NOT NULL"] : TEXT_OPERATORS;
}

function valuesFor(field: string, known: Known, found: readonly FoundValue[]): [string, string][] {
  if (/^(attributes\.)?status$/i.test(field)) return STATUSES.map((each) => [`'${each}'`, "value"]);
  const parts = /^(params|tags)\.[`"]?(.*?)[`"]?$/i.exec(field);
  const loaded = parts ? known.valuesOf(parts[1]!.toLowerCase() as "params" | "tags", parts[2]!) : [];
  const counted = new Map(found.map((each) => [each.value, plural(each.runs, "run")]));
  for (const each of loaded) if (!counted.has(each)) counted.set(each, "value");
  return [...counted].flatMap(([value, detail]) => {
    const text = quoted(value);
    return text === null ? [] : [[text, detail] as [string, string]];
  });
}

/** A text as the grammar writes it; null for one that holds both kinds of quotes. */
function quoted(value: string): string | null {
  if (!value.includes("'")) return `'${value}'`;
  return value.includes('"') ? null : `"${value}"`;
}

/** Options that hold what was typed: those that begin with it first, quotes not counted. */
function ranked(options: readonly [string, string][], typed: string, limit: number): [string, string][] {
  const wanted = typed.replace(/[`"']/g, "").toLowerCase();
  const scored = options.flatMap(([label, detail]) => {
    const plain = label.replace(/[`"']/g, "").toLowerCase();
    const at = plain.indexOf(wanted);
    if (at < 0) return [];
    const score = at === 0 ? 0 : plain[at - 1] === "." || plain[at - 1] === "/" ? 1 : 2;
    return [{ label, detail, score }];
  });
  scored.sort((a, b) => a.score - b.score);
  return scored.slice(0, limit).map(({ label, detail }) => [label, detail]);
}

function taken(
  text: string,
  cursor: number,
  from: number,
  insert: string,
  label: string,
  detail: string,
): Suggestion {
  const rest = text.slice(cursor).replace(/^\s+/, "");
  return { label, detail, text: text.slice(0, from) + insert + rest, cursor: from + insert.length };
}
