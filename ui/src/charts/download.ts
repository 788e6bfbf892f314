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

const escapeXml = (text: string): string => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

/** The curves as a drawing that a paper can use: no axes' clutter, labelled corners, a legend. */
export function curvesAsSvg(
  drawn: readonly Drawn[],
  title: string,
  x: [number, number],
  y: [number, number],
): string {
  const [width, height, left, top] = [720, 400, 56, 36];
  const sx = (value: number) => left + ((value - x[0]) / (x[1] - x[0])) * (width - left - 16);
  const sy = (value: number) => top + (1 - (value - y[0]) / (y[1] - y[0])) * (height - top - 36);
  const lines = drawn.map(({ curve, color, line }) => {
    let path = "";
    let pen = "M";
    for (let at = 0; at < line.length; at += 1) {
      if (!Number.isFinite(line[at]!)) pen = "M";
      else {
        path += `${pen}${sx(curve.x[at]!).toFixed(1)} ${sy(line[at]!).toFixed(1)}`;
        pen = "L";
      }
    }
    return `<path d="${path}" fill="none" stroke="${color}" stroke-width="1.5" stroke-linejoin="round"/>`;
  });
  const legend = drawn.slice(0, 20).map(({ color, label }, at) => {
    const row = height + 18 * at;
    return `<rect x="${left}" y="${row}" width="10" height="3" fill="${color}"/><text x="${left + 16}" y="${row + 6}">${escapeXml(label)}</text>`;
  });
  const ticks = [
    `<text x="${left}" y="${height - 14}">${x[0]}</text>`,
    `<text x="${width - 16}" y="${height - 14}" text-anchor="end">${x[1]}</text>`,
    `<text x="${left - 6}" y="${height - 36}" text-anchor="end">${Number(y[0].toPrecision(3))}</text>`,
    `<text x="${left - 6}" y="${top + 8}" text-anchor="end">${Number(y[1].toPrecision(3))}</text>`,
  ];
  const total = height + 18 * Math.min(20, drawn.length) + 12;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${total}" font-family="sans-serif" font-size="11" fill="#444"><text x="${left}" y="20" font-size="14" font-weight="600">${escapeXml(title)}</text><path d="M${left} ${top}V${height - 36}H${width - 16}" fill="none" stroke="#999"/>${ticks.join("")}${lines.join("")}${legend.join("")}</svg>`;
}
