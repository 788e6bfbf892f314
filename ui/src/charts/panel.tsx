import { useVirtualizer } from "@tanstack/react-virtual";
import { ChartLine, ChevronRight, SlidersHorizontal } from "lucide-react";
import { type UIEvent, useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { ChartSearch, XAxis } from "@/app/search";
import { IconButton } from "@/design/button";
import { cx } from "@/design/cx";
import { SearchInput, Segmented } from "@/design/field";
import { Popover } from "@/design/menu";
import { Empty } from "@/design/states";
import { Chart, type ChartRun } from "./chart";
import { isSystem, keyFilter, moved, type Section, sectionsOf, titleIn } from "./sections";
import { holdTurns } from "./turns";
import { withZoom, type Zoom, zoomsOf } from "./zoom";

const CHART_HEIGHT = 200;
const ROW_HEIGHT = CHART_HEIGHT + 36 + 4 + 14;
const HEADING_HEIGHT = 40;
const LEAST_WIDTH = 300;
/** Pixels in a millisecond, beyond which nobody reads a chart. */
const FAST = 1.5;
const SETTLE_MS = 80;

type Row = { kind: "heading"; section: Section } | { kind: "charts"; section: string; keys: string[] };

interface PanelProps {
  keys: readonly string[];
  runs: readonly ChartRun[];
  settings: ChartSearch;
  onSettings: (change: ChartSearch) => void;
  sync: string;
  /** Whether the runs are named above their curves: where no table beside them does. */
  legend?: boolean;
}

const elsewhere = (order: readonly string[] | undefined, keys: readonly string[]): string[] =>
  order?.filter((each) => !keys.includes(each)) ?? [];

/** Every chart of a set of runs, in sections; only what is on screen is drawn and asked for. */
export function ChartsPanel({ keys, runs, settings, onSettings, sync, legend }: PanelProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const columns = useColumns(scroller);
  const toggled = useMemo(() => new Set(settings.sections), [settings.sections]);
  const sections = useMemo(
    () => sectionsOf(keys.filter(keyFilter(settings.charts ?? "")), settings.order),
    [keys, settings.charts, settings.order],
  );
  // Sections are open at first, but for those of the machine.
  const isOpen = (name: string) => toggled.has(name) === isSystem(`${name}/`);
  const rows = useMemo(() => {
    const found: Row[] = [];
    for (const section of sections) {
      found.push({ kind: "heading", section });
      if (toggled.has(section.name) !== isSystem(`${section.name}/`)) continue; // closed
      for (let at = 0; at < section.keys.length; at += columns) {
        found.push({ kind: "charts", section: section.name, keys: section.keys.slice(at, at + columns) });
      }
    }
    return found;
  }, [sections, columns, toggled]);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: (index) => (rows[index]?.kind === "heading" ? HEADING_HEIGHT : ROW_HEIGHT),
    getItemKey: (index) => {
      const row = rows[index]!;
      return row.kind === "heading" ? `h ${row.section.name}` : `c ${row.keys[0]}`;
    },
    overscan: 2,
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: heights belong to rows, which have changed
  useEffect(() => virtual.measure(), [rows]);

  const toggle = (name: string) => {
    const next = new Set(toggled);
    if (!next.delete(name)) next.add(name);
    onSettings({ sections: next.size > 0 ? [...next] : undefined });
  };
  const zooms = useZooms(settings.zoom);
  const onZoom = useCallback(
    (key: string, zoom: Zoom | null) => onSettings({ zoom: withZoom(settings.zoom, key, zoom) }),
    [settings.zoom, onSettings],
  );

  const place = useRef({ top: 0, atMs: 0 });
  const onScroll = (event: UIEvent<HTMLElement>) => {
    const { scrollTop: top } = event.currentTarget;
    const atMs = performance.now();
    const speed = Math.abs(top - place.current.top) / Math.max(1, atMs - place.current.atMs);
    if (speed > FAST) holdTurns(SETTLE_MS);
    place.current = { top, atMs };
  };
  const onFull = useCallback((key: string) => onSettings({ full: key }), [onSettings]);
  const onMove = useCallback(
    (key: string, to: string | -1 | 1) => {
      const section = sections.find((each) => each.keys.includes(key));
      if (section)
        onSettings({ order: [...moved(section.keys, key, to), ...elsewhere(settings.order, section.keys)] });
    },
    [sections, settings.order, onSettings],
  );

  return (
    <div className="flex h-full min-h-0 flex-col">
      <ChartToolbar settings={settings} onSettings={onSettings} />
      {legend || settings.full ? <Legend runs={runs} /> : null}
      {settings.full && keys.includes(settings.full) ? (
        <div className="min-h-0 flex-1 overflow-auto p-3">
          <FullChart
            metric={settings.full}
            runs={runs}
            settings={settings}
            zoom={zooms.get(settings.full) ?? null}
            onZoom={onZoom}
            onClose={() => onSettings({ full: undefined })}
          />
        </div>
      ) : (
        <div
          ref={scroller}
          onScroll={onScroll}
          tabIndex={0}
          role="region"
          aria-label="Charts"
          className="min-h-0 flex-1 overflow-y-auto px-3 outline-none"
        >
          {keys.length === 0 ? (
            <Empty icon={<ChartLine />} title="No metrics yet">
              <p>Charts appear here as soon as one of these runs logs a number.</p>
            </Empty>
          ) : rows.length === 0 ? (
            <p className="py-10 text-center text-ink-3">No chart matches “{settings.charts}”.</p>
          ) : null}
          <div className="relative" style={{ height: virtual.getTotalSize() }}>
            {virtual.getVirtualItems().map((item) => {
              const row = rows[item.index]!;
              return (
                <div
                  key={item.key}
                  className="absolute inset-x-0 top-0"
                  style={{ transform: `translateY(${item.start}px)` }}
                >
                  {row.kind === "heading" ? (
                    <Heading
                      section={row.section}
                      open={isOpen(row.section.name)}
                      onToggle={() => toggle(row.section.name)}
                    />
                  ) : (
                    <div
                      className="grid gap-3.5"
                      style={{ gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))` }}
                    >
                      {row.keys.map((key) => (
                        <Chart
                          key={key}
                          metric={key}
                          title={titleIn(row.section, key)}
                          runs={runs}
                          settings={settings}
                          height={CHART_HEIGHT}
                          sync={sync}
                          onMove={onMove}
                          onFull={onFull}
                          zoom={zooms.get(key) ?? null}
                          onZoom={onZoom}
                        />
                      ))}
                    </div>
                  )}
                </div>
              );
            })}
          </div>
        </div>
      )}
    </div>
  );
}

/** The zooms by chart, each the same object for as long as it is the same zoom. */
function useZooms(list: readonly string[] | undefined): ReadonlyMap<string, Zoom> {
  const text = list?.join("\n");
  return useMemo(() => zoomsOf(text?.split("\n")), [text]);
}

const MOST_NAMES = 24;

/** Which colour is whose. */
function Legend({ runs }: { runs: readonly ChartRun[] }) {
  const names = new Map(runs.map((run) => [run.group ?? run.name, run.color] as const));
  const shown = [...names].slice(0, MOST_NAMES);
  return (
    <ul
      aria-label="Legend"
      className="flex max-h-16 shrink-0 flex-wrap gap-x-4 gap-y-0.5 overflow-y-auto px-3 pb-1.5 text-xs text-ink-2"
    >
      {shown.map(([name, color]) => (
        <li key={name} className="flex max-w-64 items-center gap-1.5">
          <span className="size-2 shrink-0 rounded-full" style={{ background: color }} />
          <span className="truncate" title={name}>
            {name}
          </span>
        </li>
      ))}
      {names.size > shown.length ? (
        <li className="text-ink-3">and {names.size - shown.length} more</li>
      ) : null}
    </ul>
  );
}

function FullChart({
  metric,
  runs,
  settings,
  zoom,
  onZoom,
  onClose,
}: {
  metric: string;
  runs: readonly ChartRun[];
  settings: ChartSearch;
  zoom: Zoom | null;
  onZoom: (key: string, zoom: Zoom | null) => void;
  onClose: () => void;
}) {
  const host = useRef<HTMLDivElement>(null);
  const [height, setHeight] = useState(480);
  useEffect(() => setHeight(Math.max(280, (host.current?.parentElement?.clientHeight ?? 560) - 72)), []);
  return (
    <div ref={host}>
      <Chart
        metric={metric}
        runs={runs}
        settings={settings}
        height={height}
        full
        onFull={onClose}
        zoom={zoom}
        onZoom={onZoom}
      />
    </div>
  );
}

function Heading({ section, open, onToggle }: { section: Section; open: boolean; onToggle: () => void }) {
  return (
    <button
      type="button"
      aria-expanded={open}
      onClick={onToggle}
      className="flex h-10 w-full items-center gap-1.5 text-left text-sm font-semibold"
    >
      <ChevronRight className={cx("size-3.5 text-ink-3 transition-transform", open && "rotate-90")} />
      {section.name}
      <span className="text-xs font-normal text-ink-3">{section.keys.length}</span>
    </button>
  );
}

const AXIS_OPTIONS = [
  { value: "step", label: "Step" },
  { value: "relative", label: "Elapsed" },
  { value: "wall", label: "Clock" },
] as const;

/** Filter, x axis, smoothing, scales: what holds for all charts of the page. */
export function ChartToolbar({
  settings,
  onSettings,
}: {
  settings: ChartSearch;
  onSettings: (change: ChartSearch) => void;
}) {
  const weight = settings.smooth ?? 0;
  return (
    <div className="flex shrink-0 flex-wrap items-center gap-2 px-3 py-2">
      <SearchInput
        value={settings.charts ?? ""}
        onValue={(charts) => onSettings({ charts: charts || undefined })}
        placeholder="Filter charts, or /regex/"
        className="min-w-32 flex-1 basis-32"
      />
      <Segmented<XAxis>
        label="Horizontal axis"
        value={settings.x ?? "step"}
        onValue={(x) => onSettings({ x: x === "step" ? undefined : x, zoom: undefined })}
        options={AXIS_OPTIONS}
      />
      <label className="flex items-center gap-2 text-xs text-ink-2">
        Smooth
        <input
          type="range"
          min={0}
          max={0.99}
          step={0.01}
          value={weight}
          aria-label="Smoothing"
          aria-valuetext={weight === 0 ? "off" : weight.toFixed(2)}
          onChange={(event) => onSettings({ smooth: Number(event.target.value) || undefined })}
          className="range w-16"
        />
        <span className="w-6 tabular text-ink-3">{weight === 0 ? "off" : weight.toFixed(2)}</span>
      </label>
      <Popover
        label="Chart settings"
        className="w-56 p-3"
        trigger={
          <IconButton label="Axes" active={settings.logx || settings.logy || undefined}>
            <SlidersHorizontal />
          </IconButton>
        }
      >
        <div className="space-y-2.5 text-sm">
          <Check checked={settings.logy ?? false} onChange={(on) => onSettings({ logy: on || undefined })}>
            Logarithmic values
          </Check>
          <Check checked={settings.logx ?? false} onChange={(on) => onSettings({ logx: on || undefined })}>
            Logarithmic steps
          </Check>
          <p className="text-xs text-ink-3">
            Drag over a chart to zoom; a double click shows the whole curve again.
          </p>
        </div>
      </Popover>
    </div>
  );
}

function Check({
  checked,
  onChange,
  children,
}: {
  checked: boolean;
  onChange: (on: boolean) => void;
  children: string;
}) {
  return (
    <label className="flex items-center gap-2">
      <input
        type="checkbox"
        checked={checked}
        onChange={(event) => onChange(event.target.checked)}
        className="accent-accent"
      />
      {children}
    </label>
  );
}

function useColumns(scroller: React.RefObject<HTMLDivElement | null>): number {
  const [columns, setColumns] = useState(2);
  useEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const measure = () => setColumns(Math.max(1, Math.floor(element.clientWidth / LEAST_WIDTH)));
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, [scroller]);
  return columns;
}
