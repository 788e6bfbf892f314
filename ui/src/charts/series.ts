import type { SeriesBuckets } from "@/api/types";
import type { XAxis } from "@/app/search";
import { toNumber } from "@/format/number";

/** One curve of a chart: a row per bucket, x ascending. NaN is a gap. */
export interface Curve {
  id: string;
  x: Float64Array;
  mean: Float64Array;
  low: Float64Array;
  high: Float64Array;
  firstSteps: Float64Array;
  lastSteps: Float64Array;
}

const floats = (values: readonly (number | string)[]): Float64Array =>
  Float64Array.from(values, (value) => (typeof value === "number" ? value : toNumber(value as "NaN")));

/** Buckets as the server made them, with x in steps, in seconds since the run's first point, or in seconds since 1970. */
export function toCurve(buckets: SeriesBuckets, axis: XAxis, startMs?: number): Curve {
  const lastSteps = floats(buckets.last_steps);
  let x = lastSteps;
  if (axis !== "step") {
    const origin = axis === "wall" ? 0 : (startMs ?? buckets.first_timestamps_ms[0] ?? 0);
    x = Float64Array.from(buckets.last_timestamps_ms, (at) => (at - origin) / 1000);
    // Clocks go back now and then; a curve never does.
    for (let at = 1; at < x.length; at += 1) x[at] = Math.max(x[at]!, x[at - 1]!);
  }
  return {
    id: buckets.run_id,
    x,
    mean: floats(buckets.means),
    low: floats(buckets.minima),
    high: floats(buckets.maxima),
    firstSteps: floats(buckets.first_steps),
    lastSteps,
  };
}

/** In how many parts a width is divided for smoothing: `weight` is what the past keeps over one of them. */
const PARTS = 240;

/**
 * Exponential moving average, corrected for its start. What the past keeps depends on how far away it is, so
 * that few points are not dragged behind, and finer data of the same curve is not smoothed less. Gaps stay
 * gaps and do not disturb what follows them. Without `x` each point is one part away from the next.
 */
export function smooth(values: Float64Array, weight: number, x?: Float64Array): Float64Array {
  if (weight <= 0) return values;
  const out = new Float64Array(values.length);
  const width = x && x.length > 1 ? x[x.length - 1]! - x[0]! : 0;
  let [average, seen, before] = [0, 0, x?.[0] ?? 0];
  for (let at = 0; at < values.length; at += 1) {
    const value = values[at]!;
    if (!Number.isFinite(value)) {
      out[at] = value;
      continue;
    }
    const parts = x && width > 0 && seen > 0 ? ((x[at]! - before) / width) * PARTS : 1;
    const kept = weight ** parts;
    average = average * kept + value * (1 - kept);
    seen = seen * kept + (1 - kept);
    out[at] = seen > 0 ? average / seen : value;
    before = x?.[at] ?? before;
  }
  return out;
}

/** The index whose x is nearest to `at`; -1 when there is none. */
export function nearest(x: Float64Array, at: number): number {
  if (x.length === 0) return -1;
  let low = 0;
  let high = x.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (x[middle]! < at) low = middle + 1;
    else high = middle;
  }
  return low > 0 && at - x[low - 1]! < x[low]! - at ? low - 1 : low;
}

/** Least and greatest finite value of all arrays, or null when they hold none. On a log scale only what is above 0 counts. */
export function extent(arrays: Iterable<Float64Array>, positive = false): [number, number] | null {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const values of arrays) {
    for (const value of values) {
      if (!Number.isFinite(value) || (positive && value <= 0)) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return low <= high ? [low, high] : null;
}

/** A little air around a range; a flat one gets a width. */
export function padded([low, high]: [number, number], log = false): [number, number] {
  if (log) return low === high ? [low / 2, high * 2] : [low / 1.15, high * 1.15];
  if (low === high) {
    const half = low === 0 ? 1 : Math.abs(low) * 0.1;
    return [low - half, high + half];
  }
  const air = (high - low) * 0.05;
  return [low - air, high + air];
}

/** Curves of one group as one: mean over the members at each x, between their least and greatest mean. */
export function merged(id: string, members: readonly Curve[], points = 240): Curve {
  const range = extent(members.map((member) => member.x)) ?? [0, 1];
  const size = range[0] === range[1] ? 1 : points;
  const x = Float64Array.from({ length: size }, (_, at) =>
    size === 1 ? range[0] : range[0] + ((range[1] - range[0]) * at) / (size - 1),
  );
  const mean = new Float64Array(size).fill(Number.NaN);
  const low = new Float64Array(size).fill(Number.NaN);
  const high = new Float64Array(size).fill(Number.NaN);
  for (let at = 0; at < size; at += 1) {
    let sum = 0;
    let count = 0;
    let least = Number.POSITIVE_INFINITY;
    let greatest = Number.NEGATIVE_INFINITY;
    for (const member of members) {
      const value = valueAt(member, x[at]!);
      if (!Number.isFinite(value)) continue;
      sum += value;
      count += 1;
      least = Math.min(least, value);
      greatest = Math.max(greatest, value);
    }
    if (count === 0) continue;
    mean[at] = sum / count;
    low[at] = least;
    high[at] = greatest;
  }
  return { id, x, mean, low, high, firstSteps: x, lastSteps: x };
}

function valueAt(curve: Curve, at: number): number {
  const { x, mean } = curve;
  const last = x.length - 1;
  if (last < 0 || at < x[0]! || at > x[last]!) return Number.NaN;
  const right = nearest(x, at);
  if (x[right] === at) return mean[right]!;
  const from = x[right]! < at ? right : right - 1;
  const to = Math.min(last, from + 1);
  if (from < 0 || from === to) return mean[right]!;
  const share = (at - x[from]!) / (x[to]! - x[from]! || 1);
  return mean[from]! + (mean[to]! - mean[from]!) * share;
}

/** The steps that lie within a range of x, so that a zoom on a time axis can ask for finer data. */
export function stepsWithin(curves: readonly Curve[], from: number, to: number): [number, number] | null {
  let first = Number.POSITIVE_INFINITY;
  let last = Number.NEGATIVE_INFINITY;
  for (const curve of curves) {
    for (let at = 0; at < curve.x.length; at += 1) {
      const here = curve.x[at]!;
      const before = at > 0 ? curve.x[at - 1]! : here;
      if (here < from || before > to) continue;
      first = Math.min(first, curve.firstSteps[at]!);
      last = Math.max(last, curve.lastSteps[at]!);
    }
  }
  return first <= last ? [first, last] : null;
}
