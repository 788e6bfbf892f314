import { useEffect, useMemo } from "react";
import { createPortal } from "react-dom";
import type { XAxis } from "@/app/search";
import { cx } from "@/design/cx";
import { shortNumber } from "@/format/number";
import { duration, exactTime } from "@/format/time";
import type { Drawn } from "./paint";
import { nearest } from "./series";

const MOST = 10;

/** What the curves are worth under the cursor, the one nearest to the pointer first. */
export function Readout({
  drawn,
  axis,
  cursor,
  spread,
  place,
  onFocus,
}: {
  drawn: readonly Drawn[];
  axis: XAxis;
  cursor: { x: number; y: number; left: number; top: number };
  spread: [number, number];
  /** Where a point of a curve is on the screen. */
  place: (x: number, y: number) => { left: number; top: number } | null;
  onFocus: (id: string | null) => void;
}) {
  const rows = useMemo(() => {
    const found = drawn.flatMap((each) => {
      const at = nearest(each.curve.x, cursor.x);
      const value = each.line[at];
      if (at < 0 || value === undefined || !Number.isFinite(value)) return [];
      const x = each.curve.x[at]!;
      return [{ each, value, at, x, distance: Math.abs(value - cursor.y) }];
    });
    return found.sort((a, b) => a.distance - b.distance);
  }, [drawn, cursor.x, cursor.y]);

  const first = rows[0];
  const isClose = first !== undefined && first.distance < (spread[1] - spread[0]) * 0.06;
  const focus = isClose && rows.length > 1 ? first.each.curve.id : null;
  useEffect(() => onFocus(focus), [focus, onFocus]);
  useEffect(() => () => onFocus(null), [onFocus]);
  if (!first) return null;

  // Curves of different steps have no x in common; the one nearest to the cursor stands for all.
  const x = rows.reduce(
    (near, row) => (Math.abs(row.x - cursor.x) < Math.abs(near - cursor.x) ? row.x : near),
    first.x,
  );
  const at =
    axis === "step"
      ? `Step ${shortNumber(x)}`
      : axis === "relative"
        ? duration(x * 1000)
        : exactTime(x * 1000);
  const { low, high } = first.each.curve;
  const band = low[first.at]! < high[first.at]! ? [low[first.at]!, high[first.at]!] : null;
  const dots = rows.slice(0, MOST).map((row) => ({ row, spot: place(row.x, row.value) }));
  const flip = cursor.left > window.innerWidth - 300;
  return createPortal(
    <>
      {dots.map(({ row, spot }) =>
        spot ? (
          <span
            key={row.each.curve.id}
            aria-hidden
            className="pointer-events-none fixed z-20 size-2 -translate-1/2 rounded-full ring-2 ring-surface"
            style={{ left: spot.left, top: spot.top, background: row.each.color }}
          />
        ) : null,
      )}
      <div
        className="pointer-events-none fixed z-50 w-max max-w-80 rounded-md border border-line bg-raised/95 px-2.5 py-2 text-xs shadow-high"
        style={{
          left: cursor.left + (flip ? -14 : 14),
          top: Math.max(
            8,
            Math.min(cursor.top + 8, window.innerHeight - 60 - 18 * Math.min(MOST, rows.length)),
          ),
          transform: flip ? "translateX(-100%)" : undefined,
        }}
      >
        <div className="mb-1 text-2xs text-ink-3 tabular">{at}</div>
        <ul className="space-y-0.5">
          {rows.slice(0, MOST).map(({ each, value }, index) => (
            <li
              key={each.curve.id}
              className={cx("flex items-center gap-2", index === 0 && isClose && "font-medium")}
            >
              <span className="size-2 shrink-0 rounded-full" style={{ background: each.color }} />
              <span className="min-w-0 flex-1 truncate">{each.label}</span>
              {index === 0 && band ? (
                <span className="text-2xs font-normal text-ink-3 tabular" title="least and greatest here">
                  {shortNumber(band[0]!, 3)} to {shortNumber(band[1]!, 3)}
                </span>
              ) : null}
              <span className="tabular">{shortNumber(value)}</span>
            </li>
          ))}
        </ul>
        {rows.length > MOST ? (
          <div className="mt-1 text-2xs text-ink-3">and {rows.length - MOST} more</div>
        ) : null}
      </div>
    </>,
    document.body,
  );
}
