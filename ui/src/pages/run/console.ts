/** One line that a run printed. */
export interface ConsoleLine {
  text: string;
  /** When it was printed, in milliseconds since 1970, when that is known. */
  atMs: number | null;
  source: string;
  isError: boolean;
}

/** Records under these keys are what a run printed, not samples. */
export const isConsole = (key: string): boolean => /^(assay\.|_|system\/)?console(\/|$)/.test(key);

/** Files in which clients keep what a run printed. */
export const isLogFile = (path: string): boolean =>
  /(^|\/)(output\.log|console\.log|stdout(\.\w+)?|stderr(\.\w+)?|train(ing)?\.log)$/i.test(path);

// biome-ignore lint/suspicious/noControlCharactersInRegex: terminals are steered by control characters
const STEERING = /\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-_]/g;

/** What a terminal would show of a line: colours left out, and only what was written last over a progress bar. */
export function plain(text: string): string {
  const line = text.replace(STEERING, "").replace(/\r+$/, "");
  return line.slice(line.lastIndexOf("\r") + 1);
}

const STAMPED = /^(ERROR )?(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?)Z? (.*)$/s;

/** A line as clients send it: an object of JSON, a time and a text, or just a text. */
export function consoleLine(raw: string, source: string, atMs: number | null = null): ConsoleLine {
  if (raw.startsWith("{")) {
    try {
      const told = JSON.parse(raw) as Record<string, unknown>;
      const { level, label } = told;
      const content = told.content ?? told.line;
      const at = told.ts ?? told.at;
      if (typeof content === "string") {
        return {
          text: plain(content),
          atMs: (typeof at === "string" ? stamp(at) : null) ?? atMs,
          source: typeof label === "string" && label ? label : source,
          isError: level === "error",
        };
      }
    } catch {
      // A line that begins like an object is a line.
    }
  }
  const found = STAMPED.exec(raw);
  const isError = /stderr/i.test(source);
  if (found)
    return { text: plain(found[3]!), atMs: stamp(found[2]!), source, isError: isError || Boolean(found[1]) };
  return { text: plain(raw), atMs, source, isError };
}

function stamp(text: string): number | null {
  const at = Date.parse(/[Zz]|[+-]\d\d:\d\d$/.test(text) ? text : `${text}Z`);
  return Number.isNaN(at) ? null : at;
}
