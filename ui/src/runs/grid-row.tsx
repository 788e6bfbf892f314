import { Link } from "@tanstack/react-router";
import { ChevronRight, Ellipsis, Eye, EyeOff, Flag, HeartPulse, Pin } from "lucide-react";
import { memo } from "react";
import { RunStatus } from "@/design/badge";
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
  onMenu: (index: number) => void;
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
  onMenu,
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
        data-name
        className="sticky left-0 z-10 flex min-w-0 items-center gap-2 bg-inherit pr-2 pl-3"
        style={{ width: grid.nameWidth }}
      >
        {isGroup ? (
          <GroupName
            line={line}
            color={grid.colors.get(id)}
            onToggle={() => grid.onToggle(id)}
            onHide={() => grid.onHide(id)}
          />
        ) : (
          <RunName
            line={line}
            color={grid.colors.get(id)}
            hidden={!grid.colors.has(id)}
            selected={isSelected}
            isBaseline={grid.baseline?.id === id}
            withStatus={!grid.columns.some((column) => column.id === "status")}
            found={grid.findings.get(id)}
            onCheck={(on, range) => onCheck(index, on, range)}
            onHide={() => grid.onHide(id)}
            onToggle={() => grid.onToggle(id)}
            onBaseline={onBaseline}
            onPin={() => grid.onPin(id)}
            onMenu={() => onMenu(index)}
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

/** The width of a mark at the end of a name, with its gap. */
const MARK = 26;
const ROW_BUTTON = "rounded p-1 text-ink-3 hover:bg-hover hover:text-ink [&_svg]:size-3.5";

function RunName({
  line,
  color,
  hidden,
  selected,
  isBaseline,
  withStatus,
  found,
  onCheck,
  onHide,
  onToggle,
  onBaseline,
  onPin,
  onMenu,
}: {
  line: Line & { kind: "run" };
  color: string | undefined;
  hidden: boolean;
  selected: boolean;
  isBaseline: boolean;
  /** Whether the name says too how the run is, for want of a column that does. */
  withStatus: boolean;
  found: string | undefined;
  onCheck: (on: boolean, range: boolean) => void;
  onHide: () => void;
  onToggle: () => void;
  onBaseline: () => void;
  onPin: () => void;
  onMenu: () => void;
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
      <EyeButton name={row.name} color={color} hidden={hidden} onHide={onHide} />
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
      {withStatus && row.status !== "finished" ? <RunStatus status={row.status} compact /> : null}
      {found ? (
        <span role="img" aria-label={`RL health: ${found}`} title={found} className="shrink-0 text-warn">
          <HeartPulse className="size-3.5" />
        </span>
      ) : null}
      {line.pinned ? (
        <button
          type="button"
          tabIndex={-1}
          aria-label={`Let ${row.name} go from the top`}
          title="Pinned to the top"
          onClick={onPin}
          className="shrink-0 rounded p-0.5 text-accent-ink [&_svg]:size-3.5"
        >
          <Pin className="fill-current" />
        </button>
      ) : null}
      {isBaseline ? (
        <button
          type="button"
          tabIndex={-1}
          aria-label="Baseline; press to let it go"
          title="Baseline: metrics are compared with this run"
          onClick={onBaseline}
          className="shrink-0 rounded p-0.5 text-accent-ink [&_svg]:size-3.5"
        >
          <Flag className="fill-current" />
        </button>
      ) : null}
      {/* Over the end of the name, so that names have the room while nobody points at them. */}
      <span
        className="absolute inset-y-px flex items-center bg-inherit pl-1 opacity-0 group-hover/row:opacity-100 focus-within:opacity-100"
        style={{ right: 6 + (Number(line.pinned ?? false) + Number(isBaseline)) * MARK }}
      >
        {isBaseline ? null : (
          <button
            type="button"
            tabIndex={-1}
            aria-label={`Make ${row.name} the baseline`}
            title="Make it the baseline (B)"
            onClick={onBaseline}
            className={ROW_BUTTON}
          >
            <Flag />
          </button>
        )}
        <button
          type="button"
          tabIndex={-1}
          aria-label={`Actions for ${row.name}`}
          title="Colour, pin and more (M)"
          onClick={onMenu}
          className={ROW_BUTTON}
        >
          <Ellipsis />
        </button>
      </span>
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
  onHide,
}: {
  line: Line & { kind: "group" };
  color: string | undefined;
  onToggle: () => void;
  onHide: () => void;
}) {
  const { name, rows } = line.group;
  return (
    <>
      <Opener open={line.open} onToggle={onToggle} what={name} />
      <EyeButton name={name} color={color} hidden={!color} onHide={onHide} />
      <button
        type="button"
        onClick={onToggle}
        className="flex h-full min-w-0 flex-1 items-center gap-2 text-left"
      >
        <span className={cx("truncate font-medium", !color && "text-ink-3")} title={name}>
          {name}
        </span>
        <span className="text-xs text-ink-3 tabular">{rows.length.toLocaleString("en-US")}</span>
      </button>
    </>
  );
}

/** The colour of a curve, and whether it is drawn. */
function EyeButton({
  name,
  color,
  hidden,
  onHide,
}: {
  name: string;
  color: string | undefined;
  hidden: boolean;
  onHide: () => void;
}) {
  return (
    <button
      type="button"
      tabIndex={-1}
      aria-label={hidden ? `Show the curves of ${name}` : `Hide the curves of ${name}`}
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
  );
}
