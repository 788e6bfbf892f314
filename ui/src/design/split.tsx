import { type KeyboardEvent, type PointerEvent, type ReactNode, useRef, useState } from "react";
import { cx } from "./cx";

const [LEAST, MOST] = [15, 85];
const bounded = (share: number): number => Math.round(Math.max(LEAST, Math.min(MOST, share)) * 10) / 10;

/** Two panes side by side with an edge between them that can be dragged, or moved with the arrow keys. */
export function Split({
  share,
  onShare,
  label,
  left,
  right,
  leftLabel,
  rightLabel,
}: {
  /** How much of the width the left pane has, in per cent. */
  share: number;
  /** Null for what it was at first. */
  onShare: (share: number | null) => void;
  label: string;
  left: ReactNode;
  right: ReactNode;
  leftLabel: string;
  rightLabel: string;
}) {
  const host = useRef<HTMLDivElement>(null);
  const [dragged, setDragged] = useState<number | null>(null);
  const shown = dragged ?? share;
  const at = (event: PointerEvent) => {
    const rect = host.current!.getBoundingClientRect();
    return bounded(((event.clientX - rect.left) / rect.width) * 100);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowLeft: -2, ArrowRight: 2 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    onShare(bounded(share + step));
  };
  return (
    <div ref={host} className="flex min-h-0 min-w-0 flex-1">
      <section
        aria-label={leftLabel}
        className="relative min-h-0 min-w-0 max-md:flex-1 md:w-(--share)"
        style={{ "--share": `${shown}%` } as React.CSSProperties}
      >
        {left}
      </section>
      <div
        role="separator"
        aria-orientation="vertical"
        aria-label={label}
        aria-valuenow={Math.round(shown)}
        aria-valuemin={LEAST}
        aria-valuemax={MOST}
        tabIndex={0}
        title="Drag to give one side more room; a double click evens it out"
        onKeyDown={onKeyDown}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          event.preventDefault();
          setDragged(share);
        }}
        onPointerMove={(event) => dragged !== null && setDragged(at(event))}
        onPointerUp={(event) => {
          if (dragged === null) return;
          setDragged(null);
          if (dragged !== share) onShare(at(event));
        }}
        onDoubleClick={() => onShare(null)}
        className={cx(
          "relative z-20 w-px shrink-0 cursor-col-resize touch-none bg-line outline-none max-md:hidden",
          "after:absolute after:inset-y-0 after:-left-1 after:w-2.5 hover:bg-accent focus-visible:bg-accent focus-visible:ring-1 focus-visible:ring-accent",
          dragged !== null && "bg-accent",
        )}
      />
      <section aria-label={rightLabel} className="min-h-0 min-w-0 flex-1 bg-canvas max-md:hidden">
        {right}
      </section>
    </div>
  );
}
