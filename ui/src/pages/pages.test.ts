import { describe, expect, it } from "vitest";
import type { GateRun, Run } from "@/api/types";
import { pathOfHash } from "@/app/foreign-links";
import { matchScore } from "@/app/match";
import * as search from "@/app/search";
import { kindOf, parseCsv, readTensors, tensorHeaderSize } from "@/files/kinds";
import { axisOf, metricRows, paramRows } from "./compare/differences";
import { suiteGroups } from "./compare/winner";
import { promotable } from "./home/promotable";
import { rollbackTarget } from "./models/rollback";
import { reproduceText, shellWord } from "./run/reproduce";
import { promptGroups, readTable } from "./run/sample-table";

const run = (id: string, params: Record<string, string>, metrics: Record<string, number> = {}): Run =>
  ({
    run_id: id,
    name: id,
    params,
    tags: {},
    inputs: [],
    metrics: Object.fromEntries(Object.entries(metrics).map(([key, value]) => [key, { value }])),
  }) as unknown as Run;

describe("addresses", () => {
  it("of MLflow's page lead to ours", () => {
    expect(pathOfHash("#/experiments/1/runs/abc")).toBe("/runs/abc");
    expect(pathOfHash("#/experiments/7?x=1")).toBe("/experiments/7");
    expect(pathOfHash("/models/bot/versions/3")).toBe("/models/bot/versions/3");
    expect(pathOfHash("#section")).toBeNull();
  });

  it("drop what they do not know", () => {
    expect(search.runs({ view: "nonsense", smooth: 7, cols: [1, "status", null], hide: "a" })).toMatchObject({
      view: undefined,
      smooth: undefined,
      cols: ["1", "status"],
      hide: ["a"],
    });
    expect(search.root({ ws: "default" })).toEqual({ ws: undefined });
  });

  it("are found by what was typed", () => {
    expect(matchScore("sft-support-bot", "bot")).toBeGreaterThan(matchScore("robotics", "bot"));
    expect(matchScore("grpo-math", "gm")).toBeGreaterThan(0);
    expect(matchScore("grpo", "xyz")).toBe(0);
  });
});

describe("rollback", () => {
  const moves = (...list: ["promotion" | "rollback" | "set", number][]) =>
    list.map(([kind, to_version]) => ({ kind, to_version }));
  it("goes down the stack of promotions, one further each time", () => {
    const three = moves(["promotion", 1], ["promotion", 2], ["promotion", 3]);
    expect(rollbackTarget(three, new Set())).toBe(2);
    const once = [...three, ...moves(["rollback", 2])];
    expect(rollbackTarget(once, new Set([3]))).toBe(1);
    expect(rollbackTarget([...once, ...moves(["rollback", 1])], new Set([2, 3]))).toBeNull();
  });

  it("passes over versions that are not usable", () => {
    expect(rollbackTarget(moves(["promotion", 1], ["promotion", 2], ["promotion", 3]), new Set([2]))).toBe(1);
  });
});

describe("what waits", () => {
  const exam = (version: number, score: number, outcome = "pass") =>
    ({
      model: "m",
      version,
      gate: "g",
      gate_fingerprint: "f",
      gate_run_id: `${version}`,
      verdict: { outcome, score_value: score },
    }) as unknown as GateRun;
  const model = {
    name: "m",
    aliases: [{ alias: "production", version: 1, revision: 1, is_protected: true, updated_at_ms: 0 }],
  };
  const version = (number: number, state = "registered") => ({
    model: "m",
    version: number,
    state: state as "registered",
    is_verifiable: true,
  });

  it("is what passed and beats the champion strictly", () => {
    const exams = [exam(5, 0.95), exam(4, 0.868), exam(3, 0.7), exam(2, 0.99, "fail"), exam(1, 0.868)];
    const versions = [1, 2, 3, 4, 5].map((number) => version(number));
    expect(promotable([model], versions, exams).map((each) => each.version)).toEqual([5]);
    expect(promotable([model], [...versions.slice(0, 4), version(5, "quarantined")], exams)).toEqual([]);
  });

  it("asks for less where less is better", () => {
    expect(promotable([model], [version(2)], [exam(2, 0.1), exam(1, 0.2)], new Set(["g"]))).toHaveLength(1);
  });
});

