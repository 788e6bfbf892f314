// @vitest-environment node
// The files in fixtures/ were made by pyarrow 25: kinds (snappy), pages (zstd, pages of 64 rows, two row groups) and
// one file of five rows for each other codec.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { Ranges } from "./ranges";
import { ParquetReader, reasonOf } from "./read";

const contentOf = (name: string): Uint8Array<ArrayBuffer> =>
  new Uint8Array(readFileSync(new URL(`./fixtures/${name}.parquet`, import.meta.url)));

const rangesOf = (content: Uint8Array<ArrayBuffer>) =>
  new Ranges(content.length, async (from, to) => content.slice(from, to).buffer);

const open = (name: string, smallChunk?: number) => ParquetReader.open(rangesOf(contentOf(name)), smallChunk);

const reasonFor = (content: Uint8Array<ArrayBuffer>): Promise<string> =>
  ParquetReader.open(rangesOf(content)).then(() => "it was read", reasonOf);

describe("the values of a file", async () => {
  const reader = await open("kinds");
  const columns = await reader.rows(0, 10, 0, 100);
  const at = (name: string) => {
    const index = reader.about.columns.findIndex((each) => each.name === name);
    expect(columns[index]!.problem).toBeNull();
    return columns[index]!.cells.map((each) => each.text);
  };

  test("are counted with the types of their columns", () => {
    expect(reader.about).toMatchObject({ rowCount: 3, groupCount: 1, codecs: ["SNAPPY"] });
    const types = Object.fromEntries(reader.about.columns.map((each) => [each.name, each.type]));
    expect(types).toEqual({
      id: "int64",
      prompt: "string",
      score: "double",
      passed: "bool",
      at: "timestamp[µs, UTC]",
      at_ns: "timestamp[ns]",
      day: "date",
      time: "time[µs]",
      price: "decimal(22, 2)",
      raw: "binary",
      messages: "list<struct<role: string, content: string>>",
      tags: "map<string, int64>",
      meta: "struct<n: int64, raw: binary, deep: struct<x: list<double>>>",
      u: "uint64",
      kind: "string",
      empty: "null",
    });
  });

  test("keep every digit", () => {
    expect(at("id")).toEqual(["9007199254740993", "", "-1"]);
    expect(at("u")).toEqual(["18446744073709551615", "0", ""]);
    expect(at("price")).toEqual(["12345678901234567890.12", "-0.05", ""]);
    expect(at("at")).toEqual(["2026-01-02 03:04:05.678901", "1969-12-31 23:59:59.999999", ""]);
    expect(at("at_ns")).toEqual(["2026-01-02 03:04:05.678901234", "1970-01-01 00:00:00", ""]);
    expect(at("day")).toEqual(["2026-01-02", "1969-12-31", ""]);
    expect(at("time")).toEqual(["03:04:05.678", "00:00:00", ""]);
  });

  test("tell nothing from empty, and bytes by their number", () => {
    const kinds = (name: string) =>
      columns[reader.about.columns.findIndex((each) => each.name === name)]!.cells.map((each) => each.is);
    expect(kinds("prompt")).toEqual(["text", "text", "text"]);
    expect(kinds("score")).toEqual(["number", "number", "null"]);
    expect(kinds("raw")).toEqual(["binary", "binary", "null"]);
    expect(kinds("empty")).toEqual(["null", "null", "null"]);
    expect(at("raw")).toEqual(["3 B", "0 B", ""]);
    expect(at("prompt")[0]).toBe("<script>window.pwned=1</script>");
    expect(at("kind")).toEqual(["a", "b", "a"]);
    expect(at("passed")).toEqual(["true", "false", ""]);
  });

  test("are JSON where they are nested", () => {
    expect(at("messages")).toEqual([
      '[{"role": "user", "content": "<b>hi</b>"}, {"role": "assistant", "content": null}]',
      "[]",
      "",
    ]);
    expect(at("tags")).toEqual(['{"a": 1, "b": null}', "{}", ""]);
    expect(at("meta")[0]).toBe('{"n": 9007199254740993, "raw": "<2 B>", "deep": {"x": [1.5]}}');
  });

  test("one alone is read in full", async () => {
    expect(await reader.cell(0, 1)).toEqual({ is: "text", text: "<script>window.pwned=1</script>" });
  });
});

