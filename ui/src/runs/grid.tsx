import { Link, useNavigate } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown, ArrowUp, ChevronRight, Eye, EyeOff, Pin } from "lucide-react";
import { type KeyboardEvent, memo, useEffect, useMemo, useRef, useState } from "react";
import { cx } from "@/design/cx";
import { useNow } from "@/design/moment";
import { Cell, GroupCell } from "./cell";
import type { Column } from "./columns";
import type { Line } from "./groups";
import type { RunRow } from "./row";

const ROW = 34;
const HEADER = 34;

export interface GridProps {
  lines: readonly Line[];
  columns: readonly Column[];
  colors: ReadonlyMap<string, string>;
  selected: ReadonlySet<string>;
  baseline: RunRow | null;
  sort: string | undefined;
  nameWidth: number;
  onSort: (sort: string | undefined) => void;
  onSelect: (ids: string[], on: boolean) => void;
  onToggle: (name: string) => void;
  onHide: (id: string) => void;
  onBaseline: (id: string | null) => void;
  onCompare: () => void;
  onEnd: () => void;
  label: string;
}

/** The runs as a grid of which only what is on screen exists, in both directions; the name stays in view. */
export function RunsGrid(props: GridProps) {
  const { lines, columns, nameWidth, onEnd, sort, onSort, label } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState(0);
  const [anchor, setAnchor] = useState<number | null>(null);
  const nowMs = useNow();
  const navigate = useNavigate();

  const rows = useVirtualizer({
    count: lines.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    overscan: 12,
    paddingStart: HEADER,
    scrollPaddingStart: HEADER,
  });
  const across = useVirtualizer({
    horizontal: true,
    count: columns.length,
    getScrollElement: () => scroller.current,
    estimateSize: (index) => columns[index]?.width ?? 120,
    overscan: 3,
    paddingStart: nameWidth,
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: widths belong to columns, which have changed
  useEffect(() => across.measure(), [columns, nameWidth]);

  const items = rows.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (lines.length > 0 && last >= lines.length - 40) onEnd();
  }, [last, lines.length, onEnd]);

  const active = Math.min(at, lines.length - 1);
  const selectTo = (index: number, on: boolean, range: boolean) => {
    const [from, to] =
      range && anchor !== null ? [Math.min(anchor, index), Math.max(anchor, index)] : [index, index];
    const ids = lines
      .slice(from, to + 1)
      .flatMap((line) =>
        line.kind === "run" ? [line.row.id] : line.open ? [] : line.group.rows.map((row) => row.id),
      );
    props.onSelect(ids, on);
    setAnchor(index);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return;
    const line = lines[active];
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 400) / ROW) - 2);
    const move = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -lines.length,
      End: lines.length,
    }[event.key];
    if (move !== undefined) {
      const next = Math.max(0, Math.min(lines.length - 1, active + move));
      setAt(next);
      rows.scrollToIndex(next);
    } else if (!line) return;
    else if (line.kind === "group" && (event.key === "Enter" || event.key === " "))
      props.onToggle(line.group.name);
    else if (line.kind !== "run") return;
    else if (event.key === " ") selectTo(active, !props.selected.has(line.row.id), event.shiftKey);
    else if (event.key === "Enter") void navigate({ to: "/runs/$runId", params: { runId: line.row.id } });
    else if (event.key === "v") props.onHide(line.row.id);
    else if (event.key === "b") props.onBaseline(props.baseline?.id === line.row.id ? null : line.row.id);
    else if (event.key === "c") props.onCompare();
    else return;
    event.preventDefault();
  };

  const shownColumns = across.getVirtualItems();
  const width = across.getTotalSize();
  const allIds = useMemo(
    () =>
      lines.flatMap((line) => (line.kind === "run" ? [line.row.id] : line.group.rows.map((row) => row.id))),
    [lines],
  );
  const allSelected = allIds.length > 0 && allIds.every((id) => props.selected.has(id));
  return (
    <div
      ref={scroller}
      role="grid"
      tabIndex={0}
      aria-label={label}
      aria-rowcount={lines.length + 1}
      aria-colcount={columns.length + 1}
      aria-activedescendant={lines[active] ? `row-${active}` : undefined}
      onKeyDown={onKeyDown}
      className="group/grid h-full min-h-0 overflow-auto bg-surface text-sm outline-none focus-visible:ring-2 focus-visible:ring-accent/40 focus-visible:ring-inset"
    >
      <div className="relative" style={{ height: rows.getTotalSize(), minWidth: width, width: "100%" }}>
        <div
          role="row"
          aria-rowindex={1}
          className="sticky top-0 z-20 flex border-b border-line bg-surface text-xs text-ink-3"
          style={{ height: HEADER }}
        >
          <div
            role="columnheader"
            className="sticky left-0 z-10 flex items-center gap-2 bg-surface pr-2 pl-3"
            style={{ width: nameWidth }}
          >
            <input
              type="checkbox"
              aria-label="Select all runs that are loaded"
              checked={allSelected}
              onChange={() => props.onSelect(allIds, !allSelected)}
              className="accent-accent"
            />
            <span className="font-medium">Run</span>
          </div>
          {shownColumns.map((item) => {
            const column = columns[item.index]!;
            return (
              <Heading
                key={column.id}
                column={column}
                left={item.start}
                sort={sort}
                onSort={onSort}
                index={item.index}
              />
            );
          })}
        </div>
        {items.map((item) => {
          const line = lines[item.index]!;
          const isGroup = line.kind === "group";
          const id = isGroup ? line.group.name : line.row.id;
          return (
            <div
              key={isGroup ? `g ${id}` : id}
              id={`row-${item.index}`}
              role="row"
              tabIndex={-1}
              aria-rowindex={item.index + 2}
              aria-selected={isGroup ? undefined : props.selected.has(id)}
              aria-expanded={isGroup ? line.open : undefined}
              onMouseDown={() => setAt(item.index)}
              className={cx(
                "group/row absolute inset-x-0 top-0 flex border-b border-line/70",
                !isGroup && props.selected.has(id) ? "bg-accent-soft" : "bg-surface hover:bg-hover",
                item.index === active &&
                  "group-focus-visible/grid:ring-1 group-focus-visible/grid:ring-accent group-focus-visible/grid:ring-inset",
              )}
              style={{ height: ROW, transform: `translateY(${item.start}px)` }}
            >
              <div
                role="gridcell"
                className="sticky left-0 z-10 flex min-w-0 items-center gap-2 bg-inherit pr-2 pl-3"
                style={{ width: nameWidth }}
              >
                {isGroup ? (
                  <GroupName line={line} color={props.colors.get(id)} onToggle={() => props.onToggle(id)} />
                ) : (
                  <RunName
                    line={line}
                    color={props.colors.get(id)}
                    hidden={!props.colors.has(id)}
                    selected={props.selected.has(id)}
                    isBaseline={props.baseline?.id === id}
                    onCheck={(on, range) => selectTo(item.index, on, range)}
                    onHide={() => props.onHide(id)}
                    onToggle={() => props.onToggle(id)}
                    onBaseline={() => props.onBaseline(props.baseline?.id === id ? null : id)}
                  />
                )}
              </div>
              {shownColumns.map((place) => {
                const column = columns[place.index]!;
                return (
                  <div
                    key={column.id}
                    role="gridcell"
                    aria-colindex={place.index + 2}
                    className={cx(
                      "absolute top-0 flex h-full min-w-0 items-center px-3",
                      column.numeric && "justify-end",
                    )}
                    style={{ left: place.start, width: place.size }}
                  >
                    {isGroup ? (
                      <GroupCell group={line.group} column={column} />
                    ) : (
                      <Cell row={line.row} column={column} baseline={props.baseline} nowMs={nowMs} />
                    )}
                  </div>
                );
              })}
            </div>
          );
        })}
      </div>
    </div>
  );
}

