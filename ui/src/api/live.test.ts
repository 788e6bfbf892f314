import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { eventReader, watchExperiment } from "./live";

test("events are read however the stream is cut", () => {
  const found: [string, string][] = [];
  const read = eventReader((name, data) => found.push([name, data]));
  const stream = 'retry: 2000\n\n: still here\n\nevent: points\ndata: {"a":1}\n\nevent: gap\ndata: {}\n\n';
  for (let at = 0; at < stream.length; at += 7) read(stream.slice(at, at + 7));
  expect(found).toEqual([
    ["points", '{"a":1}'],
    ["gap", "{}"],
  ]);
});

/** A server whose streams the test writes and ends. */
function streams() {
  const open: { say: (text: string) => void; end: () => void; signal: AbortSignal }[] = [];
  const answers: (() => Response)[] = [];
  const fetched = vi.fn(async (_: string, { signal }: { signal: AbortSignal }) => {
    const refusal = answers.shift();
    if (refusal) return refusal();
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const writer = writable.getWriter();
    signal.addEventListener("abort", () => void writer.abort().catch(() => {}));
    open.push({
      say: (text) => void writer.write(new TextEncoder().encode(text)).catch(() => {}),
      end: () => void writer.close().catch(() => {}),
      signal,
    });
    return new Response(readable);
  });
  vi.stubGlobal("fetch", fetched);
  return { open, answers, fetched };
}

let isHidden = false;
beforeEach(() => {
  vi.useFakeTimers();
  isHidden = false;
  vi.spyOn(document, "hidden", "get").mockImplementation(() => isHidden);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

function watched() {
  const told: string[] = [];
  const stop = watchExperiment("7", {
    onRuns: (ids) => told.push(`runs ${ids.join(" ")}`),
    onGap: () => told.push("gap"),
    onLive: (isLive) => told.push(isLive ? "live" : "lost"),
  });
  return { told, stop };
}
const passed = (ms: number) => vi.advanceTimersByTimeAsync(ms);

test("the first words of a stream say that news come by themselves, and that all is to be read once", async () => {
  const { open, fetched } = streams();
  const { told, stop } = watched();
  await passed(0);
  expect(String(fetched.mock.calls[0]![0])).toContain("/api/v1/experiments/7/live");
  expect(told).toEqual([]);
  open[0]!.say("retry: 2000\n\n");
  open[0]!.say('event: runs\ndata: {"run_ids":["a","b"]}\n\n');
  await passed(0);
  expect(told).toEqual(["live", "gap", "runs a b"]);
  stop();
  expect(open[0]!.signal.aborted).toBe(true);
});

test("a stream that ends is opened again, after waits that grow while nobody answers", async () => {
  const { open, answers, fetched } = streams();
  const { told, stop } = watched();
  await passed(0);
  open[0]!.say(": still here\n\n");
  await passed(0);
  answers.push(
    () => new Response("", { status: 503 }),
    () => new Response("", { status: 503 }),
  );
  open[0]!.end();
  await passed(0);
  expect(told).toEqual(["live", "gap", "lost"]);
  await passed(1000);
  expect(fetched).toHaveBeenCalledTimes(2);
  await passed(1999);
  expect(fetched).toHaveBeenCalledTimes(2);
  await passed(1);
  expect(fetched).toHaveBeenCalledTimes(3);
  await passed(4000);
  open[1]!.say(": still here\n\n");
  await passed(0);
  expect(told.slice(-2)).toEqual(["live", "gap"]);
  stop();
});

test("a silent stream counts as lost", async () => {
  const { open, fetched } = streams();
  const { told, stop } = watched();
  await passed(0);
  open[0]!.say(": still here\n\n");
  await passed(39_000);
  open[0]!.say(": still here\n\n");
  await passed(39_000);
  expect(told).toEqual(["live", "gap"]);
  await passed(2_000);
  expect(told).toEqual(["live", "gap", "lost"]);
  await passed(1_000);
  expect(fetched).toHaveBeenCalledTimes(2);
  stop();
});

test("a tab that nobody looks at holds no connection", async () => {
  const { open, fetched } = streams();
  const { told, stop } = watched();
  await passed(0);
  open[0]!.say(": still here\n\n");
  await passed(0);
  isHidden = true;
  document.dispatchEvent(new Event("visibilitychange"));
  await passed(100_000);
  expect(open[0]!.signal.aborted).toBe(true);
  expect(told).toEqual(["live", "gap", "lost"]);
  expect(fetched).toHaveBeenCalledTimes(1);
  isHidden = false;
  document.dispatchEvent(new Event("visibilitychange"));
  await passed(0);
  expect(fetched).toHaveBeenCalledTimes(2);
  stop();
  document.dispatchEvent(new Event("visibilitychange"));
  await passed(0);
  expect(fetched).toHaveBeenCalledTimes(2);
});
