/**
 * Reads Parquet beside the page, so that a file that was made to keep its reader busy keeps nothing else busy. It
 * asks the page for bytes and never sees the credential.
 */
import type { Answer, Order } from "./messages";
import { Ranges, TooLarge } from "./ranges";
import { ParquetReader, reasonOf } from "./read";

const scope = self as unknown as {
  onmessage: ((event: MessageEvent<Order>) => void) | null;
  postMessage: (answer: Answer) => void;
};

const waiting = new Map<
  number,
  { resolve: (content: ArrayBuffer) => void; reject: (error: Error) => void }
>();
let asked = 0;
let reader: Promise<ParquetReader> | null = null;

const ask = (from: number, to: number): Promise<ArrayBuffer> =>
  new Promise((resolve, reject) => {
    asked += 1;
    waiting.set(asked, { resolve, reject });
    scope.postMessage({ is: "ask", ask: asked, from, to });
  });

async function obey(order: Exclude<Order, { is: "bytes" }>) {
  if (order.is === "open") {
    reader = ParquetReader.open(new Ranges(order.sizeBytes, ask));
    return (await reader).about;
  }
  if (!reader) throw new Error("Nothing is open.");
  const opened = await reader;
  if (order.is === "cell") return opened.cell(order.row, order.column);
  return opened.rows(order.from, order.count, order.firstColumn, order.columnCount);
}

scope.onmessage = ({ data: order }) => {
  if (order.is === "bytes") {
    const one = waiting.get(order.ask);
    waiting.delete(order.ask);
    if (order.content) one?.resolve(order.content);
    else one?.reject(new TooLarge(order.problem ?? "The bytes did not come."));
    return;
  }
  obey(order).then(
    (found) => scope.postMessage({ is: "done", id: order.id, found }),
    (error) => scope.postMessage({ is: "failed", id: order.id, reason: reasonOf(error) }),
  );
};
