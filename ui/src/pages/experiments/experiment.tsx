import { useInfiniteQuery, useQueries, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { Columns2, Download, LineChart, Rows3, Trash2 } from "lucide-react";
import { useCallback, useMemo } from "react";
import { apiPath, send } from "@/api/client";
import * as queries from "@/api/queries";
import type { Run } from "@/api/types";
import { MOST_WATCHED, useLive } from "@/api/use-live";
import { useRunNews } from "@/api/use-run-news";
import type { RunsSearch } from "@/app/search";
import * as searches from "@/app/search";
import { failed } from "@/app/toasts";
import type { ChartRun } from "@/charts/chart";
import { colorsFor } from "@/charts/colors";
import { csv, save } from "@/charts/download";
import { ChartsPanel } from "@/charts/panel";
import { IconButton, Spinner } from "@/design/button";
import { Segmented } from "@/design/field";
import { Menu, MenuItem } from "@/design/menu";
import { useNarrow, useTitle } from "@/design/page";
import { Split } from "@/design/split";
import { Failure, SkeletonRows } from "@/design/states";
import { chosenColors, placedBefore, sized, toggledIn, widthsOf, withPair } from "@/runs/arrangement";
import { BulkBar } from "@/runs/bulk-bar";
import { ColumnPicker } from "@/runs/column-picker";
import { type Column, cellValue, columnOf, columnsOf, defaultColumns, orderOf } from "@/runs/columns";
import type { Known } from "@/runs/complete";
import { FilterBar } from "@/runs/filter-bar";
import { findingsByRun } from "@/runs/findings";
import { RunsGrid } from "@/runs/grid";
import { linesOf, NO_VALUE, shownRuns } from "@/runs/groups";
import { type RunRow, toRow } from "@/runs/row";
import { Views } from "@/runs/views";
import { GroupPicker, NoRuns } from "./parts";

/** Runs that stay on top or are the baseline, though the table has not come to them: so many are asked for. */
const MOST_KEPT = 20;
const FIRST_SHARE = 42;
const [NAME_BESIDE_CHARTS, NAME_ALONE] = [232, 300];
const ROUTE = "/experiments/$experimentId";

/** How often the rows are asked for: seldom while they come by themselves, numbers of running ones included. */
const refreshMs = (rows: readonly RunRow[], isLive: boolean): number =>
  isLive && rows.filter((row) => row.status === "running").length <= MOST_WATCHED ? 60_000 : 5_000;

export default function ExperimentPage() {
  const { experimentId } = useParams({ from: ROUTE });
  const search = useSearch({ from: ROUTE });
  const navigate = useNavigate({ from: ROUTE });
  const change = useCallback(
    (next: Partial<RunsSearch>) =>
      void navigate({ to: ".", search: (before) => ({ ...before, ...next }), replace: true }),
    [navigate],
  );
  const experiment = useQuery(queries.experiment(experimentId));
  useTitle(experiment.data?.name ?? "Experiment");

  const runSearch = {
    experimentIds: [experimentId],
    filter: search.filter,
    orderBy: orderOf(search.sort),
    view: search.bin ? ("deleted" as const) : ("active" as const),
  };
  const isLive = useRunNews(experimentId, runSearch);
  const pages = useInfiniteQuery(queries.runPages(runSearch, (rows) => refreshMs(rows, isLive)));
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = pages;
  const loaded = useMemo(() => pages.data?.pages.flatMap((page) => page.rows) ?? [], [pages.data]);
  const kept = useKept(search, loaded, experimentId, pages.isSuccess);
  const rows = useMemo(
    () => [...loaded, ...kept.filter((row) => search.pin?.includes(row.id))],
    [loaded, kept, search.pin],
  );
  const onEnd = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);

  const view = search.view ?? "both";
  const isNarrow = useNarrow();
  const all = useMemo(() => columnsOf(rows), [rows]);
  const widths = useMemo(() => widthsOf(search.widths), [search.widths]);
  const columns = useColumns(all, rows, search, widths);
  const groupBy = useMemo(() => (search.group ? columnOf(search.group) : null), [search.group]);
  const toggled = useMemo(() => new Set(search.open), [search.open]);
  const pinned = useMemo(() => new Set(search.pin), [search.pin]);
  const lines = useMemo(() => linesOf(rows, groupBy, toggled, pinned), [rows, groupBy, toggled, pinned]);
  const selected = useMemo(() => new Set(search.sel), [search.sel]);
  const shown = useMemo(() => shownRuns(lines, search.show, search.hide), [lines, search.show, search.hide]);
  const { chartRuns, colors } = useChartRuns(shown, groupBy, pinned, search.colors);
  const keys = useMemo(() => [...new Set(shown.flatMap((row) => Object.keys(row.metrics)))], [shown]);
  const known = useKnown(all, rows);
  const live = useMemo(() => rows.filter((row) => row.status === "running").map((row) => row.id), [rows]);
  useLive(live);
  const found = useQuery(queries.experimentFindings(experimentId)).data;
  const findings = useMemo(() => findingsByRun(found ?? []), [found]);
  const baseline = [...rows, ...kept].find((row) => row.id === search.base) ?? null;

  const onSelect = (ids: string[], on: boolean) => {
    const next = new Set(selected);
    for (const id of ids) {
      if (on) next.add(id);
      else next.delete(id);
    }
    change({ sel: next.size > 0 ? [...next] : undefined });
  };
  const onHide = (id: string) => {
    const without = (ids: string[] | undefined) => ids?.filter((each) => each !== id) ?? [];
    const [show, hide] = [without(search.show), without(search.hide)];
    (colors.has(id) ? hide : show).push(id);
    change({ show: show.length > 0 ? show : undefined, hide: hide.length > 0 ? hide : undefined });
  };
  const onWidth = (id: string, width: number | null) =>
    change({ widths: withPair(search.widths, id, width) });
  const onMoveColumn = (id: string, before: string) =>
    change({
      cols: placedBefore(
        columns.map((each) => each.id),
        id,
        before,
      ),
    });
  const onCompare = () => {
    if (selected.size > 1) void navigate({ to: "/compare", search: { runs: [...selected] } });
  };
  const onDownload = () => {
    const cells = rows.map((row) => [
      row.id,
      row.name,
      ...columns.map((column) => cellValue(row, column) ?? ""),
    ]);
    const table = csv([["run_id", "name", ...columns.map((column) => column.id)], ...cells]);
    save(new Blob([table], { type: "text/csv" }), `${experiment.data?.name ?? "runs"}.csv`);
  };

  const onExport = async (kind: "csv" | "parquet") => {
    const query = { filter: search.filter, order_by: runSearch.orderBy, view: runSearch.view };
    try {
      const answer = await send("GET", `${apiPath("experiments", experimentId)}/runs.${kind}`, { query });
      save(await answer.blob(), `${experiment.data?.name ?? "runs"}.${kind}`);
    } catch (error) {
      failed(error);
    }
  };
  // What the view does not name goes back to its default.
  const onView = (state: RunsSearch) => {
    const none = Object.fromEntries(Object.keys(searches.runs({})).map((key) => [key, undefined]));
    change({ ...none, ...searches.runs({ ...state }) });
  };

  if (experiment.error) {
    return (
      <div className="px-8 py-6">
        <Failure error={experiment.error} onRetry={() => void experiment.refetch()} />
      </div>
    );
  }
  const isEmpty = pages.isSuccess && rows.length === 0;
  const charts = (
    <ChartsPanel
      keys={keys}
      runs={chartRuns}
      settings={search}
      onSettings={change}
      sync={experimentId}
      legend={view === "charts"}
    />
  );
  const table = pages.isPending ? (
    <SkeletonRows rows={14} />
  ) : isEmpty ? (
    <NoRuns
      filtered={Boolean(search.filter)}
      inBin={search.bin ?? false}
      name={experiment.data?.name}
      onClear={() => change({ filter: undefined })}
    />
  ) : pages.error && rows.length === 0 ? (
    <div className="p-4">
      <Failure error={pages.error} onRetry={() => void pages.refetch()} />
    </div>
  ) : (
    <RunsGrid
      label={`Runs of ${experiment.data?.name ?? "the experiment"}`}
      lines={lines}
      columns={columns}
      colors={colors}
      selected={selected}
      pinned={pinned}
      baseline={baseline}
      findings={findings}
      sort={search.sort}
      nameWidth={widths.get("name") ?? (view === "table" ? NAME_ALONE : NAME_BESIDE_CHARTS)}
      onSort={(sort) => change({ sort })}
      onSelect={onSelect}
      onToggle={(name) => change({ open: toggledIn(search.open, name) })}
      onHide={onHide}
      onBaseline={(id) => change({ base: id ?? undefined })}
      onPin={(id) => change({ pin: toggledIn(search.pin, id) })}
      onColor={(id, slot) => change({ colors: withPair(search.colors, id, slot) })}
      onCompare={onCompare}
      onMoveColumn={onMoveColumn}
      onWidth={onWidth}
      onEnd={onEnd}
    />
  );
  return (
    <div className="flex h-full min-h-0 flex-col">
      <header className="flex shrink-0 flex-wrap items-center gap-x-4 gap-y-2 px-4 pt-3 pb-2">
        <div className="flex min-w-0 flex-1 items-baseline gap-2">
          <Link to="/experiments" className="text-sm text-ink-3 hover:text-ink">
            Experiments
          </Link>
          <span className="text-line-strong">/</span>
          <h1 className="truncate text-lg font-semibold tracking-tight">{experiment.data?.name ?? "…"}</h1>
          <span className="text-xs whitespace-nowrap text-ink-3 tabular">
            {pages.isSuccess ? `${rows.length.toLocaleString("en-US")}${hasNextPage ? "+" : ""} runs` : ""}
          </span>
          {pages.isFetching ? <Spinner className="text-ink-3" /> : null}
        </div>
        <Segmented
          label="Layout"
          value={isNarrow && view === "both" ? "table" : view}
          onValue={(next) => change({ view: next === "both" ? undefined : next })}
          options={[
            ...(isNarrow ? [] : [{ value: "both" as const, label: <Columns2 />, title: "Runs and charts" }]),
            { value: "table", label: <Rows3 />, title: "Runs only" },
            { value: "charts", label: <LineChart />, title: "Charts only" },
          ]}
        />
      </header>
      <div className="flex shrink-0 flex-wrap items-start gap-2 border-b border-line px-4 pb-3">
        <FilterBar
          value={search.filter ?? ""}
          onValue={(filter) => change({ filter: filter || undefined })}
          known={known}
          error={pages.error}
          experimentId={experimentId}
          inBin={search.bin ?? false}
        />
        <GroupPicker all={all} value={search.group} onValue={(group) => change({ group })} />
        <ColumnPicker
          all={all}
          chosen={columns.map((each) => each.id)}
          onChosen={(cols) => change({ cols })}
        />
        <Views experimentId={experimentId} state={search} onState={onView} />
        <Menu
          trigger={
            <IconButton label="Download the runs" disabled={rows.length === 0} className="size-8">
              <Download />
            </IconButton>
          }
        >
          <MenuItem onSelect={onDownload} note="as shown">
            This table (CSV)
          </MenuItem>
          <MenuItem onSelect={() => void onExport("csv")} note="all columns">
            Every matching run (CSV)
          </MenuItem>
          <MenuItem onSelect={() => void onExport("parquet")} note="all columns">
            Every matching run (Parquet)
          </MenuItem>
        </Menu>
        <IconButton
          label={search.bin ? "Leave the bin" : "Deleted runs"}
          active={search.bin ?? false}
          onClick={() => change({ bin: search.bin ? undefined : true, sel: undefined })}
          className="size-8"
        >
          <Trash2 />
        </IconButton>
      </div>
      <div className="relative flex min-h-0 flex-1">
        {isEmpty ? (
          <div className="min-h-0 flex-1 overflow-y-auto pt-[6vh]">{table}</div>
        ) : view === "both" ? (
          <Split
            share={search.split ?? FIRST_SHARE}
            onShare={(split) => change({ split: split ?? undefined })}
            label="Room for the runs"
            left={table}
            right={charts}
            leftLabel="Runs"
            rightLabel="Charts of the runs"
          />
        ) : (
          <section
            aria-label={view === "table" ? "Runs" : "Charts of the runs"}
            className="relative min-h-0 min-w-0 flex-1"
          >
            {view === "table" ? table : charts}
          </section>
        )}
        {selected.size > 0 ? (
          <BulkBar
            ids={[...selected]}
            inBin={search.bin ?? false}
            onClear={() => change({ sel: undefined })}
            onCompare={onCompare}
          />
        ) : null}
      </div>
    </div>
  );
}

