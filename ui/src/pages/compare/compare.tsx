import { useQueries } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { GitCompareArrows } from "lucide-react";
import { useMemo } from "react";
import * as queries from "@/api/queries";
import type { Run } from "@/api/types";
import { type ChartSearch, COMPARE_TABS } from "@/app/search";
import { colorsFor } from "@/charts/colors";
import { ChartsPanel } from "@/charts/panel";
import { isSystem } from "@/charts/sections";
import { ButtonLink } from "@/design/button";
import { cx } from "@/design/cx";
import { Segmented } from "@/design/field";
import { Page, Tabs, tabClass } from "@/design/page";
import { Empty, Failure, SkeletonRows } from "@/design/states";
import { plural, shortNumber } from "@/format/number";
import { growsBetter } from "@/runs/cell";
import { metricRows, paramRows } from "./differences";
import { Parallel } from "./parallel";
import { Scatter } from "./scatter";
import { WinnerPanel } from "./winner";

const ROUTE = "/compare";
const MOST_RUNS = 100;
const TITLES: Record<(typeof COMPARE_TABS)[number], string> = {
  charts: "Curves",
  parallel: "Parallel coordinates",
  scatter: "Scatter",
  params: "Params",
  metrics: "Metrics",
};

export default function ComparePage() {
  const search = useSearch({ from: ROUTE });
  const ids = useMemo(() => [...new Set(search.runs ?? [])].slice(0, MOST_RUNS), [search.runs]);
  const found = useQueries({ queries: ids.map((id) => queries.run(id)) });
  const results = useQueries({ queries: ids.map((id) => queries.evals(id)) });
  if (ids.length < 2) {
    return (
      <Page title="Compare">
        <Empty
          icon={<GitCompareArrows />}
          title="Choose at least two runs"
          action={<ButtonLink to="/experiments">Experiments</ButtonLink>}
        >
          <p>Mark runs in the table of an experiment, then press Compare, or C.</p>
        </Empty>
      </Page>
    );
  }
  const error = found.find((each) => each.error)?.error;
  if (error) {
    return (
      <Page title="Compare">
        <Failure error={error} />
      </Page>
    );
  }
  if (found.some((each) => !each.data)) return <SkeletonRows rows={10} />;
  const evals = results.flatMap((each) => each.data ?? []);
  return <Loaded runs={found.map((each) => each.data!)} evals={evals} />;
}

