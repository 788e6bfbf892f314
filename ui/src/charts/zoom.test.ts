import { expect, it } from "vitest";
import { withZoom, zoomsOf } from "./zoom";

it("an address holds the zoom of each chart, whatever its key is made of", () => {
  const list = withZoom(undefined, "gpu:0/load", { x: [0.25, 12.5], steps: [0, 13] });
  expect(list).toEqual(["gpu:0/load:0.25:12.5:0:13"]);
  expect(zoomsOf(list).get("gpu:0/load")).toEqual({ x: [0.25, 12.5], steps: [0, 13] });
});

it("a chart has one zoom, and none once it shows the whole curve again", () => {
  const first = withZoom(undefined, "loss", { x: [1, 2], steps: null });
  const both = withZoom(first, "reward", { x: [3, 4], steps: [3, 4] });
  const moved = withZoom(both, "loss", { x: [5, 6], steps: [5, 6] });
  expect(zoomsOf(moved).size).toBe(2);
  expect(zoomsOf(moved).get("loss")?.x).toEqual([5, 6]);
  expect(withZoom(withZoom(moved, "loss", null), "reward", null)).toBeUndefined();
});

it("nonsense in an address is no zoom", () => {
  expect(zoomsOf(["loss", "loss:a:b", "loss:9:1", ":1:2"]).size).toBe(0);
});
