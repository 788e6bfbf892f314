import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { Columns2, Download, FlaskConical, LineChart, Rows3, Trash2 } from "lucide-react";
import { useCallback, useMemo, useState } from "react";
import { apiPath, send } from "@/api/client";
import * as queries from "@/api/queries";
import { useLive } from "@/api/use-live";
import type { RunsSearch } from "@/app/search";
import * as searches from "@/app/search";
import { failed } from "@/app/toasts";
import type { ChartRun } from "@/charts/chart";
import { colorsFor } from "@/charts/colors";
import { csv, save } from "@/charts/download";
import { ChartsPanel } from "@/charts/panel";
import { Button, IconButton, Spinner } from "@/design/button";
import { cx } from "@/design/cx";
import { Segmented, Select } from "@/design/field";
import { Menu, MenuItem } from "@/design/menu";
import { useTitle } from "@/design/page";
import { Snippet } from "@/design/snippet";
import { Empty, Failure, SkeletonRows } from "@/design/states";
import { BulkBar } from "@/runs/bulk-bar";
import { ColumnPicker } from "@/runs/column-picker";
import { type Column, cellValue, columnOf, columnsOf, defaultColumns, orderOf } from "@/runs/columns";
import type { Known } from "@/runs/complete";
import { FilterBar } from "@/runs/filter-bar";
import { findingsByRun } from "@/runs/findings";
import { RunsGrid } from "@/runs/grid";
import { linesOf, NO_VALUE } from "@/runs/groups";
import type { RunRow } from "@/runs/row";
import { Views } from "@/runs/views";

