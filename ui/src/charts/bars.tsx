import { shortNumber } from "@/format/number";
import type { Drawn } from "./paint";

const MOST = 100;

/** A metric that was measured once in each run: a bar says more than a dot. */
export function Bars({ drawn, height, label }: { drawn: readonly Drawn[]; height: number; label: string }) {
  const values = drawn
    .map((each) => ({ id: each.curve.id, name: each.label, color: each.color, value: each.curve.mean[0]! }))
    .sort((a, b) => b.value - a.value)
    .slice(0, MOST);
  const finite = values.map((each) => each.value).filter(Number.isFinite);
  const least = Math.min(0, ...finite);
  const span = Math.max(0, ...finite) - least || 1;
  return (
    <div role="img" aria-label={label} className="overflow-y-auto px-2" style={{ height }}>
      {values.map(({ id, name, color, value }) => (
        <div
          key={id}
          className="grid h-7 grid-cols-[minmax(0,2fr)_minmax(0,3fr)_4rem] items-center gap-3 text-xs"
        >
          <span className="truncate text-ink-2" title={name}>
            {name}
          </span>
          <span className="relative h-2 rounded-full bg-sunken">
            {Number.isFinite(value) ? (
              <span
                className="absolute inset-y-0 rounded-full"
                style={{
                  background: color,
                  left: `${((Math.min(0, value) - least) / span) * 100}%`,
                  width: `${(Math.abs(value) / span) * 100}%`,
                }}
              />
            ) : null}
          </span>
          <span className="text-right font-medium tabular">{shortNumber(value)}</span>
        </div>
      ))}
    </div>
  );
}
