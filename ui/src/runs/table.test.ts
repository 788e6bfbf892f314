import { describe, expect, it, test } from "vitest";
import type { Finding } from "@/api/types";
import { columnOf, columnsOf, defaultColumns, orderOf, quotedKey } from "./columns";
import { findingsByRun } from "./findings";
import { groupsOf, linesOf, spreadOf } from "./groups";
import type { RunRow } from "./row";

const row = (id: string, more: Partial<RunRow> = {}): RunRow => ({
  id,
  name: id,
  experimentId: "1",
  status: "finished",
  user: "mira",
  startedMs: 0,
  endedMs: 1,
  metrics: {},
  params: {},
  tags: {},
  parentId: null,
  ...more,
});

describe("columns", () => {
  it("come from what the runs logged", () => {
    const rows = [
      row("a", { metrics: { loss: 1 }, params: { lr: "1" }, tags: { team: "x", "mlflow.user": "y" } }),
      row("b", { params: { lr: "2", same: "s" } }),
    ];
    const ids = columnsOf(rows).map((column) => column.id);
    expect(ids).toEqual([
      "status",
      "started",
      "duration",
      "user",
      "metrics.loss",
      "params.lr",
      "params.same",
      "tags.mlflow.user",
      "tags.team",
    ]);
    const chosen = defaultColumns(columnsOf(rows), rows);
    expect(chosen).toContain("params.lr");
    expect(chosen).not.toContain("tags.mlflow.user");
  });

  it("are read back from a URL, and nonsense is none", () => {
    expect(columnOf("metrics.eval/acc")?.key).toBe("eval/acc");
    expect(columnOf("status")?.kind).toBe("attribute");
    expect(columnOf("metrics.")).toBeNull();
    expect(columnOf("nonsense.x")).toBeNull();
  });

  it("order the search in its own grammar", () => {
    expect(orderOf("-metrics.eval/acc")).toEqual(["metrics.`eval/acc` DESC"]);
    expect(orderOf("started")).toEqual(["attributes.start_time ASC"]);
    expect(orderOf(undefined)).toEqual(["attributes.start_time DESC"]);
    expect(orderOf("duration")).toEqual(["attributes.start_time DESC"]);
    expect(quotedKey("a`b")).toBe('"a`b"');
  });
});

describe("groups", () => {
  it("gather runs by a value, those without one under (none)", () => {
    const rows = [row("a", { params: { x: "1" } }), row("b"), row("c", { params: { x: "1" } })];
    expect(groupsOf(rows, columnOf("params.x")!).map((group) => [group.name, group.rows.length])).toEqual([
      ["1", 2],
      ["(none)", 1],
    ]);
  });

  it("average what is finite", () => {
    const rows = [
      row("a", { metrics: { m: 1 } }),
      row("b", { metrics: { m: Number.NaN } }),
      row("c", { metrics: { m: 3 } }),
    ];
    expect(spreadOf(rows, "m")).toEqual({ mean: 2, min: 1, max: 3, count: 2 });
    expect(spreadOf(rows, "other")).toBeNull();
  });
});

describe("lines", () => {
  it("nest children below a parent that is there", () => {
    const rows = [row("child", { parentId: "parent" }), row("parent"), row("orphan", { parentId: "gone" })];
    const lines = linesOf(rows, null, new Set()).map((line) =>
      line.kind === "run" ? [line.row.id, line.depth] : null,
    );
    expect(lines).toEqual([
      ["parent", 0],
      ["child", 1],
      ["orphan", 0],
    ]);
    expect(linesOf(rows, null, new Set(["parent"]))).toHaveLength(2);
  });

  it("do not loop when runs claim each other as parents", () => {
    const rows = [row("a", { parentId: "b" }), row("b", { parentId: "a" }), row("c", { parentId: "c" })];
    expect(linesOf(rows, null, new Set()).length).toBeLessThanOrEqual(3);
  });
});

test("of what detectors found, only what still stands marks a run, each detector once", () => {
  const finding = { run_id: "r", detector: "kl_explosion", cleared_at_ms: null } as Finding;
  const shown = findingsByRun([
    finding,
    { ...finding, key: "other" },
    { ...finding, run_id: "s", cleared_at_ms: 3 },
  ]);
  expect([...shown]).toEqual([["r", "KL exploded"]]);
});
