import { expect, test } from "vitest";
import { eventReader } from "./live";

test("events are read however the stream is cut", () => {
  const found: [string, string][] = [];
  const read = eventReader((name, data) => found.push([name, data]));
  const stream = 'retry: 2000\n\n: still here\n\nevent: points\ndata: {"a":1}\n\nevent: gap\ndata: {}\n\n';
  for (let at = 0; at < stream.length; at += 7) read(stream.slice(at, at + 7));
  expect(found).toEqual([
    ["points", '{"a":1}'],
    ["gap", "{}"],
  ]);
});
