import { useEffect, useEffectEvent, useMemo, useRef, useState } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { XAxis } from "@/app/search";
import { useTheme } from "@/app/theme";
import { tickNumber } from "@/format/number";
import { duration } from "@/format/time";
import { type Drawn, paint } from "./paint";
import { Readout } from "./readout";
import { extent, padded } from "./series";

export interface PlotProps {
  drawn: readonly Drawn[];
  axis: XAxis;
  height: number;
  logX?: boolean;
  logY?: boolean;
  /** The part that was zoomed to, in units of x. */
  range: readonly [number, number] | null;
  onRange: (range: [number, number] | null) => void;
  /** Plots of one group show the same x under the cursor. */
  group?: string;
  label: string;
  onPlot?: (plot: uPlot | null) => void;
}

interface Style {
  axis: string;
  grid: string;
  font: string;
}

function styleOf(): Style {
  const style = getComputedStyle(document.documentElement);
  return {
    axis: style.getPropertyValue("--ink-3"),
    grid: style.getPropertyValue("--line"),
    font: '11px "Inter Variable", sans-serif',
  };
}

const xLabel = (axis: XAxis, values: number[]): string[] =>
  axis === "step" ? values.map((value) => tickNumber(value)) : values.map((value) => duration(value * 1000));

/** As much room beside an axis as its longest number takes; a tenth of a pixel of it is never worth a new layout. */
const besideAxis = (values: string[] | null): number =>
  Math.ceil(Math.max(2, ...(values ?? []).map((each) => each.length)) * 6.4 + 14);

/** On a log scale round numbers alone are named: its ends are none. */
const isNamed = (value: number | null, isLog: boolean | undefined): boolean =>
  value != null && (!isLog || Math.abs(Number(value.toPrecision(1)) / value - 1) < 1e-6);

