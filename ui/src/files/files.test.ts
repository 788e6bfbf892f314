import { describe, expect, test } from "vitest";
import type { Cell } from "./cell";
import { jsonCell, readJsonLines, readTableFile, textCell } from "./json-cells";
import { kindOf } from "./kinds";
import { cellOf, decimalText, momentText, timeText } from "./parquet/cells";
import { columnLooks, rowHeight } from "./table-looks";

describe("cells of a wandb table", () => {
  test("are media by their type and path, with a name that says something", () => {
    const image = { _type: "image-file", path: "media/images/a.png", caption: "at 3" };
    expect(jsonCell(image)).toEqual({ is: "image", path: "media/images/a.png", text: "at 3" });
    expect(jsonCell({ _type: "audio-file", path: "media/audio/tone.wav" })).toMatchObject({
      text: "tone.wav",
    });
    const page = { _type: "html-file", path: "media/html/98d463b6549bcf4b701d.html" };
    expect(jsonCell(page)).toMatchObject({ is: "html", text: "HTML page" });
    expect(jsonCell([image, image])).toMatchObject({ is: "image", more: [{ is: "image" }] });
  });

  test("are no media when they only look like it", () => {
    expect(jsonCell({ _type: "image-file" }).is).toBe("nested");
    expect(jsonCell({ _type: "constructor", path: "x" }).is).toBe("nested");
    expect(jsonCell([{ _type: "image-file", path: "a.png" }, 3]).is).toBe("nested");
  });

  test("are chats, values or JSON otherwise", () => {
    expect(jsonCell([{ role: "user", content: "hi" }])).toEqual({ is: "text", text: "user: hi" });
    expect(jsonCell(0.5)).toEqual({ is: "number", text: "0.5" });
    expect(jsonCell(null).is).toBe("null");
    expect(jsonCell({ a: [1] })).toEqual({ is: "nested", text: '{"a":[1]}' });
  });
});

test("a table of the wandb client is read from the file that has its name, and from no other", () => {
  const text = '{"columns":["id"],"data":[[1],"strange",[2]]}';
  expect(readTableFile("seen.table.json", text)).toEqual({ columns: ["id"], rows: [[1], [2]] });
  expect([
    readTableFile("seen.json", text),
    readTableFile("a.table.json", "[1]"),
    readTableFile("a.table.json", "{"),
  ]).toEqual([null, null, null]);
});

test("JSON lines are rows with the columns of all of them, without the line that was cut off", () => {
  const lines = '{"a":1}\n{"b":2,"a":3}\n\n{"a":4,"constructor":5}\n{"a":';
  expect(readJsonLines(lines, true, 10)).toEqual({
    columns: ["a", "b", "constructor"],
    rows: [
      [1, undefined, undefined],
      [3, 2, undefined],
      [4, undefined, 5],
    ],
  });
  expect(readJsonLines("1\n2\n", false, 10)).toBeNull();
  expect(readJsonLines("", false, 10)).toBeNull();
});

test("files of rows are told by their names", () => {
  expect(["a.parquet", "A.PQ", "b.jsonl", "c.ndjson", "d.tsv", "e.safetensors"].map(kindOf)).toEqual([
    "parquet",
    "parquet",
    "jsonl",
    "jsonl",
    "csv",
    "tensors",
  ]);
});

test("numbers of a CSV file stand on the right, and a row with pictures is as high as they need", () => {
  const rows = [
    ["1", "x"],
    ["-2.5e3", ""],
  ];
  const looks = columnLooks([{ name: "n" }, { name: "t" }], 2, (row, at) => textCell(rows[row]![at]!));
  expect(looks.map((each) => each.isRight)).toEqual([true, false]);
  const picture: Cell = { is: "image", text: "a", path: "a.png" };
  const high = columnLooks([{ name: "p" }], 1, () => picture);
  expect(rowHeight(high)).toBeGreaterThan(rowHeight(looks));
});

describe("a value of a Parquet file", () => {
  test("keeps the digits of decimals, times and moments", () => {
    expect([decimalText(-5n, 2), decimalText(12345n, 2), decimalText(7n, 0)]).toEqual([
      "-0.05",
      "123.45",
      "7",
    ]);
    expect([timeText(3_723_500n, 1_000n), timeText(-1n, 1_000n)]).toEqual(["01:02:03.5", "-1"]);
    expect(momentText(-1n, 1_000_000_000n)).toBe("1969-12-31 23:59:59.999999999");
    expect(momentText(10n ** 30n, 1_000n)).toBe(String(10n ** 30n));
  });

  test("is cut where it is too long, however deep it goes", () => {
    expect(cellOf("abcdef", { as: "plain" }, 3)).toEqual({ is: "text", text: "abc", isCut: true });
    const long = cellOf([Array(1000).fill("x")], { as: "nested" }, 20);
    expect([long.text.length, long.isCut]).toEqual([20, true]);
    let deep: unknown = 1;
    for (let depth = 0; depth < 10_000; depth += 1) deep = [deep];
    expect(cellOf(deep, { as: "nested" }, 10_000).text).toContain("…");
  });
});