describe("a part of a long file", () => {
  test("is the same whether its columns are fetched whole or from their beginning", async () => {
    const [whole, begun] = await Promise.all([open("pages"), open("pages", 0)]);
    for (const [from, count] of [
      [0, 10],
      [0, 1000],
      [700, 200],
      [1990, 30],
      [2500, 1000],
    ] as const) {
      const [a, b] = await Promise.all([whole.rows(from, count, 0, 3), begun.rows(from, count, 0, 3)]);
      expect(b).toEqual(a);
      expect(a.map((each) => each.cells.length)).toEqual(Array(3).fill(Math.min(count, 3000 - from)));
      const numbers = a[0]!.cells.map((cell) => Number(cell.text));
      expect(numbers).toEqual(numbers.map((_, index) => from + index));
    }
  });

  test("holds lists that begin in one page and end in another", async () => {
    const [, list, word] = await (await open("pages", 0)).rows(0, 1000, 0, 3);
    expect(list!.cells.slice(0, 8).map((each) => each.text)).toEqual([
      "",
      "[1]",
      "[2, 2]",
      "[3, 3, 3]",
      "[]",
      "",
      "[6, 6]",
      "[7, 7, 7]",
    ]);
    expect(word!.cells[999]!.text).toBe("w5");
  });

  test("ends with the file, and beyond it is nothing", async () => {
    const reader = await open("pages");
    expect((await reader.rows(2999, 10, 0, 1))[0]!.cells).toHaveLength(1);
    expect((await reader.rows(3000, 10, 0, 1))[0]!.cells).toEqual([]);
  });
});

test.each(["gzip", "brotli", "lz4"])("%s is decompressed", async (name) => {
  const [numbers, words] = await (await open(name)).rows(0, 5, 0, 2);
  expect(numbers!.cells.map((each) => each.text)).toEqual(["0", "1", "2", "3", "4"]);
  expect(words!.cells[4]!.text).toBe("row 4 ".repeat(20));
});

describe("a file that is no whole Parquet file says so", () => {
  test("when it is something else, cut off or encrypted", async () => {
    const content = contentOf("kinds");
    expect(await reasonFor(new Uint8Array(4))).toBe("It is too short.");
    expect(await reasonFor(content.slice(0, -100))).toMatch(/^It does not end as Parquet files do/);
    expect(await reasonFor(content.slice(-100))).toBe("Its footer would be larger than the file.");
    const encrypted = content.slice();
    encrypted.set([0x50, 0x41, 0x52, 0x45], content.length - 4);
    expect(await reasonFor(encrypted)).toBe("It is encrypted.");
  });

  test("when its footer is nonsense", async () => {
    const content = contentOf("kinds");
    const length = new DataView(content.buffer).getUint32(content.length - 8, true);
    content.fill(0xff, content.length - 8 - length, content.length - 8);
    expect(await reasonFor(content)).toMatch(/contradicts itself/);
  });

  test("when a column is damaged, of which the others are read all the same", async () => {
    const content = contentOf("gzip");
    content.fill(0xff, 4, 60);
    const reader = await ParquetReader.open(rangesOf(content));
    const [numbers, words] = await reader.rows(0, 5, 0, 2);
    expect(numbers).toEqual({
      cells: [],
      problem: "It contradicts itself: it may be damaged or incomplete.",
    });
    expect(words!.problem).toBeNull();
    expect(words!.cells).toHaveLength(5);
  });
});

test("whatever byte is wrong, a file is read or refused and nothing else", { timeout: 60_000 }, async () => {
  const whole = contentOf("kinds");
  const step = 53;
  for (let at = 0; at < whole.length; at += step) {
    const content = whole.slice();
    content[at] = content[at]! ^ 0x55;
    const read = ParquetReader.open(rangesOf(content)).then((reader) => reader.rows(0, 3, 0, 100));
    const found = await read.catch(reasonOf);
    if (typeof found === "string") expect(found).not.toBe("");
    else for (const column of found) expect(column.cells.length <= 3 || column.problem).toBeTruthy();
  }
});