/** How many runs have curves before anybody chose: the first ones of the table. */
const FIRST_CURVES = 10;
const ROUTE = "/experiments/$experimentId";

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
  const pages = useInfiniteQuery(queries.runPages(runSearch, 5000));
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = pages;
  const rows = useMemo(() => pages.data?.pages.flatMap((page) => page.rows) ?? [], [pages.data]);
  const onEnd = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);

  const view = search.view ?? "both";
  const all = useMemo(() => columnsOf(rows), [rows]);
  const columns = useColumns(all, rows, search.cols, view === "both");
  const groupBy = search.group ? columnOf(search.group) : null;
  const [toggled, setToggled] = useState<ReadonlySet<string>>(new Set());
  const lines = useMemo(() => linesOf(rows, groupBy, toggled), [rows, groupBy, toggled]);
  const selected = useMemo(() => new Set(search.sel), [search.sel]);
  const shown = useMemo(() => shownRows(rows, search.show, search.hide), [rows, search.show, search.hide]);
  const { chartRuns, colors } = useChartRuns(shown, groupBy);
  const keys = useMemo(() => [...new Set(shown.flatMap((row) => Object.keys(row.metrics)))], [shown]);
  const known = useKnown(all, rows);
  const live = useMemo(() => rows.filter((row) => row.status === "running").map((row) => row.id), [rows]);
  useLive(live);
  const found = useQuery(queries.experimentFindings(experimentId)).data;
  const findings = useMemo(() => findingsByRun(found ?? []), [found]);
  const baseline = rows.find((row) => row.id === search.base) ?? null;

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
    (shown.some((row) => row.id === id) ? hide : show).push(id);
    change({ show: show.length > 0 ? show : undefined, hide: hide.length > 0 ? hide : undefined });
  };
  const onToggle = (name: string) => {
    const next = new Set(toggled);
    if (!next.delete(name)) next.add(name);
    setToggled(next);
  };
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
          value={view}
          onValue={(next) => change({ view: next === "both" ? undefined : next })}
          options={[
            { value: "both", label: <Columns2 />, title: "Runs and charts" },
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
        {view !== "charts" ? (
          <section
            aria-label="Runs"
            className={cx(
              "relative min-h-0 min-w-0",
              view === "table"
                ? "flex-1"
                : "max-md:flex-1 md:w-[42%] md:max-w-[52rem] md:min-w-80 md:border-r md:border-line",
            )}
          >
            {pages.isPending ? (
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
                baseline={baseline}
                findings={findings}
                sort={search.sort}
                nameWidth={view === "table" ? 300 : 250}
                onSort={(sort) => change({ sort })}
                onSelect={onSelect}
                onToggle={onToggle}
                onHide={onHide}
                onBaseline={(id) => change({ base: id ?? undefined })}
                onCompare={onCompare}
                onEnd={onEnd}
              />
            )}
          </section>
        ) : null}
        {view !== "table" ? (
          <section
            aria-label="Charts of the runs"
            className={cx("min-h-0 min-w-0 flex-1 bg-canvas", view === "both" && "max-md:hidden")}
          >
            <ChartsPanel
              keys={keys}
              runs={chartRuns}
              settings={search}
              onSettings={change}
              sync={experimentId}
            />
          </section>
        ) : null}
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

/** The first runs that were not hidden, and those that were asked for. */
function shownRows(rows: readonly RunRow[], show: string[] = [], hide: string[] = []): RunRow[] {
  const [shown, hidden] = [new Set(show), new Set(hide)];
  let left = FIRST_CURVES;
  return rows.filter((row) => {
    if (hidden.has(row.id)) return false;
    left -= 1;
    return left >= 0 || shown.has(row.id);
  });
}

function useColumns(
  all: readonly Column[],
  rows: readonly RunRow[],
  chosen: string[] | undefined,
  narrow: boolean,
): Column[] {
  return useMemo(
    () => (chosen ?? defaultColumns(all, rows, narrow)).map(columnOf).filter((each) => each !== null),
    [all, rows, chosen, narrow],
  );
}

function useChartRuns(shown: readonly RunRow[], groupBy: Column | null) {
  return useMemo(() => {
    const groupOf = (row: RunRow) => (groupBy ? String(cellValue(row, groupBy) ?? NO_VALUE) : undefined);
    const colors = colorsFor(
      groupBy ? [...new Set(shown.map((row) => groupOf(row)!))] : shown.map((row) => row.id),
    );
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
  }, [shown, groupBy]);
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

function GroupPicker({
  all,
  value,
  onValue,
}: {
  all: readonly Column[];
  value: string | undefined;
  onValue: (id: string | undefined) => void;
}) {
  const choices = all.filter(
    (each) => each.kind === "param" || each.kind === "tag" || each.id === "status" || each.id === "user",
  );
  return (
    <Select
      aria-label="Group runs"
      value={value ?? ""}
      onChange={(event) => onValue(event.target.value || undefined)}
      className={cx("max-w-44 shadow-low", value && "border-accent text-accent-ink")}
    >
      <option value="">No groups</option>
      {choices.map((each) => (
        <option key={each.id} value={each.id}>
          by {each.label}
        </option>
      ))}
    </Select>
  );
}

function NoRuns({
  filtered,
  inBin,
  name,
  onClear,
}: {
  filtered: boolean;
  inBin: boolean;
  name: string | undefined;
  onClear: () => void;
}) {
  if (filtered) {
    return (
      <Empty
        icon={<FlaskConical />}
        title="No run matches the filter"
        action={<Button onClick={onClear}>Clear the filter</Button>}
      >
        <p>Conditions are joined by AND; texts stand in single quotes, keys with slashes in backticks.</p>
      </Empty>
    );
  }
  if (inBin) return <Empty icon={<Trash2 />} title="The bin is empty" />;
  const origin = window.location.origin;
  return (
    <Empty icon={<FlaskConical />} title="No runs yet">
      <p>Point the client that your trainer already has at this server:</p>
      <Snippet
        text={`export MLFLOW_TRACKING_URI=${origin}\nexport MLFLOW_EXPERIMENT_NAME='${name ?? "my-experiment"}'`}
      />
      <p>or record with the library of Assay:</p>
      <Snippet
        text={`import assay\n\nwith assay.start_run("${name ?? "my-experiment"}", url="${origin}") as run:\n    run.log_params({"lr": 2e-5})\n    for step in range(100):\n        run.log({"train/loss": 1 / (step + 1)}, step=step)`}
      />
    </Empty>
  );
}
