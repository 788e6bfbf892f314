/** A metric's value as the API sends it: NaN and the infinities are words. */
export type ApiNumber = number | "NaN" | "Infinity" | "-Infinity";

/** The word NaN becomes NaN, and so on. */
export const toNumber = (value: ApiNumber): number => (typeof value === "number" ? value : Number(value));

/** Six significant digits at most, short exponents, grouped thousands; made to be read in columns. */
export function shortNumber(value: number, digits = 5): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e9 || size < 1e-4)
    return Number(value.toPrecision(4)).toExponential().replace("e+", "e").replaceAll("-", "−");
  if (Number.isInteger(value)) return value.toLocaleString("en-US").replace("-", "−");
  if (size >= 1000) {
    const places = size >= 1e5 ? 1 : Math.max(0, digits - 4);
    return value.toLocaleString("en-US", { maximumFractionDigits: places }).replace("-", "−");
  }
  return String(Number(value.toPrecision(digits))).replace("-", "−");
}

const SIZES = [
  [1e12, "T"],
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
] as const;

/** A number beside an axis, as short as it can be: `64.5G`, `12k`, `2.5e−7`. */
export function tickNumber(value: number): string {
  const size = Math.abs(value);
  if (size === 0) return "0";
  const digits = (number: number) => String(Number(number.toPrecision(5)));
  let text: string;
  if (size < 1e-3 || size >= 1e15) text = Number(value.toPrecision(4)).toExponential().replace("e+", "e");
  else {
    const [unit, sign] = (size >= 1e4 && SIZES.find(([each]) => size >= each)) || [1, ""];
    text = unit === 1 && size >= 1000 ? value.toLocaleString("en-US") : `${digits(value / unit)}${sign}`;
  }
  return text.replaceAll("-", "−");
}

export function bytes(size: number): string {
  if (size < 1024) return `${size} B`;
  const units = ["KiB", "MiB", "GiB", "TiB", "PiB"];
  let value = size / 1024;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** `+3.2 %`; null when there is nothing to compare with. */
export function percentDelta(value: number, baseline: number): number | null {
  if (!Number.isFinite(value) || !Number.isFinite(baseline) || baseline === 0) return null;
  return ((value - baseline) / Math.abs(baseline)) * 100;
}

export function signedPercent(percent: number): string {
  const size = Math.abs(percent);
  const text = size >= 1000 ? `${Math.round(size)}` : size >= 10 ? size.toFixed(1) : size.toFixed(2);
  return `${percent > 0 ? "+" : percent < 0 ? "−" : "±"}${text} %`;
}

/** An exact score (`7/9`, `0.82`) as a number. */
export function exactToNumber(text: string | null | undefined): number | null {
  if (!text) return null;
  const [top, bottom] = text.split("/");
  const value = bottom === undefined ? Number(top) : Number(top) / Number(bottom);
  return Number.isNaN(value) ? null : value;
}

export const plural = (count: number, one: string, many = `${one}s`): string =>
  `${count.toLocaleString("en-US")} ${count === 1 ? one : many}`;
