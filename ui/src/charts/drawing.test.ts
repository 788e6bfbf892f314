import { expect, it } from "vitest";
import { curvesAsSvg, ticksOf } from "./drawing";
import type { Drawn } from "./paint";

it.each([
  [[0, 800], false, [0, 200, 400, 600, 800]],
  [[0.03, 1.02], false, [0.2, 0.4, 0.6, 0.8, 1]],
  [[0.64, 3.45], true, [0.7, 1, 2, 3]],
  [[0.02, 2000], true, [0.1, 1, 10, 100, 1000]],
] as [[number, number], boolean, number[]][])("round numbers of %j", (range, log, ticks) =>
  expect(ticksOf(range, log)).toEqual(ticks),
);

it("a drawing names its curves, whatever they are called, and its axes", () => {
  const x = Float64Array.from([0, 1]);
  const curve = { id: "a", x, mean: x, low: x, high: x, firstSteps: x, lastSteps: x };
  const drawn: Drawn = { curve, color: "#123456", label: "<b>&", line: x, raw: null };
  const frame = { title: "loss", axis: "step", logX: false, logY: false } as const;
  const svg = curvesAsSvg([drawn], { ...frame, x: [0, 1], y: [0, 1] });
  expect(svg).toContain("&#60;b&#62;&#38;");
  expect(svg).toContain(">0.6</text>");
  expect(new DOMParser().parseFromString(svg, "image/svg+xml").querySelector("parsererror")).toBeNull();
});
