import { describe, expect, it } from "vitest";
import { type Curve, extent, merged, nearest, padded, smooth, stepsWithin, toCurve } from "./series";

const curve = (id: string, x: number[], mean: number[]): Curve => {
  const xs = Float64Array.from(x);
  const ys = Float64Array.from(mean);
  return { id, x: xs, mean: ys, low: ys, high: ys, firstSteps: xs, lastSteps: xs };
};

const buckets = {
  run_id: "r",
  key: "loss",
  first_steps: [0, 10],
  last_steps: [9, 19],
  first_timestamps_ms: [1_000, 11_000],
  last_timestamps_ms: [10_000, 9_500],
  counts: [10, 10],
  minima: [1, "NaN" as const],
  maxima: [3, "Infinity" as const],
  means: [2, "NaN" as const],
  lasts: [2, "NaN" as const],
};

describe("toCurve", () => {
  it("keeps NaN and the infinities as what they are", () => {
    const made = toCurve(buckets, "step");
    expect([...made.x]).toEqual([9, 19]);
    expect(made.mean[1]).toBeNaN();
    expect(made.high[1]).toBe(Number.POSITIVE_INFINITY);
  });

  it("never runs backwards when a clock did", () => {
    expect([...toCurve(buckets, "relative", 0).x]).toEqual([10, 10]);
  });
});

describe("smooth", () => {
  it("is the values themselves without weight", () => {
    const values = Float64Array.from([3, 1, 2]);
    expect(smooth(values, 0)).toBe(values);
  });

  it("starts at the first value, not at zero", () => {
    expect(
      [...smooth(Float64Array.from([5, 5, 5]), 0.9)].map((value) => Math.round(value * 1e9) / 1e9),
    ).toEqual([5, 5, 5]);
  });

  it("does not drag a curve of few points behind", () => {
    const x = Float64Array.from([0, 100, 200, 300]);
    const values = Float64Array.from([0, 1, 2, 3]);
    expect(smooth(values, 0.9, x)[3]).toBeCloseTo(3, 3);
  });

  it("smooths finer data of the same curve alike", () => {
    const curveOf = (points: number) => Float64Array.from({ length: points }, (_, at) => at / (points - 1));
    const jump = (x: Float64Array) => x.map((at) => (at < 0.5 ? 0 : 1));
    const [coarse, fine] = [curveOf(241), curveOf(961)];
    const at = (x: Float64Array) => smooth(jump(x), 0.95, x)[Math.round((x.length - 1) * 0.6)]!;
    expect(Math.abs(at(coarse) - at(fine))).toBeLessThan(0.03);
  });

  it("leaves a gap a gap and goes on after it", () => {
    const [first, gap, last] = smooth(Float64Array.from([1, Number.NaN, 3]), 0.5);
    expect(first).toBe(1);
    expect(gap).toBeNaN();
    expect(last).toBeCloseTo((0.5 * 0.5 * 1 + 0.5 * 3) / (1 - 0.25));
  });
});

describe("nearest", () => {
  const x = Float64Array.from([0, 10, 20]);
  it.each([
    [-5, 0],
    [4, 0],
    [6, 1],
    [15.1, 2],
    [99, 2],
  ])("of %d is index %d", (at, index) => expect(nearest(x, at)).toBe(index));
  it("of nothing is -1", () => expect(nearest(new Float64Array(), 1)).toBe(-1));
});

describe("extent", () => {
  it("leaves out what is not finite, and on a log scale what is not above 0", () => {
    const values = Float64Array.from([Number.NaN, -2, 0, 4, Number.POSITIVE_INFINITY]);
    expect(extent([values])).toEqual([-2, 4]);
    expect(extent([values], true)).toEqual([4, 4]);
    expect(extent([Float64Array.from([Number.NaN])])).toBeNull();
  });

  it("gives a flat range a width", () => {
    expect(padded([0, 0])).toEqual([-1, 1]);
    expect(padded([2, 2])[0]).toBeLessThan(2);
    expect(padded([1, 1], true)).toEqual([0.5, 2]);
  });
});

describe("merged", () => {
  it("is the mean where the members overlap, and their spread", () => {
    const group = merged("g", [curve("a", [0, 10], [0, 10]), curve("b", [0, 10], [10, 20])], 3);
    expect([...group.mean]).toEqual([5, 10, 15]);
    expect([...group.low]).toEqual([0, 5, 10]);
    expect([...group.high]).toEqual([10, 15, 20]);
  });

  it("does not invent a member beyond its last point", () => {
    const group = merged("g", [curve("a", [0, 5], [1, 1]), curve("b", [0, 10], [3, 3])], 3);
    expect([...group.mean]).toEqual([2, 2, 3]);
  });
});

describe("stepsWithin", () => {
  it("covers every bucket that touches the range", () => {
    const made = toCurve({ ...buckets, last_timestamps_ms: [10_000, 20_000] }, "relative", 0);
    expect(stepsWithin([made], 12, 15)).toEqual([10, 19]);
    expect(stepsWithin([made], 0, 5)).toBeNull();
  });
});