describe("compare", () => {
  const runs = [
    run("a", { lr: "0.1", x: "1" }, { acc: 0.8, loss: 1 }),
    run("b", { lr: "0.2", x: "1" }, { acc: 0.9, loss: 2 }),
  ];
  it("marks what differs and what is best", () => {
    expect(paramRows(runs).map((row) => [row.key, row.differs])).toEqual([
      ["lr", true],
      ["x", false],
    ]);
    const rows = metricRows(runs, (key) => key === "acc");
    expect([...rows[0]!.best]).toEqual([1]);
    expect([...rows[1]!.best]).toEqual([0]);
    expect(metricRows(runs, () => null).every((row) => row.best.size === 0)).toBe(true);
  });

  it("scales numbers, and logarithmically where they span much", () => {
    const axis = axisOf(
      "params.lr",
      [run("a", { lr: "0.0001" }), run("b", { lr: "0.01" }), run("c", { lr: "1" })],
      String,
    );
    expect(axis.at.map((at) => Math.round(at! * 100) / 100)).toEqual([0, 0.5, 1]);
    const texts = axisOf(
      "params.algo",
      [run("a", { algo: "dpo" }), run("b", { algo: "sft" }), run("c", {})],
      String,
    );
    expect(texts.at).toEqual([0, 1, null]);
  });

  it("groups runs by the suite that scored them", () => {
    const evals = [
      { run_id: "a", suite: "s1" },
      { run_id: "b", suite: "s2" },
      { run_id: "c", suite: "s1" },
    ];
    const groups = suiteGroups([{ run_id: "a" }, { run_id: "b" }, { run_id: "c" }, { run_id: "d" }], evals);
    expect(groups).toEqual([
      { suite: "s1", ids: ["a", "c"] },
      { suite: "s2", ids: ["b"] },
      { suite: null, ids: ["d"] },
    ]);
  });
});

describe("samples", () => {
  it("stand side by side under their prompt, best first", () => {
    const table = readTable(
      JSON.stringify({
        columns: ["prompt", "completion", "reward"],
        data: [
          ["p", "bad", 0],
          ["p", "good", 1],
          ["q", "x", 1],
        ],
      }),
    )!;
    const groups = promptGroups(table)!;
    expect(groups.map((group) => group.completions.map((each) => each.text))).toEqual([
      ["good", "bad"],
      ["x"],
    ]);
  });

  it("are read from rows of objects too, and nothing else", () => {
    expect(readTable('[{"a":1},{"b":2}]')).toEqual({
      columns: ["a", "b"],
      rows: [
        [1, undefined],
        [undefined, 2],
      ],
    });
    expect(readTable('{"columns":["a"],"rows":[[1],[2]]}')).toEqual({ columns: ["a"], rows: [[1], [2]] });
    expect(readTable("not json")).toBeNull();
    expect(promptGroups({ columns: ["a"], rows: [] })).toBeNull();
  });
});

describe("files", () => {
  it("are shown by their kind, HTML as its source", () => {
    expect(kindOf("a/report.html")).toBe("text");
    expect(kindOf("plot.SVG")).toBe("image");
    expect(kindOf("weights.bin")).toBe("none");
    expect(kindOf("MLmodel")).toBe("text");
  });

  it("of CSV keep quotes, commas and line ends", () => {
    expect(parseCsv('a,"b ""x"", c"\r\n1,\n', ",", 10)).toEqual([
      ["a", 'b "x", c'],
      ["1", ""],
    ]);
  });

  it("of tensors are read from the header alone", () => {
    const size = new DataView(new ArrayBuffer(8));
    size.setBigUint64(0, 99n, true);
    expect(tensorHeaderSize(size.buffer)).toBe(99);
    size.setBigUint64(0, 2n ** 60n, true);
    expect(tensorHeaderSize(size.buffer)).toBeNull();
    expect(
      readTensors('{"w":{"dtype":"BF16","shape":[2,3]},"__metadata__":{"format":"pt"}}').tensors,
    ).toEqual([{ name: "w", dtype: "BF16", shape: [2, 3] }]);
  });
});

describe("reproduce", () => {
  it("quotes for the shell whatever a param holds", () => {
    expect(shellWord("it's")).toBe("'it'\\''s'");
    const text = reproduceText(run("a", { lr: "1e-5", note: "$(rm -rf /)" }));
    expect(text).toContain("'$(rm -rf /)'");
    expect(text).toContain("--lr 1e-5");
  });
});