function Loaded({ runs, evals }: { runs: Run[]; evals: Parameters<typeof WinnerPanel>[0]["evals"] }) {
  const search = useSearch({ from: ROUTE });
  const navigate = useNavigate({ from: ROUTE });
  const tab = search.tab ?? "charts";
  const ids = runs.map((run) => run.run_id).join();
  // biome-ignore lint/correctness/useExhaustiveDependencies: colours depend on which runs, not on how new they are
  const colors = useMemo(() => colorsFor(runs.map((run) => run.run_id)), [ids]);
  const change = (next: Partial<typeof search>) =>
    void navigate({ to: ".", search: (before) => ({ ...before, ...next }), replace: true });
  const params = useMemo(() => paramRows(runs), [runs]);
  const metrics = useMemo(() => metricRows(runs, growsBetter), [runs]);
  const told = useMemo(() => tellingAxes(params, metrics), [params, metrics]);
  const all = useMemo(
    () => [...params.map((row) => `params.${row.key}`), ...metrics.map((row) => `metrics.${row.key}`)],
    [params, metrics],
  );
  const axes = search.axes ?? told;

  return (
    <Page
      wide
      title={`Compare ${plural(runs.length, "run")}`}
      meta={
        <ul className="flex max-h-24 flex-wrap gap-x-4 gap-y-1 overflow-y-auto">
          {runs.map((run) => (
            <li key={run.run_id} className="flex items-center gap-1.5">
              <span className="size-2.5 rounded-full" style={{ background: colors.get(run.run_id) }} />
              <Link
                to="/runs/$runId"
                params={{ runId: run.run_id }}
                className="text-ink-2 hover:text-ink hover:underline"
              >
                {run.name}
              </Link>
            </li>
          ))}
        </ul>
      }
      tabs={
        <Tabs label="Ways to compare">
          {COMPARE_TABS.map((each) => (
            <Link
              key={each}
              to="."
              search={(before) => ({ ...before, tab: each === "charts" ? undefined : each })}
              aria-current={each === tab ? "page" : undefined}
              className={tabClass(each === tab)}
            >
              {TITLES[each]}
            </Link>
          ))}
        </Tabs>
      }
    >
      <WinnerPanel runs={runs} evals={evals} />
      {tab === "charts" ? <Curves runs={runs} colors={colors} settings={search} onSettings={change} /> : null}
      {tab === "parallel" ? (
        <section className="rounded-lg border border-line bg-surface p-4 shadow-low">
          <AxisChoice all={all} chosen={axes} onChosen={(next) => change({ axes: next })} />
          <Parallel runs={runs} ids={axes} colors={colors} />
        </section>
      ) : null}
      {tab === "scatter" && all.length > 0 ? (
        <section className="rounded-lg border border-line bg-surface p-4 shadow-low">
          <Scatter
            runs={runs}
            choices={all}
            xId={search.sx ?? told[0] ?? all[0]!}
            yId={search.sy ?? told.at(-1) ?? all.at(-1)!}
            onChoose={change}
            colors={colors}
          />
        </section>
      ) : null}
      {tab === "params" || tab === "metrics" ? (
        <div className="mb-3">
          {tab === "params" ? (
            <Segmented
              label="Which params"
              value={search.all ? "all" : "different"}
              onValue={(next) => change({ all: next === "all" ? true : undefined })}
              options={[
                { value: "different", label: "Differences" },
                { value: "all", label: "All" },
              ]}
            />
          ) : null}
        </div>
      ) : null}
      {tab === "params" ? (
        <Side
          runs={runs}
          colors={colors}
          rows={params
            .filter((row) => search.all || row.differs)
            .map((row) => ({
              key: row.key,
              cells: row.values.map((value) => value ?? null),
              strong: new Set(),
            }))}
          empty="All params are the same."
        />
      ) : null}
      {tab === "metrics" ? (
        <Side
          runs={runs}
          colors={colors}
          numeric
          rows={metrics.map((row) => ({
            key: row.key,
            cells: row.values.map((value) => (value === undefined ? null : shortNumber(value))),
            strong: row.best,
          }))}
          empty="No metrics were logged."
        />
      ) : null}
    </Page>
  );
}

/** Params that differ, then the metrics that tell most: enough axes to see something, few enough to read. */
function tellingAxes(params: ReturnType<typeof paramRows>, metrics: ReturnType<typeof metricRows>): string[] {
  const tells = (values: readonly (string | undefined)[]) => {
    const distinct = new Set(values.filter((value) => value !== undefined && value.length < 32));
    return distinct.size > 1 && values.filter((value) => value !== undefined).length * 2 > values.length;
  };
  const differing = params.filter((row) => tells(row.values) && !/commit|seed|run/.test(row.key)).slice(0, 4);
  const rank = (key: string) => (/acc|reward|score|pass@/i.test(key) ? 0 : /loss/i.test(key) ? 1 : 2);
  const telling = metrics
    .filter((row) => !isSystem(row.key))
    .sort((a, b) => rank(a.key) - rank(b.key))
    .slice(0, 3);
  return [...differing.map((row) => `params.${row.key}`), ...telling.map((row) => `metrics.${row.key}`)];
}

