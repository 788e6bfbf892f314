import { describe, expect, it } from "vitest";
import { actorName } from "./actor";
import {
  bytes,
  exactToNumber,
  percentDelta,
  shortNumber,
  signedPercent,
  tickNumber,
  toNumber,
} from "./number";
import { duration, relativeTime } from "./time";

describe("numbers", () => {
  it.each([
    [0, "0"],
    [0.123456789, "0.12346"],
    [1234567, "1,234,567"],
    [11611.37, "11,611.4"],
    [-2048.126, "−2,048.1"],
    [-0.5, "−0.5"],
    [1e-7, "1e−7"],
    [2.5e12, "2.5e12"],
    [-1.23456e-9, "−1.235e−9"],
    [Number.NaN, "NaN"],
    [Number.NEGATIVE_INFINITY, "−∞"],
  ])("%d reads %s", (value, text) => expect(shortNumber(value)).toBe(text));

  it.each([
    [0, "0"],
    [0.25, "0.25"],
    [-1.5, "−1.5"],
    [1500, "1,500"],
    [12_000, "12k"],
    [64_375_000_000, "64.375G"],
    [2.5e-7, "2.5e−7"],
    [1e-6, "1e−6"],
  ])("%d beside an axis reads %s", (value, text) => expect(tickNumber(value)).toBe(text));

  it("come as words where JSON has none", () => {
    expect(toNumber("-Infinity")).toBe(Number.NEGATIVE_INFINITY);
    expect(toNumber("NaN")).toBeNaN();
  });

  it("compare with a baseline, but not with zero", () => {
    expect(signedPercent(percentDelta(0.9, 0.8)!)).toBe("+12.5 %");
    expect(signedPercent(percentDelta(-3, -2)!)).toBe("−50.0 %");
    expect(percentDelta(1, 0)).toBeNull();
  });

  it("read exact scores", () => {
    expect(exactToNumber("434/500")).toBe(0.868);
    expect(exactToNumber("0.5")).toBe(0.5);
    expect(exactToNumber(null)).toBeNull();
  });

  it("measure files", () => {
    expect(bytes(1023)).toBe("1023 B");
    expect(bytes(1536)).toBe("1.5 KiB");
    expect(bytes(300 * 1024 * 1024)).toBe("300 MiB");
  });
});

it("whoever did something is named as people are", () => {
  expect(actorName("local:local")).toBe("the local owner");
  expect(actorName("user:ann")).toBe("ann");
  expect(actorName("gate:runner")).toBe("gate:runner");
});

describe("times", () => {
  it("are told as distances", () => {
    const now = 1_800_000_000_000;
    expect(relativeTime(now - 30_000, now)).toBe("just now");
    expect(relativeTime(now - 3 * 60_000, now)).toBe("3 minutes ago");
    expect(relativeTime(now - 86_400_000, now)).toBe("yesterday");
    expect(relativeTime(now + 7_200_000, now)).toBe("in 2 hours");
  });

  it.each([
    [340, "340ms"],
    [12_430, "12.4s"],
    [59_999, "59.9s"],
    [189_000, "3m 09s"],
    [3_840_000, "1h 04m"],
    [200_000_000, "2d 7h"],
  ])("last %d ms: %s", (ms, text) => expect(duration(ms)).toBe(text));
});
