import { describe, expect, it } from "vitest";
import { type LoadedPage, withNews } from "./news";
import type { RunRow } from "./row";

const row = (id: string, startedMs: number, name = id): RunRow => ({
  id,
  name,
  experimentId: "1",
  status: "running",
  user: "ann",
  startedMs,
  endedMs: null,
  metrics: {},
  params: {},
  tags: {},
  parentId: null,
});
const pages = (): LoadedPage[] => [
  { rows: [row("d", 40), row("c", 30)], next: "token" },
  { rows: [row("b", 20)], next: "token" },
];
const shown = (of: { pages: LoadedPage[] }) => of.pages.map((page) => page.rows.map((each) => each.name));

describe("withNews", () => {
  it("replaces the rows that changed and keeps the others as they are", () => {
    const before = pages();
    const after = withNews(before, ["c"], [row("c", 30, "renamed")], false);
    expect(shown(after)).toEqual([["d", "renamed"], ["b"]]);
    expect(after.stale).toBe(false);
    expect(after.pages[0]!.rows[0]).toBe(before[0]!.rows[0]);
    expect(after.pages[1]).toBe(before[1]);
  });

  it("lets go of what no longer matches", () => {
    expect(shown(withNews(pages(), ["b", "d"], [], true))).toEqual([["c"], []]);
  });

  it("puts new runs where the newest first has them", () => {
    const found = [row("f", 50), row("e", 30)];
    expect(shown(withNews(pages(), ["f", "e"], found, true))).toEqual([
      ["f", "d", "c"],
      ["e", "b"],
    ]);
  });

  it("leaves a run beyond the last page to that page", () => {
    expect(shown(withNews(pages(), ["a"], [row("a", 10)], true))).toEqual([["d", "c"], ["b"]]);
    const whole = pages().map((page, index) => (index === 1 ? { ...page, next: null } : page));
    expect(shown(withNews(whole, ["a"], [row("a", 10)], true))).toEqual([
      ["d", "c"],
      ["b", "a"],
    ]);
  });

  it("asks for the pages anew when only the server knows the order", () => {
    const after = withNews(pages(), ["z"], [row("z", 99)], false);
    expect(shown(after)).toEqual([["d", "c"], ["b"]]);
    expect(after.stale).toBe(true);
  });

  it("fills an empty table", () => {
    expect(shown(withNews([{ rows: [], next: null }], ["a"], [row("a", 1)], true))).toEqual([["a"]]);
  });
});
