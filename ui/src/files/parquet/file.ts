import type { Cell } from "../cell";
import type { Answer, Order } from "./messages";
import type { Ask } from "./ranges";
import type { About, ReadColumn } from "./read";

/** So long may the reader say nothing while no bytes are on their way to it. */
const PATIENCE_MS = 20_000;

interface Wanted {
  resolve: (found: never) => void;
  reject: (error: Error) => void;
}

type Question = Order extends infer One ? (One extends { id: number } ? Omit<One, "id"> : never) : never;

/** A Parquet file that a worker reads. `close` ends it, and so does a file that keeps it busy for too long. */
export class ParquetFile {
  readonly #worker: Worker;
  readonly #ask: Ask;
  readonly #wanted = new Map<number, Wanted>();
  #count = 0;
  #fetching = 0;
  #timer: number | undefined;
  #ended: Error | null = null;

  constructor(ask: Ask) {
    this.#ask = ask;
    this.#worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    this.#worker.onmessage = (event: MessageEvent<Answer>) => this.#hear(event.data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#end("Its reader gave up: it may be damaged.");
    };
  }

  open = (sizeBytes: number): Promise<About> => this.#tell({ is: "open", sizeBytes });

  rows = (from: number, count: number, firstColumn: number, columnCount: number): Promise<ReadColumn[]> =>
    this.#tell({ is: "rows", from, count, firstColumn, columnCount });

  cell = (row: number, column: number): Promise<Cell> => this.#tell({ is: "cell", row, column });

  close(): void {
    this.#end("The file was closed.");
  }

  #tell<Found>(question: Question): Promise<Found> {
    if (this.#ended) return Promise.reject(this.#ended);
    this.#count += 1;
    const id = this.#count;
    return new Promise<Found>((resolve, reject) => {
      this.#wanted.set(id, { resolve, reject });
      this.#send({ ...question, id } as Order);
      this.#watch();
    });
  }

  #hear(answer: Answer): void {
    if (answer.is === "ask") void this.#bring(answer.ask, answer.from, answer.to);
    else {
      const one = this.#wanted.get(answer.id);
      this.#wanted.delete(answer.id);
      if (answer.is === "done") one?.resolve(answer.found as never);
      else one?.reject(new Error(answer.reason));
    }
    this.#watch();
  }

  async #bring(ask: number, from: number, to: number): Promise<void> {
    this.#fetching += 1;
    try {
      const content = await this.#ask(from, to);
      this.#send({ is: "bytes", ask, content }, [content]);
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      this.#send({ is: "bytes", ask, content: null, problem });
    } finally {
      this.#fetching -= 1;
      this.#watch();
    }
  }

  #send(order: Order, given: Transferable[] = []): void {
    if (!this.#ended) this.#worker.postMessage(order, given);
  }

  /** Begins to wait anew. */
  #watch(): void {
    window.clearTimeout(this.#timer);
    if (this.#ended || this.#wanted.size === 0 || this.#fetching > 0) return;
    this.#timer = window.setTimeout(
      () => this.#end("It keeps its reader busy for too long: it may be damaged."),
      PATIENCE_MS,
    );
  }

  #end(reason: string): void {
    if (this.#ended) return;
    this.#ended = new Error(reason);
    window.clearTimeout(this.#timer);
    this.#worker.terminate();
    for (const one of this.#wanted.values()) one.reject(this.#ended);
    this.#wanted.clear();
  }
}
