import { expect, test } from "vitest";
import { Damaged, Ranges, TooLarge } from "./ranges";

const KIB = 1024;

function long(sizeBytes: number) {
  const asked: [number, number][] = [];
  const ranges = new Ranges(sizeBytes, async (from, to) => {
    asked.push([from, to]);
    return Uint8Array.from({ length: to - from }, (_, index) => (from + index) % 251).buffer;
  });
  ranges.allow(64 * 1024 * KIB);
  return { asked, ranges };
}

test("a slice has the bytes of its place, across the blocks that are fetched", async () => {
  const { ranges } = long(1000 * KIB);
  const found = new Uint8Array(await ranges.slice(255 * KIB, 600 * KIB));
  expect(found).toHaveLength(345 * KIB);
  expect([found[0], found.at(-1)]).toEqual([(255 * KIB) % 251, (600 * KIB - 1) % 251]);
});

test("neighbours are fetched together, and nothing twice", async () => {
  const { ranges, asked } = long(1000 * KIB);
  await ranges.slice(0, 10);
  await Promise.all([ranges.slice(5, 600 * KIB), ranges.slice(300 * KIB, 999 * KIB)]);
  await ranges.slice(0, 1000 * KIB);
  expect(asked).toEqual([
    [0, 256 * KIB],
    [256 * KIB, 768 * KIB],
    [768 * KIB, 1000 * KIB],
  ]);
});

test("no more is fetched than was allowed", async () => {
  const { ranges, asked } = long(4096 * KIB);
  ranges.allow(512 * KIB);
  await expect(ranges.slice(0, 1024 * KIB)).rejects.toThrow(TooLarge);
  expect(asked).toEqual([]);
  await ranges.slice(0, 512 * KIB);
  await expect(ranges.slice(512 * KIB, 513 * KIB)).rejects.toThrow(TooLarge);
  await ranges.slice(0, 512 * KIB);
});

test("a place outside the file is refused", async () => {
  const { ranges } = long(10);
  await expect(ranges.slice(5, 11)).rejects.toThrow(Damaged);
  await expect(ranges.slice(-1, 4)).rejects.toThrow(Damaged);
  await expect(ranges.slice(6, 5)).rejects.toThrow(Damaged);
});

test("what did not come is asked for again", async () => {
  let fails = true;
  const ranges = new Ranges(10, async (from, to) => {
    if (fails) throw new Error("away");
    return new ArrayBuffer(to - from);
  });
  ranges.allow(1024 * KIB);
  await expect(ranges.slice(0, 10)).rejects.toThrow("away");
  fails = false;
  expect((await ranges.slice(0, 10)).byteLength).toBe(10);
});
