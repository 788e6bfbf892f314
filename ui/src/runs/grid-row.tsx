import { Link } from "@tanstack/react-router";
import { ChevronRight, Eye, EyeOff, HeartPulse, Pin } from "lucide-react";
import { memo } from "react";
import { cx } from "@/design/cx";
import { Cell, GroupCell } from "./cell";
import type { GridProps } from "./grid";
import type { Line } from "./groups";

export const ROW = 34;

interface RowProps {
  line: Line;
  index: number;
  top: number;
  /** The grid's own properties: the same object for as long as only the scroll position changes. */
  grid: GridProps;
  offsets: readonly number[];
  first: number;
  last: number;
  active: boolean;
  nowMs: number;
  onActivate: (index: number) => void;
  onCheck: (index: number, on: boolean, range: boolean) => void;
}

/** One line of the grid. Scrolling draws only the lines that come into view. */
export const GridRow = memo(function GridRow({
  line,
  index,
  top,
  grid,
  offsets,
  first,
  last,
  active,
  nowMs,
  onActivate,
  onCheck,
}: RowProps) {
  const isGroup = line.kind === "group";
  const id = isGroup ? line.group.name : line.row.id;
  const isSelected = !isGroup && grid.selected.has(id);
  const onBaseline = () => grid.onBaseline(grid.baseline?.id === id ? null : id);
  return (
    <div
      id={`row-${index}`}
      role="row"
      tabIndex={-1}
      aria-rowindex={index + 2}
      aria-selected={isGroup ? undefined : isSelected}
      aria-expanded={isGroup ? line.open : undefined}
      onMouseDown={() => onActivate(index)}
      className={cx(
        "group/row absolute inset-x-0 top-0 flex border-b border-line/70",
        isSelected ? "bg-accent-soft" : "bg-surface hover:bg-hover",
        active &&
          "group-focus-visible/grid:ring-1 group-focus-visible/grid:ring-accent group-focus-visible/grid:ring-inset",
      )}
      style={{ height: ROW, transform: `translateY(${top}px)` }}
    >
      <div
        role="gridcell"
        className="sticky left-0 z-10 flex min-w-0 items-center gap-2 bg-inherit pr-2 pl-3"
        style={{ width: grid.nameWidth }}
      >
        {isGroup ? (
          <GroupName line={line} color={grid.colors.get(id)} onToggle={() => grid.onToggle(id)} />
        ) : (
          <RunName
            line={line}
            color={grid.colors.get(id)}
            hidden={!grid.colors.has(id)}
            selected={isSelected}
            isBaseline={grid.baseline?.id === id}
            found={grid.findings.get(id)}
            onCheck={(on, range) => onCheck(index, on, range)}
            onHide={() => grid.onHide(id)}
            onToggle={() => grid.onToggle(id)}
            onBaseline={onBaseline}
          />
        )}
      </div>
      {grid.columns.slice(first, last + 1).map((column, place) => (
        <div
          key={column.id}
          role="gridcell"
          aria-colindex={first + place + 2}
          className={cx(
            "absolute top-0 flex h-full min-w-0 items-center px-3",
            column.numeric && "justify-end",
          )}
          style={{ left: offsets[first + place], width: column.width }}
        >
          {isGroup ? (
            <GroupCell group={line.group} column={column} />
          ) : (
            <Cell row={line.row} column={column} baseline={grid.baseline} nowMs={nowMs} />
          )}
        </div>
      ))}
    </div>
  );
});

function RunName({
  line,
  color,
  hidden,
  selected,
  isBaseline,
  found,
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
  found: string | undefined;
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
      {found ? (
        <span role="img" aria-label={`RL health: ${found}`} title={found} className="shrink-0 text-warn">
          <HeartPulse className="size-3.5" />
        </span>
      ) : null}
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
}

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