/** Pinned runs and the baseline when they are not among the loaded ones, each asked for by its id. */
function useKept(
  { pin, base, bin }: RunsSearch,
  loaded: readonly RunRow[],
  experimentId: string,
  isLoaded: boolean,
): RunRow[] {
  const present = useMemo(() => new Set(loaded.map((row) => row.id)), [loaded]);
  const wanted = [...new Set([...(pin ?? []), ...(base ? [base] : [])])];
  const missing = isLoaded && !bin ? wanted.filter((id) => !present.has(id)).slice(0, MOST_KEPT) : [];
  const combine = useCallback(
    (answers: { data?: Run }[]) =>
      answers.flatMap(({ data }) =>
        data?.experiment_id === experimentId && data.lifecycle === "active" ? [toRow(data)] : [],
      ),
    [experimentId],
  );
  return useQueries({ queries: missing.map((id) => queries.run(id)), combine });
}

function useColumns(
  all: readonly Column[],
  rows: readonly RunRow[],
  { cols, view, base }: RunsSearch,
  widths: ReadonlyMap<string, number>,
): Column[] {
  return useMemo(() => {
    const ids = cols ?? defaultColumns(all, rows, view === undefined);
    const found = ids.map(columnOf).filter((each) => each !== null);
    return sized(found, widths, base !== undefined);
  }, [all, rows, cols, view, base, widths]);
}

