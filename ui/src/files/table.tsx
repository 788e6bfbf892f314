import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, type ReactNode, useEffect, useId, useMemo, useRef, useState } from "react";
import { cx } from "@/design/cx";
import type { Cell, TableColumn } from "./cell";
import { CellDialog } from "./cell-dialog";
import { MediaCell } from "./media-cell";
import { columnLooks, isMedium, rowHeight } from "./table-looks";

const HEADER = 30;
const TYPED_HEADER = 44;
const MOST_COLUMNS = 5_000;

export interface DataTableProps {
  label: string;
  columns: readonly TableColumn[];
  /** How many rows there are to show. */
  rowCount: number;
  cellAt: (row: number, column: number) => Cell;
  /** The route below which the media of cells are. */
  folder?: string;
  /** Brings a value of which the cell has only the beginning. */
  wholeCell?: (row: number, column: number) => Promise<Cell>;
}

/**
 * A table of which only what is on screen exists, in both directions. Cells are text, numbers and media that do
 * not act; one of them is opened in full by a click or Enter.
 */
export function DataTable({ label, columns: all, rowCount, cellAt, folder, wholeCell }: DataTableProps) {
  const columns = useMemo(() => all.slice(0, MOST_COLUMNS), [all]);
  const scroller = useRef<HTMLDivElement>(null);
  const id = useId();
  const [at, setAt] = useState<[number, number]>([0, 0]);
  const [open, setOpen] = useState<[number, number] | null>(null);
  const looks = useMemo(() => columnLooks(columns, rowCount, cellAt), [columns, rowCount, cellAt]);
  const height = rowHeight(looks);
  const header = columns.some((each) => each.type) ? TYPED_HEADER : HEADER;
  const margin = 20 + String(rowCount).length * 8;

  const rows = useVirtualizer({
    count: rowCount,
    getScrollElement: () => scroller.current,
    estimateSize: () => height,
    overscan: 8,
    paddingStart: header,
    scrollPaddingStart: header,
  });
  const across = useVirtualizer({
    horizontal: true,
    count: columns.length,
    getScrollElement: () => scroller.current,
    estimateSize: (index) => looks[index]?.width ?? 120,
    overscan: 3,
    paddingStart: margin,
    scrollPaddingStart: margin,
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: sizes belong to what is shown, which has changed
  useEffect(() => {
    rows.measure();
    across.measure();
  }, [looks, height, margin]);

  const active: [number, number] = [Math.min(at[0], rowCount - 1), Math.min(at[1], columns.length - 1)];
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" && rowCount > 0) setOpen(active);
    else {
      const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 400) / height) - 2);
      const step = STEPS[event.key]?.(page, rowCount, columns.length);
      if (!step) return;
      const next: [number, number] = [
        Math.max(0, Math.min(rowCount - 1, active[0] + step[0])),
        Math.max(0, Math.min(columns.length - 1, active[1] + step[1])),
      ];
      setAt(next);
      rows.scrollToIndex(next[0]);
      across.scrollToIndex(next[1]);
    }
    event.preventDefault();
  };

  if (columns.length === 0) return <p className="p-4 text-ink-3">The table has no columns.</p>;
  const shown = across.getVirtualItems();
  const width = across.getTotalSize();
  return (
    <>
      {all.length > MOST_COLUMNS ? (
        <p className="border-b border-line bg-warn-soft px-4 py-1.5 text-xs text-warn">
          The first {MOST_COLUMNS.toLocaleString("en-US")} of {all.length.toLocaleString("en-US")} columns.
        </p>
      ) : null}
      <div
        ref={scroller}
        role="grid"
        tabIndex={0}
        aria-label={label}
        aria-rowcount={rowCount + 1}
        aria-colcount={columns.length + 1}
        aria-activedescendant={rowCount > 0 ? `${id}-${active[0]}-${active[1]}` : undefined}
        onKeyDown={onKeyDown}
        onMouseDown={(event) => setAt((before) => placeOf(event.target) ?? before)}
        onClick={(event) => setOpen(placeOf(event.target))}
        className="group/table h-full max-h-[calc(100dvh-13rem)] min-h-0 overflow-auto text-xs outline-none focus-visible:ring-2 focus-visible:ring-accent/40 focus-visible:ring-inset"
      >
        <div className="relative" style={{ height: rows.getTotalSize(), width, minWidth: "100%" }}>
          <div
            role="row"
            aria-rowindex={1}
            className="sticky top-0 z-20 border-b border-line bg-surface"
            style={{ height: header }}
          >
            <div
              role="columnheader"
              aria-colindex={1}
              className="sticky left-0 z-10 h-full border-r border-line/70 bg-surface"
              style={{ width: margin }}
            >
              <span className="sr-only">Row</span>
            </div>
            {shown.map((item) => (
              <Heading
                key={item.index}
                column={columns[item.index]!}
                index={item.index}
                left={item.start}
                width={item.size}
                isRight={looks[item.index]!.isRight}
              />
            ))}
          </div>
          {rows.getVirtualItems().map((row) => (
            <div
              key={row.index}
              role="row"
              aria-rowindex={row.index + 2}
              className="absolute top-0 left-0 w-full border-b border-line/60 bg-surface hover:bg-hover"
              style={{ height, transform: `translateY(${row.start}px)` }}
            >
              <div
                role="rowheader"
                aria-colindex={1}
                className="sticky left-0 z-10 flex h-full items-center justify-end border-r border-line/70 bg-inherit pr-2 text-ink-3 tabular select-none"
                style={{ width: margin }}
              >
                {(row.index + 1).toLocaleString("en-US")}
              </div>
              {shown.map((item) => {
                const cell = cellAt(row.index, item.index);
                const isActive = row.index === active[0] && item.index === active[1];
                return (
                  <div
                    key={item.index}
                    id={`${id}-${row.index}-${item.index}`}
                    role="gridcell"
                    tabIndex={-1}
                    aria-colindex={item.index + 2}
                    data-row={row.index}
                    data-column={item.index}
                    title={isMedium(cell) ? undefined : cell.text.slice(0, 500) || undefined}
                    className={cx(
                      "absolute top-0 flex h-full cursor-default items-center px-3",
                      looks[item.index]!.isRight && cell.is !== "nested" && "justify-end",
                      isActive &&
                        "group-focus-visible/table:ring-1 group-focus-visible/table:ring-accent group-focus-visible/table:ring-inset",
                    )}
                    style={{ left: item.start, width: item.size }}
                  >
                    <Content cell={cell} folder={folder} height={height} />
                  </div>
                );
              })}
            </div>
          ))}
        </div>
      </div>
      {open ? (
        <CellDialog
          key={open.join(" ")}
          column={columns[open[1]]!}
          row={open[0]}
          rowCount={rowCount}
          cell={cellAt(open[0], open[1])}
          folder={folder}
          whole={wholeCell ? () => wholeCell(open[0], open[1]) : undefined}
          onRow={(row) => {
            setOpen([row, open[1]]);
            setAt([row, open[1]]);
            rows.scrollToIndex(row);
          }}
          onClose={() => setOpen(null)}
        />
      ) : null}
    </>
  );
}