function Heading({
  column,
  left,
  sort,
  onSort,
  index,
}: {
  column: Column;
  left: number;
  sort: string | undefined;
  onSort: (sort: string | undefined) => void;
  index: number;
}) {
  const down = sort === `-${column.id}`;
  const up = sort === column.id;
  const next = down ? column.id : up ? undefined : `-${column.id}`;
  return (
    <div
      role="columnheader"
      aria-colindex={index + 2}
      aria-sort={down ? "descending" : up ? "ascending" : "none"}
      className="absolute top-0 h-full"
      style={{ left, width: column.width }}
    >
      <button
        type="button"
        disabled={column.id === "duration"}
        onClick={() => onSort(next)}
        title={column.label}
        className={cx(
          "flex h-full w-full min-w-0 items-center gap-1 px-3 font-medium hover:text-ink disabled:hover:text-inherit [&_svg]:size-3 [&_svg]:shrink-0",
          column.numeric && "justify-end",
          (down || up) && "text-ink",
        )}
      >
        <span
          className={cx("truncate", column.kind === "metric" && column.key.length > 18 && "[direction:rtl]")}
        >
          <bdi>{column.label}</bdi>
        </span>
        {down ? <ArrowDown /> : up ? <ArrowUp /> : null}
      </button>
    </div>
  );
}

