import type { ReactNode } from "react";
import { cx } from "./cx";

export type Tone = "neutral" | "accent" | "good" | "bad" | "warn";

const TONE: Record<Tone, string> = {
  neutral: "bg-sunken text-ink-2 border-line",
  accent: "bg-accent-soft text-accent-ink border-transparent",
  good: "bg-good-soft text-good border-transparent",
  bad: "bg-bad-soft text-bad border-transparent",
  warn: "bg-warn-soft text-warn border-transparent",
};

export function Badge({
  tone = "neutral",
  children,
  className,
  title,
}: {
  tone?: Tone;
  children: ReactNode;
  className?: string;
  title?: string;
}) {
  return (
    <span
      title={title}
      className={cx(
        "inline-flex h-5 max-w-full items-center gap-1 rounded border px-1.5 text-2xs font-medium whitespace-nowrap [&_svg]:size-3 [&_svg]:shrink-0",
        TONE[tone],
        className,
      )}
    >
      {children}
    </span>
  );
}

const RUN_TONE: Record<string, [Tone, string]> = {
  running: ["accent", "Running"],
  scheduled: ["neutral", "Scheduled"],
  finished: ["good", "Finished"],
  failed: ["bad", "Failed"],
  killed: ["warn", "Killed"],
};

const DOT: Record<Tone, string> = {
  neutral: "bg-ink-3",
  accent: "bg-accent",
  good: "bg-good",
  bad: "bg-bad",
  warn: "bg-warn",
};

export function Dot({ tone, pulse }: { tone: Tone; pulse?: boolean }) {
  return (
    <span
      aria-hidden
      className={cx(
        "inline-block size-1.5 shrink-0 rounded-full",
        DOT[tone],
        pulse && "animate-[pulse-soft_1.6s_ease-in-out_infinite]",
      )}
    />
  );
}

/** Where a run is in its life, as a dot and a word. */
export function RunStatus({ status, compact }: { status: string; compact?: boolean }) {
  const [tone, word] = RUN_TONE[status] ?? ["neutral", status];
  return (
    <span className="inline-flex items-center gap-1.5 text-xs text-ink-2" title={word}>
      <Dot tone={tone} pulse={status === "running"} />
      {compact ? <span className="sr-only">{word}</span> : word}
    </span>
  );
}
