import { ArrowDown, ArrowUp } from "lucide-react";
import { type PointerEvent, useRef } from "react";
import { cx } from "@/design/cx";
import { boundedWidth } from "./arrangement";
import type { Column } from "./columns";

const COLUMN_TYPE = "application/x-assay-column";

/** The heading of a column: sorts when pressed, moves when dragged, and its right edge gives it another width. */
export function Heading({
  column,
  left,
  sort,
  onSort,
  onMove,
  onWidth,
  index,
}: {
  column: Column;
  left: number;
  sort: string | undefined;
  onSort: (sort: string | undefined) => void;
  onMove: (id: string, before: string) => void;
  /** `done` when the pointer let go; null for the width that it had at first. */
  onWidth: (id: string, width: number | null, done: boolean) => void;
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
      draggable
      onDragStart={(event) => {
        event.dataTransfer.setData(COLUMN_TYPE, column.id);
        event.dataTransfer.effectAllowed = "move";
      }}
      onDragOver={(event) => {
        if (!event.dataTransfer.types.includes(COLUMN_TYPE)) return;
        event.preventDefault();
        event.currentTarget.dataset.over = "";
      }}
      onDragLeave={(event) => delete event.currentTarget.dataset.over}
      onDrop={(event) => {
        delete event.currentTarget.dataset.over;
        const id = event.dataTransfer.getData(COLUMN_TYPE);
        event.preventDefault();
        if (id && id !== column.id) onMove(id, column.id);
      }}
      className="group/head absolute top-0 h-full data-over:shadow-[inset_2px_0_0_var(--accent)]"
      style={{ left, width: column.width }}
    >
      <button
        type="button"
        disabled={column.id === "duration"}
        onClick={() => onSort(next)}
        title={column.label}
        className={cx(
          "flex h-full w-full min-w-0 items-center gap-1 px-3 font-medium hover:text-ink disabled:cursor-default disabled:hover:text-inherit [&_svg]:size-3 [&_svg]:shrink-0",
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
      <Edge
        width={column.width}
        onWidth={(width, done) => onWidth(column.id, width, done)}
        onReset={() => onWidth(column.id, null, true)}
      />
    </div>
  );
}

/** The right edge of a heading, to be dragged; a double click gives the first width back. */
export function Edge({
  width,
  onWidth,
  onReset,
}: {
  width: number;
  onWidth: (width: number, done: boolean) => void;
  onReset: () => void;
}) {
  const from = useRef<{ x: number; width: number } | null>(null);
  const at = (event: PointerEvent) => boundedWidth(from.current!.width + event.clientX - from.current!.x);
  return (
    <div
      aria-hidden
      data-edge
      // The heading around it is draggable; its edge is not.
      draggable
      onDragStart={(event) => {
        event.preventDefault();
        event.stopPropagation();
      }}
      onPointerDown={(event) => {
        from.current = { x: event.clientX, width };
        event.currentTarget.setPointerCapture(event.pointerId);
        event.preventDefault();
      }}
      onPointerMove={(event) => from.current && onWidth(at(event), false)}
      onPointerUp={(event) => {
        if (!from.current) return;
        const next = at(event);
        const isMoved = next !== from.current.width;
        from.current = null;
        if (isMoved) onWidth(next, true);
      }}
      onDoubleClick={onReset}
      className="absolute inset-y-0 -right-1 z-10 w-2 cursor-col-resize touch-none after:absolute after:inset-y-2 after:left-1/2 after:w-px after:bg-transparent hover:after:w-0.5 hover:after:bg-accent group-hover/head:after:bg-line-strong"
    />
  );
}
