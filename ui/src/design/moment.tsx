import { useSyncExternalStore } from "react";
import { exactTime, relativeTime } from "@/format/time";

// One clock for the whole page: every relative time is redrawn together, twice a minute.
let now = Date.now();
const listeners = new Set<() => void>();
let timer: number | undefined;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= window.setInterval(() => {
    now = Date.now();
    for (const each of listeners) each();
  }, 30_000);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      window.clearInterval(timer);
      timer = undefined;
    }
  };
}

export const useNow = (): number => useSyncExternalStore(subscribe, () => now);

/** A point in time as a distance; exact on hover. */
export function Moment({ at, className }: { at: number | null | undefined; className?: string }) {
  const current = useNow();
  if (at == null) return <span className="text-ink-3">–</span>;
  return (
    <time dateTime={new Date(at).toISOString()} title={exactTime(at)} className={className}>
      {relativeTime(at, Math.max(current, at))}
    </time>
  );
}