function Curves({
  runs,
  colors,
  settings,
  onSettings,
}: {
  runs: Run[];
  colors: ReadonlyMap<string, string>;
  settings: ChartSearch;
  onSettings: (change: ChartSearch) => void;
}) {
  const keys = useMemo(() => [...new Set(runs.flatMap((run) => Object.keys(run.metrics)))], [runs]);
  const chartRuns = useMemo(
    () =>
      runs.map((run) => ({
        id: run.run_id,
        name: run.name,
        color: colors.get(run.run_id)!,
        startMs: run.started_at_ms,
        live: run.status === "running",
      })),
    [runs, colors],
  );
  return (
    <div className="-mx-3 h-[calc(100dvh-12rem)] min-h-96">
      <ChartsPanel keys={keys} runs={chartRuns} settings={settings} onSettings={onSettings} sync="compare" />
    </div>
  );
}

function AxisChoice({
  all,
  chosen,
  onChosen,
}: {
  all: readonly string[];
  chosen: readonly string[];
  onChosen: (ids: string[]) => void;
}) {
  const left = all.filter((each) => !chosen.includes(each));
  return (
    <div className="mb-3 flex flex-wrap items-center gap-1.5">
      {chosen.map((each) => (
        <button
          key={each}
          type="button"
          title="Take this axis away"
          onClick={() => onChosen(chosen.filter((other) => other !== each))}
          className="rounded border border-line px-2 py-0.5 text-xs text-ink-2 hover:border-bad hover:text-bad"
        >
          {each} ×
        </button>
      ))}
      <select
        aria-label="Add an axis"
        value=""
        onChange={(event) => onChosen([...chosen, event.target.value])}
        className="h-6 rounded border border-line bg-surface px-1 text-xs text-ink-3"
      >
        <option value="">Add an axis</option>
        {left.map((each) => (
          <option key={each}>{each}</option>
        ))}
      </select>
    </div>
  );
}

interface SideRow {
  key: string;
  cells: (string | null)[];
  strong: ReadonlySet<number>;
}

function Side({
  runs,
  colors,
  rows,
  empty,
  numeric,
}: {
  runs: Run[];
  colors: ReadonlyMap<string, string>;
  rows: SideRow[];
  empty: string;
  numeric?: boolean;
}) {
  if (rows.length === 0) return <p className="text-ink-3">{empty}</p>;
  return (
    <section
      tabIndex={0}
      aria-label="Runs side by side"
      className="max-h-[70dvh] overflow-auto rounded-lg border border-line bg-surface shadow-low"
    >
      <table className="text-sm">
        <thead className="sticky top-0 z-10 bg-surface text-xs">
          <tr>
            <th
              scope="col"
              className="sticky left-0 min-w-48 border-b border-line bg-surface px-4 py-2 text-left font-medium text-ink-3"
            >
              Name
            </th>
            {runs.map((run) => (
              <th
                key={run.run_id}
                scope="col"
                className={cx(
                  "max-w-48 min-w-32 border-b border-line px-3 py-2 font-medium",
                  numeric ? "text-right" : "text-left",
                )}
              >
                <span className="inline-flex max-w-full items-center gap-1.5">
                  <span
                    className="size-2 shrink-0 rounded-full"
                    style={{ background: colors.get(run.run_id) }}
                  />
                  <span className="truncate">{run.name}</span>
                </span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.key} className="border-b border-line/60 last:border-0 hover:bg-hover">
              <th
                scope="row"
                className="sticky left-0 max-w-72 truncate bg-surface px-4 py-1.5 text-left font-normal text-ink-2"
                title={row.key}
              >
                {row.key}
              </th>
              {row.cells.map((cell, index) => (
                <td
                  key={runs[index]!.run_id}
                  title={cell ?? undefined}
                  className={cx(
                    "max-w-48 truncate px-3 py-1.5 tabular",
                    numeric && "text-right",
                    row.strong.has(index) && "bg-good-soft font-semibold text-good",
                  )}
                >
                  {cell ?? <span className="text-line-strong">–</span>}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
