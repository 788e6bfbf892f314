import { type PointerEvent, useEffect, useMemo, useRef, useState } from "react";
import type { Run } from "@/api/types";
import { shortNumber } from "@/format/number";
import { axisOf } from "./differences";

const HEIGHT = 420;
const TOP = 44;
const BOTTOM = 22;

/** A line per run across chosen params and metrics. Dragging along an axis keeps the runs within; a click lets go. */
export function Parallel({
  runs,
  ids,
  colors,
}: {
  runs: readonly Run[];
  ids: readonly string[];
  colors: ReadonlyMap<string, string>;
}) {
  const host = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(800);
  const [brushes, setBrushes] = useState<Record<string, [number, number]>>({});
  const [hovered, setHovered] = useState<number | null>(null);
  const drag = useRef<{ id: string; from: number } | null>(null);
  const axes = useMemo(
    () => ids.map((id) => axisOf(id, runs, (value) => shortNumber(value, 3))),
    [ids, runs],
  );
  useEffect(() => {
    const element = host.current!;
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const x = (index: number) => 70 + (index * (width - 170)) / Math.max(1, axes.length - 1);
  const y = (at: number) => TOP + (1 - at) * (HEIGHT - TOP - BOTTOM);
  const shareAt = (event: PointerEvent<SVGElement>) => {
    const box = event.currentTarget.ownerSVGElement!.getBoundingClientRect();
    const share = 1 - (event.clientY - box.top - TOP) / (HEIGHT - TOP - BOTTOM);
    return Math.max(-0.03, Math.min(1.03, share));
  };
  const isKept = (index: number) =>
    axes.every((axis) => {
      const brush = brushes[axis.id];
      const at = axis.at[index];
      return !brush || (at != null && at >= brush[0] && at <= brush[1]);
    });
  const pathOf = (index: number) => {
    let path = "";
    let pen = "M";
    axes.forEach((axis, column) => {
      const at = axis.at[index];
      if (at == null) pen = "M";
      else {
        path += `${pen}${x(column)} ${y(at)}`;
        pen = "L";
      }
    });
    return path;
  };
  const kept = runs.filter((_, index) => isKept(index)).length;
  return (
    <div ref={host}>
      <p className="mb-1 h-5 text-xs text-ink-3" aria-live="polite">
        {hovered !== null
          ? runs[hovered]?.name
          : Object.keys(brushes).length > 0
            ? `${kept} of ${runs.length} runs within the marks`
            : "Drag along an axis to keep the runs within."}
      </p>
      <svg
        width={width}
        height={HEIGHT}
        role="img"
        aria-label={`Parallel coordinates of ${runs.length} runs over ${axes.map((axis) => axis.label).join(", ")}`}
        className="touch-none select-none"
      >
        {runs.map((run, index) => {
          const faint = !isKept(index) || (hovered !== null && hovered !== index);
          return (
            <path
              key={run.run_id}
              d={pathOf(index)}
              fill="none"
              stroke={colors.get(run.run_id)}
              strokeWidth={hovered === index ? 3 : 1.75}
              strokeLinejoin="round"
              opacity={faint ? 0.12 : 0.9}
              onPointerEnter={() => setHovered(index)}
              onPointerLeave={() => setHovered(null)}
            />
          );
        })}
        {axes.map((axis, column) => {
          const brush = brushes[axis.id];
          return (
            <g key={axis.id} transform={`translate(${x(column)} 0)`}>
              <text y={18} textAnchor="middle" className="fill-ink text-xs font-medium">
                {axis.label.length > 22 ? `…${axis.label.slice(-21)}` : axis.label}
              </text>
              <line y1={TOP} y2={HEIGHT - BOTTOM} stroke="var(--line-strong)" />
              {axis.ticks.map((tick) => (
                <text
                  key={tick.at}
                  x={8}
                  y={y(tick.at) + 3}
                  className="fill-ink-3 text-2xs"
                  stroke="var(--surface)"
                  strokeWidth={3}
                  paintOrder="stroke"
                >
                  {tick.text.slice(0, 18)}
                </text>
              ))}
              {brush ? (
                <rect
                  x={-7}
                  width={14}
                  y={y(brush[1])}
                  height={y(brush[0]) - y(brush[1])}
                  rx={3}
                  fill="var(--accent)"
                  opacity={0.22}
                  stroke="var(--accent)"
                />
              ) : null}
              <rect
                x={-14}
                width={28}
                y={TOP - 8}
                height={HEIGHT - TOP - BOTTOM + 16}
                fill="transparent"
                className="cursor-ns-resize"
                onPointerDown={(event) => {
                  event.currentTarget.setPointerCapture(event.pointerId);
                  drag.current = { id: axis.id, from: shareAt(event) };
                }}
                onPointerMove={(event) => {
                  const started = drag.current;
                  if (!started || started.id !== axis.id) return;
                  const now = shareAt(event);
                  if (Math.abs(now - started.from) < 0.01) return;
                  setBrushes({
                    ...brushes,
                    [axis.id]: [Math.min(started.from, now), Math.max(started.from, now)],
                  });
                }}
                onPointerUp={(event) => {
                  const started = drag.current;
                  drag.current = null;
                  if (!started || Math.abs(shareAt(event) - started.from) >= 0.01) return;
                  const { [axis.id]: _, ...rest } = brushes;
                  setBrushes(rest);
                }}
              />
            </g>
          );
        })}
      </svg>
    </div>
  );
}
