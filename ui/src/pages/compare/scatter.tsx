import { Link } from "@tanstack/react-router";
import { useEffect, useMemo, useRef, useState } from "react";
import type { Run } from "@/api/types";
import { Select } from "@/design/field";
import { shortNumber } from "@/format/number";
import { axisOf } from "./differences";

const HEIGHT = 440;
const PAD = { left: 70, right: 30, top: 16, bottom: 44 };

/** One value against another, a dot per run. */
export function Scatter({
  runs,
  choices,
  xId,
  yId,
  onChoose,
  colors,
}: {
  runs: readonly Run[];
  choices: readonly string[];
  xId: string;
  yId: string;
  onChoose: (change: { sx?: string; sy?: string }) => void;
  colors: ReadonlyMap<string, string>;
}) {
  const host = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(800);
  useEffect(() => {
    const element = host.current!;
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const [xAxis, yAxis] = useMemo(
    () => [xId, yId].map((id) => axisOf(id, runs, (value) => shortNumber(value, 3))),
    [runs, xId, yId],
  );
  // Dots at the ends stay clear of the frame.
  const inset = (at: number) => 0.03 + at * 0.94;
  const px = (at: number) => PAD.left + inset(at) * (width - PAD.left - PAD.right);
  const py = (at: number) => PAD.top + (1 - inset(at)) * (HEIGHT - PAD.top - PAD.bottom);
  const picker = (label: string, value: string, name: "sx" | "sy") => (
    <span className="flex items-center gap-2 text-xs text-ink-3">
      {label}
      <Select
        aria-label={label}
        value={value}
        onChange={(event) => onChoose({ [name]: event.target.value })}
        className="max-w-56"
      >
        {choices.map((each) => (
          <option key={each} value={each}>
            {each}
          </option>
        ))}
      </Select>
    </span>
  );
  return (
    <div>
      <div className="mb-3 flex flex-wrap gap-4">
        {picker("Across", xId, "sx")}
        {picker("Up", yId, "sy")}
      </div>
      <div ref={host}>
        <svg width={width} height={HEIGHT} role="img" aria-label={`${yId} against ${xId}`}>
          {yAxis!.ticks.map((tick) => (
            <g key={tick.at}>
              <line
                x1={PAD.left}
                x2={width - PAD.right}
                y1={py(tick.at)}
                y2={py(tick.at)}
                stroke="var(--line)"
              />
              <text x={PAD.left - 8} y={py(tick.at) + 4} textAnchor="end" className="fill-ink-3 text-2xs">
                {tick.text}
              </text>
            </g>
          ))}
          {xAxis!.ticks.map((tick) => (
            <g key={tick.at}>
              <line
                x1={px(tick.at)}
                x2={px(tick.at)}
                y1={PAD.top}
                y2={HEIGHT - PAD.bottom}
                stroke="var(--line)"
              />
              <text
                x={px(tick.at)}
                y={HEIGHT - PAD.bottom + 18}
                textAnchor="middle"
                className="fill-ink-3 text-2xs"
              >
                {tick.text}
              </text>
            </g>
          ))}
          {runs.map((run, index) => {
            const [atX, atY] = [xAxis!.at[index], yAxis!.at[index]];
            if (atX == null || atY == null) return null;
            return (
              <Link key={run.run_id} to="/runs/$runId" params={{ runId: run.run_id }}>
                <circle
                  cx={px(atX)}
                  cy={py(atY)}
                  r={6}
                  fill={colors.get(run.run_id)}
                  stroke="var(--surface)"
                  strokeWidth={1.5}
                >
                  <title>{run.name}</title>
                </circle>
              </Link>
            );
          })}
        </svg>
      </div>
    </div>
  );
}
