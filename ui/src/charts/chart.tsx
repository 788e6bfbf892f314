import { useQuery } from "@tanstack/react-query";
import { Download, Maximize2, Minimize2, RotateCcw } from "lucide-react";
import { type DragEvent, memo, useMemo, useRef } from "react";
import type uPlot from "uplot";
import type { ChartSearch } from "@/app/search";
import { IconButton } from "@/design/button";
import { cx } from "@/design/cx";
import { Menu, MenuItem, MenuLine } from "@/design/menu";
import { Failure, Skeleton } from "@/design/states";
import { Bars } from "./bars";
import { curvesAsCsv, save } from "./download";
import { curvesAsPng, curvesAsSvg } from "./drawing";
import { loadBuckets } from "./loader";
import type { Drawn } from "./paint";
import { Plot, rangesOf } from "./plot";
import { type Curve, merged, smooth, stepsWithin, toCurve } from "./series";
import { useTurn } from "./turns";
import type { Zoom } from "./zoom";

/** A run as charts know it. Runs with the same `group` are drawn as one curve with a band. */
export interface ChartRun {
  id: string;
  name: string;
  color: string;
  startMs: number | null;
  live: boolean;
  group?: string;
}

export interface ChartProps {
  metric: string;
  title?: string;
  runs: readonly ChartRun[];
  settings: ChartSearch;
  height: number;
  sync?: string;
  full?: boolean;
  /** Another chart was dropped here, or this one is moved by keyboard. */
  onMove?: (key: string, to: string | -1 | 1) => void;
  onFull?: (key: string) => void;
  zoom: Zoom | null;
  onZoom: (key: string, zoom: Zoom | null) => void;
}

/** One metric of several runs: asks for as many buckets as it has pixels, and for finer ones when zoomed. */
export const Chart = memo(function Chart({
  metric,
  title,
  runs,
  settings,
  height,
  sync,
  full,
  onMove,
  onFull,
  zoom,
  onZoom,
}: ChartProps) {
  const plot = useRef<uPlot | null>(null);
  const isOn = useTurn() || full === true;
  const axis = settings.x ?? "step";
  const ids = useMemo(() => runs.map((run) => run.id), [runs]);
  const buckets = full ? 800 : runs.length > 60 ? 120 : 240;
  const query = {
    runIds: ids,
    key: metric,
    buckets,
    axis: axis === "step" ? ("step" as const) : ("time" as const),
    range: zoom?.steps ?? null,
  };
  const { data, error, isPending, isPlaceholderData, refetch } = useQuery({
    queryKey: ["buckets", query],
    queryFn: () => loadBuckets(query),
    enabled: ids.length > 0,
    // The stream says when there is more; this is for a server that is behind a proxy without streams.
    refetchInterval: runs.some((run) => run.live) ? 15_000 : false,
    // While finer data is on its way the coarse curves stay; another set of runs starts anew.
    placeholderData: (before) => before,
    staleTime: 10_000,
  });

  const curves = useMemo(() => (data && isOn ? curvesOf(data, runs, axis) : []), [data, isOn, runs, axis]);
  const drawn = useMemo(() => drawnOf(curves, runs, settings.smooth ?? 0), [curves, runs, settings.smooth]);
  const onRange = (x: [number, number] | null) => {
    if (!x) onZoom(metric, null);
    else {
      const steps = axis === "step" ? x : stepsWithin(curves, x[0], x[1]);
      onZoom(metric, { x, steps: steps && [Math.max(0, Math.floor(steps[0])), Math.ceil(steps[1])] });
    }
  };

  const isBars = zoom === null && drawn.length > 0 && drawn.every((each) => each.curve.x.length === 1);
  const name = title ?? metric;
  const slug = metric.replaceAll("/", "-");
  const [logX, logY] = [(settings.logx ?? false) && axis === "step", settings.logy ?? false];
  const onPng = () => {
    const canvas = plot.current?.ctx.canvas;
    if (canvas) curvesAsPng(canvas, drawn, metric).toBlob((blob) => blob && save(blob, `${slug}.png`));
  };
  const onSvg = () => {
    const ranges = rangesOf(drawn, zoom?.x ?? null, logX, logY);
    const svg = curvesAsSvg(drawn, { title: metric, axis, logX, logY, ...ranges });
    save(new Blob([svg], { type: "image/svg+xml" }), `${slug}.svg`);
  };

  return (
    <figure
      className="group flex min-w-0 flex-col rounded-lg border border-line bg-surface shadow-low data-over:border-accent"
      {...(onMove ? dropTarget(metric, onMove) : {})}
    >
      <figcaption
        draggable={onMove !== undefined}
        onDragStart={(event) => {
          event.dataTransfer.setData(CHART_TYPE, metric);
          event.dataTransfer.effectAllowed = "move";
        }}
        className={cx("flex h-9 shrink-0 items-center gap-1 pr-1 pl-3", onMove && "cursor-grab")}
      >
        <span className="min-w-0 flex-1 truncate text-xs font-medium text-ink-2" title={metric}>
          {name}
        </span>
        {zoom ? (
          <IconButton label="Back to the whole curve" onClick={() => onZoom(metric, null)}>
            <RotateCcw />
          </IconButton>
        ) : null}
        <span
          className={cx(
            "flex h-7",
            !full && "opacity-0 transition-opacity group-focus-within:opacity-100 group-hover:opacity-100",
          )}
        >
          {isOn ? (
            <Menu
              trigger={
                <IconButton label={`Download ${metric}`}>
                  <Download />
                </IconButton>
              }
            >
              <MenuItem onSelect={onPng} disabled={isBars || drawn.length === 0}>
                Picture (PNG)
              </MenuItem>
              <MenuItem onSelect={onSvg} disabled={isBars || drawn.length === 0}>
                Drawing (SVG)
              </MenuItem>
              <MenuItem
                onSelect={() => save(new Blob([curvesAsCsv(drawn)], { type: "text/csv" }), `${slug}.csv`)}
              >
                Points (CSV)
              </MenuItem>
              {onMove ? (
                <>
                  <MenuLine />
                  <MenuItem onSelect={() => onMove(metric, -1)}>Move to the front</MenuItem>
                  <MenuItem onSelect={() => onMove(metric, 1)}>Move back one place</MenuItem>
                </>
              ) : null}
            </Menu>
          ) : null}
          {onFull && isOn ? (
            <IconButton
              label={full ? "Back to all charts" : `Enlarge ${metric}`}
              onClick={() => onFull(metric)}
            >
              {full ? <Minimize2 /> : <Maximize2 />}
            </IconButton>
          ) : null}
        </span>
      </figcaption>
      <div className={cx("px-1 pb-1 transition-opacity", isPlaceholderData && "opacity-60")}>
        {error ? (
          <div className="p-2" style={{ minHeight: height }}>
            <Failure compact error={error} onRetry={() => void refetch()} />
          </div>
        ) : (isPending || !isOn) && ids.length > 0 ? (
          <div className="p-2" style={{ height }}>
            <Skeleton className="h-full" />
          </div>
        ) : drawn.length === 0 ? (
          <div className="flex items-center justify-center text-xs text-ink-3" style={{ height }}>
            None of the runs shown has points here
          </div>
        ) : isBars ? (
          <Bars drawn={drawn} height={height} label={`${metric}, one value in each of ${drawn.length}`} />
        ) : (
          <Plot
            drawn={drawn}
            axis={axis}
            height={height}
            logX={logX}
            logY={logY}
            range={zoom?.x ?? null}
            onRange={onRange}
            group={sync}
            label={`${metric}, ${drawn.length} ${drawn.length === 1 ? "curve" : "curves"}`}
            onPlot={(next) => {
              plot.current = next;
            }}
          />
        )}
      </div>
    </figure>
  );
});