/** The cell that something on the screen belongs to. */
function placeOf(target: EventTarget): [number, number] | null {
  const cell = target instanceof Element ? target.closest<HTMLElement>("[role=gridcell]") : null;
  return cell ? [Number(cell.dataset.row), Number(cell.dataset.column)] : null;
}

const STEPS: Record<string, (page: number, rows: number, columns: number) => [number, number]> = {
  ArrowDown: () => [1, 0],
  ArrowUp: () => [-1, 0],
  ArrowRight: () => [0, 1],
  ArrowLeft: () => [0, -1],
  PageDown: (page) => [page, 0],
  PageUp: (page) => [-page, 0],
  Home: (_, rows) => [-rows, 0],
  End: (_, rows) => [rows, 0],
};

function Heading({
  column,
  index,
  left,
  width,
  isRight,
}: {
  column: TableColumn;
  index: number;
  left: number;
  width: number;
  isRight: boolean;
}) {
  return (
    <div
      role="columnheader"
      aria-colindex={index + 2}
      title={column.type ? `${column.name}: ${column.type}` : column.name}
      className={cx("absolute top-0 flex h-full flex-col justify-center px-3", isRight && "text-right")}
      style={{ left, width }}
    >
      <span className="truncate font-medium text-ink-2">{column.name}</span>
      {column.type ? <span className="truncate font-mono text-2xs text-ink-3">{column.type}</span> : null}
    </div>
  );
}

function Content({ cell, folder, height }: { cell: Cell; folder?: string; height: number }): ReactNode {
  if (cell.is === "null") return <span className="text-2xs text-ink-3 italic">null</span>;
  if (cell.is === "unread")
    return (
      <span className="text-ink-3" title="Too large to be fetched here">
        …
      </span>
    );
  if (isMedium(cell)) return <MediaCell cell={cell} folder={folder} height={height - 9} />;
  return (
    <span
      className={cx(
        "truncate",
        cell.is === "number" && "tabular",
        cell.is === "nested" && "font-mono text-2xs",
        cell.is === "binary" && "rounded bg-sunken px-1.5 text-2xs text-ink-2",
      )}
    >
      {cell.is === "text" || cell.is === "nested" ? cell.text.slice(0, 300) : cell.text}
    </span>
  );
}
