import { useEffect, useRef } from "react";
import type { StepRecord } from "@/api/types";
import { shortNumber } from "@/format/number";
import { type Histogram, readRecorded } from "./recorded";

const HEIGHT = 220;

/** Histograms of all steps side by side: a column per step, darker where more values fell. */
export function HistogramsOverSteps({
  records,
  step,
  onStep,
}: {
  records: readonly StepRecord[];
  step: number | undefined;
  onStep: (step: number) => void;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const found = records.flatMap((each) => {
    const read = each.payload === null ? null : readRecorded(each.payload);
    return read?.is === "histogram" ? [{ step: each.step, histogram: read.histogram }] : [];
  });
  const least = Math.min(...found.map((each) => each.histogram.edges[0]!));
  const most = Math.max(...found.map((each) => each.histogram.edges.at(-1)!));
  const chosen = found.find((each) => each.step === step) ?? found.at(-1);
  useEffect(() => {
    const target = canvas.current;
    if (!target) return;
    const draw = () => paint(target, found, least, most, chosen?.step);
    draw();
    const watcher = new ResizeObserver(draw);
    watcher.observe(target);
    return () => watcher.disconnect();
  });
  if (!chosen) return null;
  const first = found[0]!.step;
  const last = found.at(-1)!.step;
  return (
    <figure className="rounded-lg border border-line bg-surface p-4 shadow-low">
      <div className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-3">
        <div className="flex flex-col justify-between text-right text-2xs text-ink-3 tabular">
          <span>{shortNumber(most, 3)}</span>
          <span>{shortNumber(least, 3)}</span>
        </div>
        <canvas
          ref={canvas}
          role="img"
          aria-label={`Histograms of ${found.length} steps`}
          className="w-full cursor-pointer rounded bg-sunken"
          style={{ height: HEIGHT }}
          onClick={(event) => {
            const box = event.currentTarget.getBoundingClientRect();
            const at = Math.floor(((event.clientX - box.left) / box.width) * found.length);
            onStep(found[Math.max(0, Math.min(found.length - 1, at))]!.step);
          }}
        />
        <span />
        <div className="mt-1 flex justify-between text-2xs text-ink-3 tabular">
          <span>step {first.toLocaleString("en-US")}</span>
          <span>step {last.toLocaleString("en-US")}</span>
        </div>
      </div>
      <figcaption className="mt-5 mb-2 text-xs text-ink-3">
        Step {chosen.step.toLocaleString("en-US")}:{" "}
        {chosen.histogram.counts.reduce((a, b) => a + b, 0).toLocaleString("en-US")} values
      </figcaption>
      <Counts histogram={chosen.histogram} />
    </figure>
  );
}

function paint(
  canvas: HTMLCanvasElement,
  found: readonly { step: number; histogram: Histogram }[],
  least: number,
  most: number,
  chosen: number | undefined,
): void {
  const scale = window.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  canvas.width = width * scale;
  canvas.height = HEIGHT * scale;
  const to = canvas.getContext("2d");
  if (!to) return;
  const style = getComputedStyle(canvas);
  to.scale(scale, scale);
  const column = width / found.length;
  const y = (value: number) => HEIGHT - ((value - least) / (most - least || 1)) * HEIGHT;
  to.fillStyle = style.getPropertyValue("--accent");
  for (const [at, { step, histogram }] of found.entries()) {
    const peak = Math.max(1, ...histogram.counts);
    for (const [index, count] of histogram.counts.entries()) {
      if (count === 0) continue;
      to.globalAlpha = 0.12 + 0.88 * (count / peak);
      const top = y(histogram.edges[index + 1]!);
      to.fillRect(at * column, top, Math.ceil(column), Math.max(1, y(histogram.edges[index]!) - top));
    }
    if (step === chosen) {
      to.globalAlpha = 1;
      to.strokeStyle = style.getPropertyValue("--ink");
      to.strokeRect(at * column + 0.5, 0.5, Math.max(2, column - 1), HEIGHT - 1);
    }
  }
}

function Counts({ histogram }: { histogram: Histogram }) {
  const { counts, edges } = histogram;
  const peak = Math.max(1, ...counts);
  return (
    <div>
      <div role="img" aria-label="Values of this step" className="flex h-32 items-end gap-px">
        {counts.map((count, index) => (
          <span
            key={index}
            title={`${shortNumber(edges[index]!, 4)} to ${shortNumber(edges[index + 1]!, 4)}: ${count}`}
            className="min-w-0 flex-1 rounded-t-sm bg-accent"
            style={{ height: `${(count / peak) * 100}%` }}
          />
        ))}
      </div>
      <div className="mt-1 flex justify-between text-2xs text-ink-3 tabular">
        <span>{shortNumber(edges[0]!, 4)}</span>
        <span>{shortNumber(edges.at(-1)!, 4)}</span>
      </div>
    </div>
  );
}
