import { valueText } from "@/files/json-cells";

/**
 * A table that a run recorded at a step: `{"columns": […], "data": [[…], …]}`, as trainers log them, or with
 * `rows` for `data`, as Assay's own library does.
 */
export interface SampleTable {
  columns: string[];
  rows: unknown[][];
}

/** The table in a record's text, or null when it is no table. */
export function readTable(payload: string): SampleTable | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(payload);
  } catch {
    return null;
  }
  if (Array.isArray(parsed)) return fromObjects(parsed);
  if (typeof parsed !== "object" || parsed === null) return null;
  const { columns, rows, data = rows } = parsed as { columns?: unknown; data?: unknown; rows?: unknown };
  if (Array.isArray(columns) && Array.isArray(data)) {
    return { columns: columns.map(String), rows: data.filter(Array.isArray) };
  }
  return Array.isArray(data) ? fromObjects(data) : null;
}

function fromObjects(list: readonly unknown[]): SampleTable | null {
  const objects = list.filter(
    (each): each is Record<string, unknown> =>
      typeof each === "object" && each !== null && !Array.isArray(each),
  );
  if (objects.length === 0) return null;
  const columns = [...new Set(objects.flatMap((each) => Object.keys(each)))];
  return { columns, rows: objects.map((each) => columns.map((column) => each[column])) };
}

export interface Completion {
  text: string;
  reward: number | null;
  advantage: number | null;
  more: [string, unknown][];
}

export interface PromptGroup {
  prompt: string;
  completions: Completion[];
}

const NAMES = {
  prompt: /^(prompt|input|question|problem|query)$/i,
  completion: /^(completion|output|response|generation|answer)$/i,
  reward: /^(reward|score|total_reward)$/i,
  advantage: /^advantage$/i,
  group: /^(group|group_id|prompt_id|problem_id)$/i,
};

/**
 * Completions by the prompt that they answer (GRPO's groups), best reward first; null for a table without
 * prompts and completions.
 */
export function promptGroups(table: SampleTable): PromptGroup[] | null {
  const at = (name: keyof typeof NAMES) => table.columns.findIndex((column) => NAMES[name].test(column));
  const [prompt, completion, reward, advantage, group] = [
    at("prompt"),
    at("completion"),
    at("reward"),
    at("advantage"),
    at("group"),
  ];
  if (prompt < 0 || completion < 0) return null;
  const known = new Set([prompt, completion, reward, advantage, group]);
  const found = new Map<string, PromptGroup>();
  for (const row of table.rows) {
    const name = JSON.stringify([group < 0 ? null : row[group], row[prompt]]);
    const into = found.get(name) ?? { prompt: valueText(row[prompt]), completions: [] };
    found.set(name, into);
    into.completions.push({
      text: valueText(row[completion]),
      reward: asNumber(row[reward]),
      advantage: asNumber(row[advantage]),
      more: table.columns.flatMap((column, index): [string, unknown][] =>
        known.has(index) ? [] : [[column, row[index]]],
      ),
    });
  }
  for (const each of found.values()) each.completions.sort((a, b) => (b.reward ?? 0) - (a.reward ?? 0));
  return [...found.values()];
}

const asNumber = (value: unknown): number | null =>
  typeof value === "number" && Number.isFinite(value) ? value : null;
