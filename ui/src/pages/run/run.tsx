import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { ChartLine } from "lucide-react";
import { useCallback, useMemo } from "react";
import { apiPath } from "@/api/client";
import * as queries from "@/api/queries";
import type { Run } from "@/api/types";
import { useLive } from "@/api/use-live";
import type { ChartSearch, RunTab } from "@/app/search";
import { PALETTE } from "@/charts/colors";
import { ChartsPanel } from "@/charts/panel";
import { isSystem } from "@/charts/sections";
import { Badge, RunStatus } from "@/design/badge";
import { Moment, useNow } from "@/design/moment";
import { Page, Tabs, tabClass } from "@/design/page";
import { CopyButton, Snippet } from "@/design/snippet";
import { Empty, Failure, SkeletonRows } from "@/design/states";
import { ArtifactBrowser } from "@/files/browser";
import { duration } from "@/format/time";
import { moreFiles, moreMetrics } from "../snippets";
import { RunActions } from "./actions";
import { Logs } from "./logs";
import { Overview } from "./overview";
import { Samples } from "./samples";

const ROUTE = "/runs/$runId";

export default function RunPage() {
  const { runId } = useParams({ from: ROUTE });
  const { data: run, error, isPending, refetch } = useQuery(queries.run(runId));
  if (isPending) return <SkeletonRows rows={10} />;
  if (error) {
    return (
      <div className="px-8 py-6">
        <Failure error={error} onRetry={() => void refetch()} />
      </div>
    );
  }
  return <Loaded run={run} />;
}

const TITLES: Record<RunTab, string> = {
  overview: "Overview",
  charts: "Charts",
  system: "System",
  artifacts: "Files",
  samples: "Samples",
  logs: "Logs",
};

function Loaded({ run }: { run: Run }) {
  const search = useSearch({ from: ROUTE });
  const navigate = useNavigate({ from: ROUTE });
  const tab = search.tab ?? "overview";
  const experiment = useQuery(queries.experiment(run.experiment_id)).data;
  const nowMs = useNow();
  useLive(run.status === "running" ? [run.run_id] : []);
  const [keys, system] = useMemo(() => {
    const all = Object.keys(run.metrics);
    return [all.filter((key) => !isSystem(key)), all.filter(isSystem)];
  }, [run.metrics]);
  const onSettings = useCallback(
    (change: ChartSearch) =>
      void navigate({ to: ".", search: (before) => ({ ...before, ...change }), replace: true }),
    [navigate],
  );

  const started = run.started_at_ms ?? run.created_at_ms;
  const count: Partial<Record<RunTab, number>> = { charts: keys.length, system: system.length };
  return (
    <Page
      wide
      title={run.name}
      crumbs={
        <>
          <Link to="/experiments" className="hover:text-ink">
            Experiments
          </Link>
          {" / "}
          <Link
            to="/experiments/$experimentId"
            params={{ experimentId: run.experiment_id }}
            className="hover:text-ink"
          >
            {experiment?.name ?? run.experiment_id}
          </Link>
          <Parent run={run} />
        </>
      }
      meta={
        <>
          <RunStatus status={run.status} />
          {run.lifecycle === "deleted" ? <Badge tone="bad">In the bin</Badge> : null}
          <span>
            Started <Moment at={started} />
          </span>
          <span className="tabular">{duration((run.ended_at_ms ?? nowMs) - started)}</span>
          <span>{run.user_name || run.created_by}</span>
          <span className="inline-flex items-center gap-0.5">
            <code className="font-mono">{run.run_id.slice(0, 8)}</code>
            <CopyButton text={run.run_id} label="Copy the run's id" className="size-5" />
          </span>
        </>
      }
      actions={<RunActions run={run} />}
      tabs={
        <Tabs label="Parts of the run">
          {(Object.keys(TITLES) as RunTab[])
            .filter((each) => each !== "system" || system.length > 0)
            .map((each) => (
              <Link
                key={each}
                to="."
                search={(before) => ({
                  ...before,
                  tab: each === "overview" ? undefined : each,
                  full: undefined,
                })}
                aria-current={each === tab ? "page" : undefined}
                className={tabClass(each === tab)}
              >
                {TITLES[each]}
                {count[each] ? <span className="text-xs text-ink-3">{count[each]}</span> : null}
              </Link>
            ))}
        </Tabs>
      }
    >
      {tab === "overview" ? <Overview run={run} /> : null}
      {tab === "charts" || tab === "system" ? (
        <RunCharts
          run={run}
          keys={tab === "charts" ? keys : system}
          settings={search}
          onSettings={onSettings}
        />
      ) : null}
      {tab === "artifacts" ? (
        <ArtifactBrowser
          owner={apiPath("runs", run.run_id)}
          teach={moreFiles(run.run_id)}
          path={search.path}
          onPath={(path) =>
            void navigate({ to: ".", search: (before) => ({ ...before, path }), replace: true })
          }
        />
      ) : null}
      {tab === "logs" ? <Logs run={run} /> : null}
      {tab === "samples" ? (
        <Samples
          runId={run.run_id}
          chosenKey={search.key}
          step={search.step}
          onChoose={(change) =>
            void navigate({ to: ".", search: (before) => ({ ...before, ...change }), replace: true })
          }
        />
      ) : null}
    </Page>
  );
}

/** The run that this one is a part of. */
function Parent({ run }: { run: Run }) {
  const id = run.tags["mlflow.parentRunId"] ?? run.tags["assay.parent_run_id"];
  const parent = useQuery({ ...queries.run(id ?? ""), enabled: id !== undefined && id !== run.run_id }).data;
  if (!parent) return null;
  return (
    <>
      {" / "}
      <Link to="/runs/$runId" params={{ runId: parent.run_id }} className="hover:text-ink">
        {parent.name}
      </Link>
    </>
  );
}

function RunCharts({
  run,
  keys,
  settings,
  onSettings,
}: {
  run: Run;
  keys: string[];
  settings: ChartSearch;
  onSettings: (change: ChartSearch) => void;
}) {
  const runs = useMemo(
    () => [
      {
        id: run.run_id,
        name: run.name,
        color: PALETTE[0],
        startMs: run.started_at_ms,
        live: run.status === "running",
      },
    ],
    [run.run_id, run.name, run.started_at_ms, run.status],
  );
  if (keys.length === 0) {
    return (
      <Empty icon={<ChartLine />} title="No metrics yet">
        <p>Log numbers while training; curves appear here as they arrive.</p>
        <Snippet text={moreMetrics(run.run_id)} />
      </Empty>
    );
  }
  return (
    <div className="-mx-3 h-[calc(100dvh-12.5rem)] min-h-96">
      <ChartsPanel keys={keys} runs={runs} settings={settings} onSettings={onSettings} sync={run.run_id} />
    </div>
  );
}