const RunName = memo(function RunName({
  line,
  color,
  hidden,
  selected,
  isBaseline,
  onCheck,
  onHide,
  onToggle,
  onBaseline,
}: {
  line: Line & { kind: "run" };
  color: string | undefined;
  hidden: boolean;
  selected: boolean;
  isBaseline: boolean;
  onCheck: (on: boolean, range: boolean) => void;
  onHide: () => void;
  onToggle: () => void;
  onBaseline: () => void;
}) {
  const { row } = line;
  return (
    <>
      <input
        type="checkbox"
        aria-label={`Select ${row.name}`}
        checked={selected}
        onChange={(event) => onCheck(event.target.checked, (event.nativeEvent as MouseEvent).shiftKey)}
        className="shrink-0 accent-accent"
      />
      {line.depth > 0 ? <span style={{ width: line.depth * 14 }} /> : null}
      {line.hasChildren ? <Opener open={line.open} onToggle={onToggle} what={row.name} /> : null}
      <button
        type="button"
        tabIndex={-1}
        aria-label={hidden ? `Show the curves of ${row.name}` : `Hide the curves of ${row.name}`}
        onClick={onHide}
        className="group/eye relative flex size-4 shrink-0 items-center justify-center text-ink-3"
      >
        {color && !hidden ? (
          <span className="size-2.5 rounded-full group-hover/eye:invisible" style={{ background: color }} />
        ) : (
          <span className="size-2.5 rounded-full border border-line-strong group-hover/eye:invisible" />
        )}
        <span className="invisible absolute group-hover/eye:visible [&_svg]:size-3.5">
          {hidden ? <Eye /> : <EyeOff />}
        </span>
      </button>
      <Link
        to="/runs/$runId"
        params={{ runId: row.id }}
        className={cx(
          "min-w-0 flex-1 truncate font-medium hover:text-accent-ink hover:underline",
          hidden && "text-ink-3",
        )}
        title={row.name}
      >
        {row.name}
      </Link>
      <button
        type="button"
        tabIndex={-1}
        aria-label={isBaseline ? "Baseline; press to let it go" : `Make ${row.name} the baseline`}
        title={isBaseline ? "Baseline" : "Make it the baseline"}
        onClick={onBaseline}
        className={cx(
          "shrink-0 rounded p-0.5 [&_svg]:size-3.5",
          isBaseline
            ? "text-accent-ink"
            : "text-ink-3 opacity-0 group-hover/row:opacity-100 focus-visible:opacity-100",
        )}
      >
        <Pin className={cx(isBaseline && "fill-current")} />
      </button>
    </>
  );
});

function Opener({ open, onToggle, what }: { open: boolean; onToggle: () => void; what: string }) {
  return (
    <button
      type="button"
      tabIndex={-1}
      aria-label={`${open ? "Close" : "Open"} ${what}`}
      aria-expanded={open}
      onClick={onToggle}
      className="shrink-0 rounded p-0.5 text-ink-3 hover:bg-hover"
    >
      <ChevronRight className={cx("size-3.5 transition-transform", open && "rotate-90")} />
    </button>
  );
}

function GroupName({
  line,
  color,
  onToggle,
}: {
  line: Line & { kind: "group" };
  color: string | undefined;
  onToggle: () => void;
}) {
  return (
    <button type="button" onClick={onToggle} className="flex min-w-0 flex-1 items-center gap-2 text-left">
      <ChevronRight
        className={cx("size-3.5 shrink-0 text-ink-3 transition-transform", line.open && "rotate-90")}
      />
      <span className="size-2.5 shrink-0 rounded-full" style={{ background: color }} />
      <span className="truncate font-medium">{line.group.name}</span>
      <span className="text-xs text-ink-3">{line.group.rows.length}</span>
    </button>
  );
}
