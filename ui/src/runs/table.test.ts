import { describe, expect, it, test } from "vitest";
import type { Finding } from "@/api/types";
import { columnOf, columnsOf, defaultColumns, orderOf, quotedKey } from "./columns";
import { findingsByRun } from "./findings";
import { groupsOf, linesOf, shownRuns, spreadOf } from "./groups";
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

describe("curves", () => {
  const ids = (rows: readonly RunRow[]) => rows.map((each) => each.id);
  const many = (count: number, more: (at: number) => Partial<RunRow> = () => ({})) =>
    Array.from({ length: count }, (_, at) => row(`r${at}`, more(at)));

  it("are of the first lines of the table, in which children stand below their parents", () => {
    const rows = many(12, (at) => (at < 3 ? { parentId: "r11" } : {}));
    const shown = ids(shownRuns(linesOf(rows, null, new Set())));
    expect(shown).toHaveLength(10);
    expect(shown.slice(0, 2)).toEqual(["r3", "r4"]);
    expect(shown).toContain("r11");
  });

  it("of what is pinned come first, and what is hidden has none", () => {
    const lines = linesOf(many(20), null, new Set(), new Set(["r17"]));
    expect(lines[0]).toMatchObject({ pinned: true, row: { id: "r17" } });
    expect(lines.filter((line) => line.kind === "run" && line.row.id === "r17")).toHaveLength(1);
    expect(ids(shownRuns(lines, ["r15"], ["r0"]))).toEqual([
      "r17",
      "r1",
      "r2",
      "r3",
      "r4",
      "r5",
      "r6",
      "r7",
      "r8",
      "r9",
      "r15",
    ]);
  });

  it("of a group are of all its members, not of the first ten runs of the table", () => {
    const rows = many(60, (at) => ({ params: { x: String(at % 3) } }));
    const lines = linesOf(rows, columnOf("params.x"), new Set());
    expect(shownRuns(lines)).toHaveLength(60);
    expect(shownRuns(lines, [], ["1"])).toHaveLength(40);
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
