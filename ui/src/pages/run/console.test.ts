import { expect, test } from "vitest";
import { consoleLine, isConsole, isLogFile, plain } from "./console";

test("of a progress bar the last state is shown, and colours are left out", () => {
  expect(plain("10%\r50%\r100%\r")).toBe("100%");
  expect(plain("\x1b[31mred\x1b[0m \x1b]0;title\x07end")).toBe("red end");
});

test("lines are read in the three shapes in which clients send them", () => {
  expect(
    consoleLine('{"ts":"2026-11-23T06:20:14.5","content":"hi","level":"error","label":"rank0"}', "x"),
  ).toEqual({
    text: "hi",
    atMs: Date.UTC(2026, 10, 23, 6, 20, 14, 500),
    source: "rank0",
    isError: true,
  });
  expect(
    consoleLine('{"line":"step 1","level":"info","label":"","at":"2026-11-23T06:20:14"}', "x"),
  ).toMatchObject({
    text: "step 1",
    source: "x",
    isError: false,
  });
  expect(consoleLine("ERROR 2026-11-23T06:20:14 oh", "x")).toMatchObject({ text: "oh", isError: true });
  expect(consoleLine("{not json", "stdout", 7)).toEqual({
    text: "{not json",
    atMs: 7,
    source: "stdout",
    isError: false,
  });
});

test("what a run printed is told from its samples and its other files", () => {
  expect(["assay.console/stdout", "console", "system/console", "consoles"].map(isConsole)).toEqual([
    true,
    true,
    true,
    false,
  ]);
  expect(["logs/output.log", "stdout.txt", "catalog"].map(isLogFile)).toEqual([true, true, false]);
});
