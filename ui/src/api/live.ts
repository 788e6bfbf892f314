import type { ApiNumber } from "@/format/number";
import { apiUrl, currentWorkspace, getToken } from "./client";

/** Points of a run as they were written, oldest first. */
export interface LivePoints {
  run_id: string;
  points: [key: string, value: ApiNumber, step: number, timestampMs: number][];
}

export interface LiveHandlers {
  onPoints: (news: LivePoints) => void;
  /** Points of this run were left out; what is shown is to be read again. */
  onGap: (runId: string) => void;
}

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30_000;

/** Events of a stream as they arrive; what is not finished is kept for the next call. */
export function eventReader(onEvent: (name: string, data: string) => void): (text: string) => void {
  let rest = "";
  return (text) => {
    const blocks = (rest + text).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      let name = "message";
      const data: string[] = [];
      for (const line of block.split("\n")) {
        if (line.startsWith("event: ")) name = line.slice(7);
        else if (line.startsWith("data: ")) data.push(line.slice(6));
      }
      if (data.length > 0) onEvent(name, data.join("\n"));
    }
  };
}

/**
 * Watches runs until it is told to stop. An `EventSource` cannot carry a credential, so the stream is read by
 * `fetch`; when it ends it is opened again, after waits that grow while the server does not answer.
 */
export function watchRuns(runIds: readonly string[], handlers: LiveHandlers): () => void {
  const end = new AbortController();
  const read = eventReader((name, data) => {
    const news = JSON.parse(data) as LivePoints;
    if (name === "points") handlers.onPoints(news);
    else if (name === "gap") handlers.onGap(news.run_id);
  });
  void (async () => {
    for (let waitMs = FIRST_WAIT_MS; !end.signal.aborted; waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)) {
      if (await follow(runIds, read, end.signal)) {
        waitMs = FIRST_WAIT_MS;
        // What was written between two streams is in neither.
        if (!end.signal.aborted) for (const id of runIds) handlers.onGap(id);
      }
      await pause(waitMs, end.signal);
    }
  })();
  return () => end.abort();
}

async function follow(
  runIds: readonly string[],
  read: (text: string) => void,
  signal: AbortSignal,
): Promise<boolean> {
  const token = getToken();
  const headers: Record<string, string> = { "x-assay-workspace": currentWorkspace() };
  if (token) headers.authorization = `Bearer ${token}`;
  try {
    const response = await fetch(apiUrl("/live", { run_id: runIds }), { headers, signal });
    if (!response.ok || !response.body) return false;
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return true;
      read(value);
    }
  } catch {
    return false;
  }
}

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
