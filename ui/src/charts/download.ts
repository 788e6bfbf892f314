import type { Drawn } from "./paint";

export function save(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name.replace(/[^\w.@-]+/g, "-");
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

/** A field of CSV. A leading sign that spreadsheets would run as a formula is defused. */
export function csvField(value: string | number): string {
  const text = typeof value === "number" ? String(value) : /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export const csv = (rows: readonly (readonly (string | number)[])[]): string =>
  rows.map((row) => row.map(csvField).join(",")).join("\n");

export function curvesAsCsv(drawn: readonly Drawn[]): string {
  const rows: (string | number)[][] = [["run", "x", "value", "min", "max"]];
  for (const { curve, label, line } of drawn) {
    for (let at = 0; at < curve.x.length; at += 1) {
      rows.push([label, curve.x[at]!, line[at]!, curve.low[at]!, curve.high[at]!]);
    }
  }
  return csv(rows);
}
