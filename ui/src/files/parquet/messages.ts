import type { Cell } from "../cell";
import type { About, ReadColumn } from "./read";

/** From the page to the worker. */
export type Order =
  | { is: "open"; id: number; sizeBytes: number }
  | { is: "rows"; id: number; from: number; count: number; firstColumn: number; columnCount: number }
  | { is: "cell"; id: number; row: number; column: number }
  | { is: "bytes"; ask: number; content: ArrayBuffer | null; problem?: string };

/** From the worker to the page. */
export type Answer =
  | { is: "ask"; ask: number; from: number; to: number }
  | { is: "done"; id: number; found: About | ReadColumn[] | Cell }
  | { is: "failed"; id: number; reason: string };