/** What is drawn and in which colours: each run, or each group and beside them the runs that were pinned. */
function useChartRuns(
  shown: readonly RunRow[],
  groupBy: Column | null,
  pinned: ReadonlySet<string>,
  chosen: string[] | undefined,
) {
  return useMemo(() => {
    const groupOf = (row: RunRow) =>
      groupBy && !pinned.has(row.id) ? String(cellValue(row, groupBy) ?? NO_VALUE) : undefined;
    const names = [...new Set(shown.map((row) => groupOf(row) ?? row.id))];
    const colors = colorsFor(names, chosenColors(chosen));
    const chartRuns = shown.map((row): ChartRun => {
      const group = groupOf(row);
      return {
        id: row.id,
        name: row.name,
        color: colors.get(group ?? row.id)!,
        startMs: row.startedMs,
        live: row.status === "running",
        group,
      };
    });
    return { chartRuns, colors };
  }, [shown, groupBy, pinned, chosen]);
}

function useKnown(all: readonly Column[], rows: readonly RunRow[]): Known {
  return useMemo(() => {
    const named = (kind: Column["kind"]) => all.filter((each) => each.kind === kind).map((each) => each.key);
    const valuesOf = (kind: "params" | "tags", key: string) => {
      const found = new Set<string>();
      for (const row of rows) {
        const value = row[kind][key];
        if (value !== undefined && value.length < 80 && !value.includes("'")) found.add(value);
        if (found.size >= 50) break;
      }
      return [...found].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
    };
    return { metrics: named("metric"), params: named("param"), tags: named("tag"), valuesOf };
  }, [all, rows]);
}
