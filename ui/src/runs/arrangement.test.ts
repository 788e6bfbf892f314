import { describe, expect, it } from "vitest";
import { chosenColors, placedBefore, sized, toggledIn, widthsOf, withPair } from "./arrangement";
import { columnOf } from "./columns";

describe("widths and colours in an address", () => {
  it("belong to names that may hold colons", () => {
    const list = withPair(undefined, "metrics.gpu:0/load", 180);
    expect(list).toEqual(["metrics.gpu:0/load:180"]);
    expect(widthsOf(list).get("metrics.gpu:0/load")).toBe(180);
    expect(withPair(list, "metrics.gpu:0/load", null)).toBeUndefined();
  });

  it("are bounded, and nonsense is none", () => {
    expect(widthsOf(["a:9999", "b:1", "c", "d:x", "e:-4"])).toEqual(
      new Map([
        ["a", 640],
        ["b", 56],
      ]),
    );
    expect(chosenColors(["run:3"]).get("run")).toBe(3);
  });
});

it("a column has the width that it was given, and room for a change beside its value", () => {
  const loss = columnOf("metrics.loss")!;
  expect(sized([loss], new Map(), true)[0]!.width).toBeGreaterThan(sized([loss], new Map(), false)[0]!.width);
  expect(sized([loss], new Map([["metrics.loss", 70]]), true)[0]!.width).toBe(70);
});

it("columns are put before another one or at the end", () => {
  expect(placedBefore(["a", "b", "c"], "c", "a")).toEqual(["c", "a", "b"]);
  expect(placedBefore(["a", "b", "c"], "a", null)).toEqual(["b", "c", "a"]);
  expect(placedBefore(["a"], "x", "gone")).toEqual(["a", "x"]);
});

it("an entry is put in and taken out", () => {
  expect(toggledIn(undefined, "a")).toEqual(["a"]);
  expect(toggledIn(["a"], "a")).toBeUndefined();
});
