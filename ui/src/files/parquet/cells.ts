import { bytes } from "@/format/number";
import type { Cell } from "../cell";

const MOST_DEPTH = 32;

/** How the values of a column are written. */
export type Reading =
  | { as: "plain" }
  | { as: "decimal"; scale: number }
  | { as: "time"; perSecond: bigint }
  | { as: "nested" };

/** A value as a cell, its text no longer than `most` signs. */
export function cellOf(value: unknown, reading: Reading, most: number): Cell {
  if (value === null || value === undefined) return { is: "null", text: "" };
  if (value instanceof Uint8Array) {
    if (reading.as === "decimal") return { is: "number", text: decimalText(signed(value), reading.scale) };
    return { is: "binary", text: bytes(value.length) };
  }
  if (typeof value === "bigint" || typeof value === "number") return numberCell(value, reading);
  if (typeof value === "object") {
    const writer = new Writer(most);
    writer.value(value, 0);
    return { is: "nested", text: writer.text, ...(writer.isCut ? { isCut: true } : {}) };
  }
  const text = typeof value === "string" ? value : String(value);
  if (text.length <= most) return { is: "text", text };
  return { is: "text", text: text.slice(0, most), isCut: true };
}

function numberCell(value: bigint | number, reading: Reading): Cell {
  if (reading.as === "decimal" && (typeof value === "bigint" || Number.isInteger(value)))
    return { is: "number", text: decimalText(BigInt(value), reading.scale) };
  if (reading.as === "time" && (typeof value === "bigint" || Number.isInteger(value)))
    return { is: "text", text: timeText(BigInt(value), reading.perSecond) };
  return { is: "number", text: Object.is(value, -0) ? "-0" : String(value) };
}

/** A whole number of two's complement, the highest byte first. */
function signed(content: Uint8Array): bigint {
  let value = 0n;
  for (const byte of content.subarray(0, 64)) value = (value << 8n) | BigInt(byte);
  return BigInt.asIntN(Math.min(content.length, 64) * 8, value);
}

/** `1234` of scale 2 is `12.34`, digit by digit. */
export function decimalText(unscaled: bigint, scale: number): string {
  if (!(scale > 0 && scale <= 1000)) return String(unscaled);
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, "0");
  return `${unscaled < 0n ? "-" : ""}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

const two = (value: bigint): string => String(value).padStart(2, "0");

/** A time of the day from its smallest units. */
export function timeText(units: bigint, perSecond: bigint): string {
  if (units < 0n || units > 172_800n * perSecond) return String(units);
  const seconds = units / perSecond;
  const fraction = String(units % perSecond).padStart(String(perSecond).length - 1, "0");
  const rest = fraction.replace(/0+$/, "");
  return `${two(seconds / 3600n)}:${two((seconds / 60n) % 60n)}:${two(seconds % 60n)}${rest ? `.${rest}` : ""}`;
}

/** A moment from its smallest units since 1970, all of its digits kept: `2026-01-02 03:04:05.678901`. */
export function momentText(units: bigint, perSecond: bigint): string {
  let seconds = units / perSecond;
  let rest = units % perSecond;
  if (rest < 0n) {
    seconds -= 1n;
    rest += perSecond;
  }
  const date = new Date(Number(seconds) * 1000);
  if (Number.isNaN(date.getTime())) return String(units);
  const text = date.toISOString().replace("T", " ").slice(0, -5);
  const fraction = String(rest)
    .padStart(String(perSecond).length - 1, "0")
    .replace(/0+$/, "");
  return fraction ? `${text}.${fraction}` : text;
}

/** A day from its number since 1970. */
export function dayText(days: number): string {
  const date = new Date(days * 86_400_000);
  return Number.isNaN(date.getTime()) ? String(days) : date.toISOString().replace(/T.*/, "");
}

/** Writes JSON until enough is written: whole numbers keep their digits, bytes are counted. */
class Writer {
  text = "";
  isCut = false;
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  value(value: unknown, depth: number): void {
    if (this.isCut) return;
    if (value === null || value === undefined) this.#put("null");
    else if (typeof value === "string") this.#put(JSON.stringify(value.slice(0, this.#most)));
    else if (value instanceof Uint8Array) this.#put(JSON.stringify(`<${bytes(value.length)}>`));
    else if (typeof value !== "object") this.#put(String(value));
    else if (depth >= MOST_DEPTH) this.#put('"…"');
    else if (Array.isArray(value) || ArrayBuffer.isView(value))
      this.#list(value as unknown as ArrayLike<unknown>, depth);
    else this.#names(value, depth);
  }

  #list(list: ArrayLike<unknown>, depth: number): void {
    this.#put("[");
    for (let at = 0; at < list.length && !this.isCut; at += 1) {
      if (at > 0) this.#put(", ");
      this.value(list[at], depth + 1);
    }
    this.#put("]");
  }

  #names(value: object, depth: number): void {
    this.#put("{");
    for (const [at, [name, inner]] of Object.entries(value).entries()) {
      if (this.isCut) return;
      this.#put(`${at > 0 ? ", " : ""}${JSON.stringify(name)}: `);
      this.value(inner, depth + 1);
    }
    this.#put("}");
  }

  #put(text: string): void {
    if (this.isCut) return;
    const left = this.#most - this.text.length;
    this.isCut = text.length > left;
    this.text += this.isCut ? text.slice(0, left) : text;
  }
}
