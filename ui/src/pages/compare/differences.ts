import type { Run } from "@/api/types";
import { toNumber } from "@/format/number";

export interface ParamRow {
  key: string;
  values: (string | undefined)[];
  differs: boolean;
}

/** Params of several runs side by side, by name; `differs` where not all say the same. */
export function paramRows(runs: readonly Run[]): ParamRow[] {
  const keys = [...new Set(runs.flatMap((run) => Object.keys(run.params)))].sort((a, b) =>
    a.localeCompare(b, "en", { numeric: true }),
  );
  return keys.map((key) => {
    const values = runs.map((run) => run.params[key]);
    return { key, values, differs: values.some((value) => value !== values[0]) };
  });
}

export interface MetricRow {
  key: string;
  values: (number | undefined)[];
  /** Which runs have the best value; empty where it is not known whether more is better, or where all are equal. */
  best: ReadonlySet<number>;
}

export function metricRows(runs: readonly Run[], growsBetter: (key: string) => boolean | null): MetricRow[] {
  const keys = [...new Set(runs.flatMap((run) => Object.keys(run.metrics)))].sort((a, b) =>
    a.localeCompare(b, "en", { numeric: true }),
  );
  return keys.map((key) => {
    const values = runs.map((run) => {
      const metric = run.metrics[key];
      return metric === undefined ? undefined : toNumber(metric.value);
    });
    const known = values.filter((value): value is number => value !== undefined && Number.isFinite(value));
    const up = growsBetter(key);
    const isTelling = up !== null && known.length > 1 && known.some((value) => value !== known[0]);
    const top = isTelling ? (up ? Math.max(...known) : Math.min(...known)) : null;
    return {
      key,
      values,
      best: new Set(values.flatMap((value, index) => (top !== null && value === top ? [index] : []))),
    };
  });
}

/** An axis of the parallel coordinates: numbers on a scale, or texts in order. */
export interface Axis {
  id: string;
  label: string;
  /** For each run a place from 0 (below) to 1, or null where it has no value. */
  at: (number | null)[];
  ticks: { at: number; text: string }[];
}

export function axisOf(id: string, runs: readonly Run[], format: (value: number) => string): Axis {
  const key = id.slice(id.indexOf(".") + 1);
  const raw = runs.map((run) => {
    if (id.startsWith("params.")) return run.params[key];
    const metric = run.metrics[key];
    return metric === undefined ? undefined : toNumber(metric.value);
  });
  const numbers = raw.map((value) => (value === undefined || value === "" ? Number.NaN : Number(value)));
  const isNumeric = raw.every((value, index) => value === undefined || Number.isFinite(numbers[index]));
  if (!isNumeric && id.startsWith("params.")) {
    const texts = [...new Set(raw.filter((value) => value !== undefined).map(String))].sort((a, b) =>
      a.localeCompare(b, "en", { numeric: true }),
    );
    const place = (text: string) => (texts.length === 1 ? 0.5 : texts.indexOf(text) / (texts.length - 1));
    return {
      id,
      label: key,
      at: raw.map((value) => (value === undefined ? null : place(String(value)))),
      ticks: texts.slice(0, 12).map((text) => ({ at: place(text), text })),
    };
  }
  const finite = numbers.filter(Number.isFinite);
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  const isLog = low > 0 && high / low >= 50;
  const scale = (value: number) => (isLog ? Math.log(value) : value);
  const [from, to] = [scale(low), scale(high)];
  const place = (value: number) => (from === to ? 0.5 : (scale(value) - from) / (to - from));
  const unscale = (share: number) =>
    isLog ? Math.exp(from + (to - from) * share) : from + (to - from) * share;
  const shares = from === to ? [0.5] : [0, 0.25, 0.5, 0.75, 1];
  return {
    id,
    label: key,
    at: numbers.map((value) => (Number.isFinite(value) ? place(value) : null)),
    ticks: finite.length === 0 ? [] : shares.map((share) => ({ at: share, text: format(unscale(share)) })),
  };
}
