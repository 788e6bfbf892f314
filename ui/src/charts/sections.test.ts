import { describe, expect, it } from "vitest";
import { colorsFor } from "./colors";
import { csv } from "./download";
import { groupQueries } from "./loader";
import { keyFilter, moved, sectionsOf, titleIn } from "./sections";

describe("moved", () => {
  it("puts a chart where it was dropped, in front, or one place back", () => {
    const keys = ["a", "b", "c", "d"];
    expect(moved(keys, "a", "c")).toEqual(["b", "c", "a", "d"]);
    expect(moved(keys, "d", "b")).toEqual(["a", "d", "b", "c"]);
    expect(moved(keys, "c", -1)).toEqual(["c", "a", "b", "d"]);
    expect(moved(keys, "b", 1)).toEqual(["a", "c", "b", "d"]);
    expect(moved(keys, "d", 1)).toEqual(keys);
  });
});

describe("sectionsOf", () => {
  it("keeps what somebody arranged in front of its section", () => {
    const [evals] = sectionsOf(["eval/a", "eval/b", "eval/c"], ["eval/c", "gone"]);
    expect(evals?.keys).toEqual(["eval/c", "eval/a", "eval/b"]);
  });

  it("puts what is measured first and the machine last", () => {
    const keys = ["system/gpu.0", "train/loss", "zeta/a", "timing/s", "eval/acc", "loss"];
    expect(sectionsOf(keys).map((section) => section.name)).toEqual([
      "Metrics",
      "eval",
      "train",
      "zeta",
      "timing",
      "system",
    ]);
  });

  it("sorts a machine's measurements by node, or by part where no node is named", () => {
    const keys = ["system/gpu.0.temp", "system/cpu", "system/0/gpu_1_power", "system/memory/l:rank-3"];
    expect(sectionsOf(keys).map((section) => section.name)).toEqual(["0", "cpu", "gpu", "rank-3"]);
    expect(sectionsOf(["system/disk./.usageGB", "_runtime"]).map((section) => section.name)).toEqual([
      "disk",
      "runtime",
    ]);
  });

  it("leaves out of a chart's title what its section says", () => {
    expect([titleIn("eval", "eval/a/b"), titleIn("Metrics", "loss")]).toEqual(["a/b", "loss"]);
    expect([titleIn("cpu", "system/cpu"), titleIn("system", "system/cpu")]).toEqual(["cpu", "cpu"]);
  });

  it("counts numbers in names as numbers", () => {
    expect(sectionsOf(["a/10", "a/9"])[0]!.keys).toEqual(["a/9", "a/10"]);
  });
});

describe("keyFilter", () => {
  it("takes every word in any place", () => {
    expect(keyFilter("loss train")("train/loss")).toBe(true);
    expect(keyFilter("loss eval")("train/loss")).toBe(false);
  });

  it("reads a regular expression between slashes and keeps all while it is unfinished", () => {
    expect(keyFilter("/^eval.*acc$/")("eval/acc")).toBe(true);
    expect(keyFilter("/(/")("anything")).toBe(true);
    expect(keyFilter("/[")("anything")).toBe(true);
  });
});

describe("colorsFor", () => {
  it("gives a dozen ids a dozen colours, whatever their order", () => {
    const ids = Array.from({ length: 12 }, (_, index) => `run-${index}`);
    const colors = colorsFor(ids);
    expect(new Set(colors.values()).size).toBe(12);
    expect(colorsFor(ids.toReversed())).toEqual(colors);
  });
});

describe("groupQueries", () => {
  const query = (key: string, runs: number, buckets = 240) => ({
    query: {
      runIds: Array.from({ length: runs }, (_, index) => `r${index}`),
      key,
      buckets,
      axis: "step" as const,
      range: null,
    },
  });

  it("joins charts that differ in their key alone", () => {
    expect(
      groupQueries([query("a", 2), query("b", 2), query("c", 2, 800)]).map((group) => group.length),
    ).toEqual([2, 1]);
  });

  it("stays below what the server answers at once", () => {
    const groups = groupQueries(Array.from({ length: 30 }, (_, index) => query(`k${index}`, 100)));
    expect(groups.map((group) => group.length)).toEqual([10, 10, 10]);
  });
});

describe("csv", () => {
  it("quotes what needs it and defuses formulas", () => {
    expect(csv([["a,b", 'say "hi"', "=1+1", -1]])).toBe(`"a,b","say ""hi""",'=1+1,-1`);
  });
});
