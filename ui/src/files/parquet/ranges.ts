/** Asks for the bytes `from` (included) to `to` (not included). */
export type Ask = (from: number, to: number) => Promise<ArrayBuffer>;

/** A file that would have to be read further than a look at it may cost. */
export class TooLarge extends Error {}

/** A file that contradicts itself. */
export class Damaged extends Error {}

const BLOCK = 256 * 1024;
const MOST_KEPT = 64 * 1024 * 1024;

/**
 * A file elsewhere of which only what is asked for is fetched, in blocks that are kept for a while. It fetches no
 * more than was allowed.
 */
export class Ranges {
  readonly byteLength: number;
  readonly #ask: Ask;
  readonly #blocks = new Map<number, Promise<Uint8Array>>();
  #allowed = 0;

  constructor(sizeBytes: number, ask: Ask) {
    this.byteLength = sizeBytes;
    this.#ask = ask;
  }

  /** From now on so many bytes may be fetched, whatever was left before. */
  allow(bytes: number): void {
    this.#allowed = bytes;
  }

  async slice(from: number, to: number = this.byteLength): Promise<ArrayBuffer> {
    if (!(Number.isSafeInteger(from) && Number.isSafeInteger(to) && 0 <= from && from <= to))
      throw new Damaged("It names a place that cannot be.");
    if (to > this.byteLength) throw new Damaged("It names a place behind its own end.");
    if (from === to) return new ArrayBuffer(0);
    const first = Math.floor(from / BLOCK);
    const last = Math.floor((to - 1) / BLOCK);
    this.#fetch(first, last);
    const wanted = Array.from({ length: last - first + 1 }, (_, index) => this.#blocks.get(first + index)!);
    const found = await Promise.all(wanted);
    const bytes = new Uint8Array(to - from);
    found.forEach((block, index) => {
      const start = (first + index) * BLOCK;
      const part = block.subarray(Math.max(0, from - start), Math.min(block.length, to - start));
      bytes.set(part, Math.max(0, start - from));
    });
    this.#forget();
    return bytes.buffer;
  }

  /** Begins to fetch what is missing between two blocks, neighbours together. */
  #fetch(first: number, last: number): void {
    const missing: number[] = [];
    for (let at = first; at <= last; at += 1) if (!this.#blocks.has(at)) missing.push(at);
    const cost = missing.length * BLOCK;
    if (cost > this.#allowed) throw new TooLarge("More of it would have to be fetched than is fetched here.");
    this.#allowed -= cost;
    for (let at = 0; at < missing.length; ) {
      const start = missing[at]!;
      let count = 1;
      while (missing[at + count] === start + count) count += 1;
      this.#fetchRun(start, count);
      at += count;
    }
  }

  #fetchRun(start: number, count: number): void {
    const from = start * BLOCK;
    const to = Math.min(this.byteLength, (start + count) * BLOCK);
    const run = this.#ask(from, to).then((content) => {
      if (content.byteLength !== to - from) throw new Damaged("The file changed while it was read.");
      return new Uint8Array(content);
    });
    for (let index = 0; index < count; index += 1) {
      const block = run.then((all) => all.subarray(index * BLOCK, (index + 1) * BLOCK));
      block.catch(() => this.#blocks.delete(start + index));
      this.#blocks.set(start + index, block);
    }
  }

  /** Lets go of the oldest blocks. */
  #forget(): void {
    const surplus = this.#blocks.size - MOST_KEPT / BLOCK;
    let gone = 0;
    for (const at of this.#blocks.keys()) {
      if (gone >= surplus) break;
      this.#blocks.delete(at);
      gone += 1;
    }
  }
}