const CHART_TYPE = "application/x-assay-chart";

const dropTarget = (metric: string, onMove: (key: string, to: string) => void) => ({
  onDragOver: (event: DragEvent<HTMLElement>) => {
    if (!event.dataTransfer.types.includes(CHART_TYPE)) return;
    event.preventDefault();
    event.currentTarget.dataset.over = "";
  },
  onDragLeave: (event: DragEvent<HTMLElement>) => {
    delete event.currentTarget.dataset.over;
  },
  onDrop: (event: DragEvent<HTMLElement>) => {
    delete event.currentTarget.dataset.over;
    const key = event.dataTransfer.getData(CHART_TYPE);
    event.preventDefault();
    if (key && key !== metric) onMove(key, metric);
  },
});

function curvesOf(
  data: Awaited<ReturnType<typeof loadBuckets>>,
  runs: readonly ChartRun[],
  axis: "step" | "relative" | "wall",
): Curve[] {
  const byId = new Map(data.map((series) => [series.run_id, series]));
  const found: Curve[] = [];
  const groups = new Map<string, Curve[]>();
  for (const run of runs) {
    const series = byId.get(run.id);
    if (!series) continue;
    const curve = toCurve(series, axis, run.startMs ?? undefined);
    if (run.group === undefined) found.push(curve);
    else groups.set(run.group, [...(groups.get(run.group) ?? []), curve]);
  }
  for (const [group, members] of groups) found.push(merged(group, members));
  return found;
}

function drawnOf(curves: readonly Curve[], runs: readonly ChartRun[], weight: number): Drawn[] {
  const looks = new Map<string, { color: string; label: string }>();
  for (const run of runs) looks.set(run.group ?? run.id, { color: run.color, label: run.group ?? run.name });
  return curves.map((curve) => {
    const { color, label } = looks.get(curve.id)!;
    return {
      curve,
      color,
      label,
      line: smooth(curve.mean, weight, curve.x),
      raw: weight > 0 ? curve.mean : null,
    };
  });
}
