import { describe, expect, test } from "vitest";
import type { Freeze, RunnerKey } from "@/api/governance";
import { namedIn } from "./foreign-parts";
import { dayEnd, dayStart, titleOf } from "./ledger/events";
import { freezesNow } from "./models/freezes";
import { bareName, signedState } from "./models/signed";
import { dayEndText, localMs } from "./settings/times";

const KEY = { key_id: "k1", void_from_ms: null } as RunnerKey;
const signature = { key_id: "k1", public_key: "", signature: "", statement: "" };

describe("a verdict's signature", () => {
  const given = { signature, created_at_ms: 100, rows_sha256: "aa" };
  test("counts while its key is trusted, and is void from the moment on which the key is not", () => {
    expect(signedState(given, [KEY], undefined)).toBe("valid");
    expect(signedState(given, [{ ...KEY, void_from_ms: 101 }], undefined)).toBe("valid");
    expect(signedState(given, [{ ...KEY, void_from_ms: 100 }], undefined)).toBe("void");
    expect(signedState(given, [], undefined)).toBe("void");
  });
  test("may be missing, unless the workspace wants one", () => {
    const plain = { ...given, signature: null };
    expect(signedState(plain, [KEY], { signed_verdicts: "off" })).toBe("unsigned");
    expect(signedState(plain, [KEY], { signed_verdicts: "require" })).toBe("void");
    expect(signedState({ ...plain, rows_sha256: null }, [KEY], { signed_verdicts: "require" })).toBe(
      "unsigned",
    );
  });
});

test("a freeze holds from its start until before its end, for its alias or for all, until it is lifted", () => {
  const freeze = { alias: null, starts_at_ms: 10, ends_at_ms: 20, lifted_at_ms: null } as Freeze;
  const at = (now: number, alias?: string) => freezesNow([freeze], now, alias).length;
  expect([9, 10, 19, 20].map((now) => at(now))).toEqual([0, 1, 1, 0]);
  expect(at(15, "production")).toBe(1);
  expect(freezesNow([{ ...freeze, alias: "staging" }], 15, "production")).toEqual([]);
  expect(freezesNow([{ ...freeze, lifted_at_ms: 12 }], 15)).toEqual([]);
});

test("who did something is shown without the kind of account", () => {
  expect([bareName("user:ann"), bareName("ann")]).toEqual(["ann", "ann"]);
});

test("days of the ledger are whole days in UTC", () => {
  expect(dayStart("2026-08-01")).toBe(Date.UTC(2026, 7, 1));
  expect(dayEnd("2026-08-01")).toBe(Date.UTC(2026, 7, 2));
  expect([dayStart(undefined), dayEnd("2026-99-99")]).toEqual([undefined, undefined]);
});

test("events that nobody named are read from their own parts", () => {
  expect(titleOf("break_glass.requested")).toBe("Asked to break the glass");
  expect(titleOf("model.un_tagged")).toBe("Model un tagged");
});

test("addresses that the wandb client prints name a run and its part, or an artifact", () => {
  expect(namedIn("runs/abc")).toEqual({ run: "abc", tab: undefined });
  expect(namedIn("runs/abc/logs")).toEqual({ run: "abc", tab: "logs" });
  expect(namedIn("artifacts/dataset/mix/v3")).toEqual({ artifact: "mix", version: "v3" });
  expect(namedIn("workspace")).toEqual({});
});

test("a freeze ends with the day unless told otherwise", () => {
  const text = dayEndText(new Date(2026, 7, 1, 9).getTime());
  expect(text).toBe("2026-08-01T23:59");
  expect(localMs(text)).toBe(new Date(2026, 7, 1, 23, 59).getTime());
  expect(localMs("")).toBeNull();
});