/** One canvas: uPlot draws axes, grid, cursor and selection; `paint` draws the curves. */
export function Plot(props: PlotProps) {
  const { drawn, axis, height, logX, logY, range, group, label } = props;
  const host = useRef<HTMLDivElement>(null);
  const plotRef = useRef<uPlot | null>(null);
  const theme = useTheme();
  const [cursor, setCursor] = useState<{
    x: number;
    left: number;
    top: number;
    y: number;
    near: boolean;
  } | null>(null);
  const focus = useRef<string | null>(null);
  const ranges = useMemo(
    () => rangesOf(drawn, range, logX ?? false, logY ?? false),
    [drawn, range, logX, logY],
  );

  // The plot outlives many renders; its callbacks read what is current.
  const current = useRef({ drawn, ranges });
  current.current = { drawn, ranges };
  const zoomed = useEffectEvent((next: [number, number] | null) => props.onRange(next));
  const announce = useEffectEvent((plot: uPlot | null) => props.onPlot?.(plot));

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new theme means new colours, so a new plot
  useEffect(() => {
    const element = host.current!;
    const style = styleOf();
    const line = { stroke: style.grid, width: 1 };
    const plot = new uPlot(
      {
        width: Math.max(120, element.clientWidth),
        height,
        legend: { show: false },
        padding: [6, 14, 0, 0],
        scales: {
          x: { time: axis === "wall", distr: logX ? 3 : 1, range: () => current.current.ranges.x },
          y: { distr: logY ? 3 : 1, range: () => current.current.ranges.y },
        },
        axes: [
          {
            stroke: style.axis,
            font: style.font,
            size: 24,
            gap: 4,
            grid: line,
            ticks: { show: false },
            ...(axis === "wall" ? {} : { values: (_: uPlot, values: number[]) => xLabel(axis, values) }),
          },
          {
            stroke: style.axis,
            font: style.font,
            size: (_, values) => besideAxis(values),
            gap: 6,
            grid: line,
            ticks: { show: false },
            values: (_, values) => values.map((value) => (isNamed(value, logY) ? tickNumber(value!) : "")),
          },
        ],
        cursor: {
          y: false,
          points: { show: false },
          drag: { x: true, y: false, setScale: false },
          ...(group
            ? {
                sync: {
                  key: group,
                  scales: ["x", null] as [string, null],
                  // A zoom is of one chart: pressing the button is not told to the others.
                  filters: { pub: (type: string) => type === "mousemove" || type === "mouseleave" },
                },
              }
            : {}),
        },
        series: [{}, { show: true, paths: () => null, points: { show: false } }],
        hooks: {
          drawSeries: [(self) => paint(self, current.current.drawn, focus.current)],
          setSelect: [
            (self) => {
              if (self.select.width < 4) return;
              const from = self.posToVal(self.select.left, "x");
              const to = self.posToVal(self.select.left + self.select.width, "x");
              self.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
              zoomed([from, to]);
            },
          ],
          setCursor: [
            (self) => {
              const { left, top } = self.cursor;
              if (left == null || left < 0 || top == null) {
                setCursor(null);
                return;
              }
              // Synchronised plots get a cursor too, but only the one under the pointer tells values in full.
              const near = self.over.matches(":hover");
              if (!near) {
                setCursor(null);
                return;
              }
              const rect = self.over.getBoundingClientRect();
              const y = top < 0 ? Number.NaN : self.posToVal(top, "y");
              setCursor({ x: self.posToVal(left, "x"), left: rect.left + left, top: rect.top, y, near });
            },
          ],
        },
      },
      [
        [0, 1],
        [null, null],
      ],
      element,
    );
    plot.over.addEventListener("dblclick", () => zoomed(null));
    plotRef.current = plot;
    announce(plot);
    const observer = new ResizeObserver(() => {
      if (element.clientWidth > 0) plot.setSize({ width: element.clientWidth, height });
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.destroy();
      plotRef.current = null;
      announce(null);
    };
  }, [theme, axis, height, logX, logY, group]);

  useEffect(() => {
    // New limits make the plot ask its scales for their range again, and paint.
    plotRef.current?.setData([[...ranges.x], [null, null]], true);
    void drawn;
  }, [drawn, ranges]);

  const onFocus = useEffectEvent((id: string | null) => {
    if (focus.current === id) return;
    focus.current = id;
    plotRef.current?.redraw(false);
  });
  return (
    <div className="relative">
      <div ref={host} role="img" aria-label={label} style={{ height }} />
      {cursor?.near ? (
        <Readout
          drawn={drawn}
          axis={axis}
          cursor={cursor}
          onFocus={onFocus}
          spread={ranges.y}
          place={(x, y) => placeOf(plotRef.current, x, y)}
        />
      ) : null}
    </div>
  );
}

/** Where a point is on the screen; null when it is not within the plot. */
function placeOf(plot: uPlot | null, x: number, y: number): { left: number; top: number } | null {
  if (!plot) return null;
  const [left, top] = [plot.valToPos(x, "x"), plot.valToPos(y, "y")];
  const rect = plot.over.getBoundingClientRect();
  const isInside = left >= 0 && left <= rect.width && top >= 0 && top <= rect.height;
  return isInside ? { left: rect.left + left, top: rect.top + top } : null;
}

export function rangesOf(
  drawn: readonly Drawn[],
  range: readonly [number, number] | null,
  logX: boolean,
  logY: boolean,
): { x: [number, number]; y: [number, number] } {
  const x = range ??
    extent(
      drawn.map((each) => each.curve.x),
      logX,
    ) ?? [0, 1];
  const shown = drawn.flatMap((each) => {
    const arrays = each.raw ? [each.line, each.raw] : [each.line, each.curve.low, each.curve.high];
    if (!range) return arrays;
    const from = each.curve.x.findIndex((value) => value >= range[0]);
    const to = each.curve.x.findLastIndex((value) => value <= range[1]);
    return from < 0 ? [] : arrays.map((values) => values.subarray(Math.max(0, from - 1), to + 2));
  });
  const y = extent(shown, logY);
  return {
    x: x[0] === x[1] ? padded([x[0], x[1]], logX) : [x[0], x[1]],
    y: y ? padded(y, logY) : logY ? [1, 10] : [0, 1],
  };
}
