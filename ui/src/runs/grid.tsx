import { useNavigate } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import {
  type KeyboardEvent,
  type MouseEvent,
  useCallback,
  useEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import { useNow } from "@/design/moment";
import type { Column } from "./columns";
import { GridRow, ROW } from "./grid-row";
import type { Line } from "./groups";
import { Edge, Heading } from "./heading";
import type { RunRow } from "./row";
import { type MenuPlace, RowMenu } from "./row-menu";

const HEADER = 34;

export interface GridProps {
  lines: readonly Line[];
  columns: readonly Column[];
  colors: ReadonlyMap<string, string>;
  selected: ReadonlySet<string>;
  pinned: ReadonlySet<string>;
  baseline: RunRow | null;
  /** What detectors found and still see, by run, in words. */
  findings: ReadonlyMap<string, string>;
  sort: string | undefined;
  nameWidth: number;
  onSort: (sort: string | undefined) => void;
  onSelect: (ids: string[], on: boolean) => void;
  onToggle: (name: string) => void;
  onHide: (id: string) => void;
  onBaseline: (id: string | null) => void;
  onCompare: () => void;
  onPin: (id: string) => void;
  onColor: (id: string, slot: number | null) => void;
  onMoveColumn: (id: string, before: string) => void;
  /** Null for the width that the column had at first. `name` is the first column. */
  onWidth: (id: string, width: number | null) => void;
  onEnd: () => void;
  label: string;
}

/** The runs as a grid of which only what is on screen exists, in both directions; the name stays in view. */
export function RunsGrid(given: GridProps) {
  // While an edge is dragged its column follows the pointer; the address hears of it at the end.
  const [dragged, setDragged] = useState<{ id: string; width: number } | null>(null);
  const props = useMemo(() => (dragged ? withWidth(given, dragged) : given), [given, dragged]);
  const { lines, columns, nameWidth, onEnd, sort, onSort, label } = props;
  const onWidth = (id: string, width: number | null, done: boolean) => {
    setDragged(done || width === null ? null : { id, width });
    if (done) given.onWidth(id, width);
  };
  const [menu, setMenu] = useState<MenuPlace | null>(null);
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
  const onMenuOf = (index: number) => {
    const line = lines[index];
    const cell = scroller.current?.querySelector(`#row-${index} [data-name]`)?.getBoundingClientRect();
    if (line?.kind === "run" && cell) setMenu({ row: line.row, left: cell.left + 48, top: cell.bottom - 4 });
  };
  const onContextMenu = (event: MouseEvent) => {
    const row = (event.target as HTMLElement).closest("[role=row][aria-rowindex]");
    const line = lines[Number(row?.getAttribute("aria-rowindex")) - 2];
    // A link keeps the menu of the browser, which opens it elsewhere.
    if (line?.kind !== "run" || (event.target as HTMLElement).closest("a")) return;
    event.preventDefault();
    setMenu({ row: line.row, left: event.clientX, top: event.clientY });
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
    else if (event.key === "p") props.onPin(line.row.id);
    else if (event.key === "m" || event.key === "ContextMenu") onMenuOf(active);
    else return;
    event.preventDefault();
  };

  const latest = useRef({ selectTo, onMenuOf });
  latest.current = { selectTo, onMenuOf };
  const onCheck = useCallback(
    (index: number, on: boolean, range: boolean) => latest.current.selectTo(index, on, range),
    [],
  );
  const onMenu = useCallback((index: number) => latest.current.onMenuOf(index), []);
  const offsets = useMemo(() => {
    const starts = [nameWidth];
    for (const column of columns) starts.push(starts.at(-1)! + column.width);
    return starts;
  }, [columns, nameWidth]);
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
      onContextMenu={onContextMenu}
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
            <Edge
              width={nameWidth}
              onWidth={(width, done) => onWidth("name", width, done)}
              onReset={() => onWidth("name", null, true)}
            />
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
                onMove={given.onMoveColumn}
                onWidth={onWidth}
                index={item.index}
              />
            );
          })}
        </div>
        {items.map((item) => {
          const line = lines[item.index]!;
          const id = line.kind === "group" ? line.group.name : line.row.id;
          return (
            <GridRow
              key={line.kind === "group" ? `g ${id}` : id}
              line={line}
              index={item.index}
              top={item.start}
              grid={props}
              offsets={offsets}
              first={shownColumns[0]?.index ?? 0}
              last={shownColumns.at(-1)?.index ?? -1}
              active={item.index === active}
              nowMs={nowMs}
              onActivate={setAt}
              onCheck={onCheck}
              onMenu={onMenu}
            />
          );
        })}
      </div>
      <RowMenu
        place={menu}
        onClose={() => setMenu(null)}
        focus={scroller}
        isHidden={menu !== null && !props.colors.has(menu.row.id)}
        isPinned={menu !== null && props.pinned.has(menu.row.id)}
        isBaseline={menu !== null && props.baseline?.id === menu.row.id}
        color={menu ? props.colors.get(menu.row.id) : undefined}
        onHide={() => menu && props.onHide(menu.row.id)}
        onPin={() => menu && props.onPin(menu.row.id)}
        onBaseline={() => menu && props.onBaseline(props.baseline?.id === menu.row.id ? null : menu.row.id)}
        onColor={(slot) => menu && props.onColor(menu.row.id, slot)}
      />
    </div>
  );
}

function withWidth(props: GridProps, { id, width }: { id: string; width: number }): GridProps {
  if (id === "name") return { ...props, nameWidth: width };
  return {
    ...props,
    columns: props.columns.map((column) => (column.id === id ? { ...column, width } : column)),
  };
}
