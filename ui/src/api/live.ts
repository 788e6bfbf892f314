import type { ApiNumber } from "@/format/number";
import { apiPath, apiUrl, currentWorkspace, getToken } from "./client";

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

export interface RunNewsHandlers {
  /** These runs are new or were changed. */
  onRuns: (runIds: readonly string[]) => void;
  /** Something may have been missed; the list is to be read again. */
  onGap: () => void;
  /** Whether news come by themselves from now on. */
  onLive: (isLive: boolean) => void;
}

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30_000;
/** Longer than the pause between two signs of life that the server gives. */
const SILENCE_MS = 40_000;

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

/** Watches runs until it is told to stop. */
export function watchRuns(runIds: readonly string[], handlers: LiveHandlers): () => void {
  return watchStream(apiUrl("/live", { run_id: runIds }), {
    onEvent: (name, data) => {
      const news = JSON.parse(data) as LivePoints;
      if (name === "points") handlers.onPoints(news);
      else if (name === "gap") handlers.onGap(news.run_id);
    },
    // What was written between two streams is in neither.
    onOpen: (isFirst) => {
      if (!isFirst) for (const id of runIds) handlers.onGap(id);
    },
  });
}

/** Watches which runs of an experiment are new or change, until it is told to stop. */
export function watchExperiment(experimentId: string, handlers: RunNewsHandlers): () => void {
  return watchStream(apiUrl(`${apiPath("experiments", experimentId)}/live`), {
    onEvent: (name, data) => {
      if (name === "runs") handlers.onRuns((JSON.parse(data) as { run_ids: string[] }).run_ids);
      else if (name === "gap") handlers.onGap();
    },
    onOpen: () => {
      handlers.onLive(true);
      handlers.onGap();
    },
    onLost: () => handlers.onLive(false),
  });
}

interface StreamHandlers {
  onEvent: (name: string, data: string) => void;
  /** The first words of a stream have come; the first stream, or one after another. */
  onOpen: (isFirst: boolean) => void;
  onLost?: () => void;
}

/**
 * Reads a stream until it is told to stop. An `EventSource` cannot carry a credential, so it is read by `fetch`;
 * when it ends it is opened again, after waits that grow while the server does not answer. Nobody holds a
 * connection for a tab that is not looked at: it is closed then, and opened again with the tab.
 */
export function watchStream(url: string, handlers: StreamHandlers): () => void {
  let end: AbortController | null = null;
  let isFirst = true;
  const onOpen = () => {
    handlers.onOpen(isFirst);
    isFirst = false;
  };
  const keepReading = async (signal: AbortSignal) => {
    let waitMs = FIRST_WAIT_MS;
    while (!signal.aborted) {
      const wasOpen = await readStream(url, signal, handlers.onEvent, onOpen);
      if (signal.aborted) return;
      handlers.onLost?.();
      if (wasOpen) waitMs = FIRST_WAIT_MS;
      await pause(waitMs, signal);
      waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
    }
  };
  const follow = () => {
    if (document.hidden) {
      if (end) handlers.onLost?.();
      end?.abort();
      end = null;
    } else if (!end) {
      end = new AbortController();
      void keepReading(end.signal);
    }
  };
  document.addEventListener("visibilitychange", follow);
  follow();
  return () => {
    document.removeEventListener("visibilitychange", follow);
    end?.abort();
  };
}

/** Reads one stream to its end; whether it ever said anything. A stream that is silent for long has ended. */
async function readStream(
  url: string,
  signal: AbortSignal,
  onEvent: StreamHandlers["onEvent"],
  onOpen: () => void,
): Promise<boolean> {
  const token = getToken();
  const headers: Record<string, string> = { "x-assay-workspace": currentWorkspace() };
  if (token) headers.authorization = `Bearer ${token}`;
  const read = eventReader(onEvent);
  const silence = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(), SILENCE_MS);
  };
  let isOpen = false;
  try {
    heard();
    const either = AbortSignal.any([signal, silence.signal]);
    const response = await fetch(url, { headers, signal: either });
    if (!response.ok || !response.body) return false;
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return isOpen;
      heard();
      if (!isOpen) onOpen();
      isOpen = true;
      read(value);
    }
  } catch {
    return isOpen;
  } finally {
    clearTimeout(timer);
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
