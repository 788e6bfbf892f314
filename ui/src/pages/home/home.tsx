import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Crown, Hourglass, Siren } from "lucide-react";
import { currentWorkspace } from "@/api/client";
import * as governance from "@/api/governance";
import * as queries from "@/api/queries";
import type { Experiment, GateRun, Model } from "@/api/types";
import { Badge, RunStatus } from "@/design/badge";
import { Card } from "@/design/card";
import { Moment, useNow } from "@/design/moment";
import { Page } from "@/design/page";
import { Snippet } from "@/design/snippet";
import { Failure, SkeletonRows } from "@/design/states";
import { AliasBadge, OutcomeBadge, Score } from "../models/outcome";
import { firstRun, mlflowEnv } from "../snippets";
import { promotable } from "./promotable";

const MOST_RUNS = 12;

/** What runs, what is in production, and what waits for somebody. */
export default function HomePage() {
  const experiments = useQuery(queries.experiments());
  const models = useQuery(queries.models());
  const gateRuns = useQuery(queries.gateRuns());
  const ids = experiments.data?.slice(0, 200).map((each) => each.experiment_id) ?? [];
  const runs = useQuery({
    ...queries.someRuns({ experimentIds: ids, orderBy: ["attributes.start_time DESC"] }, MOST_RUNS),
    enabled: ids.length > 0,
    refetchInterval: 10_000,
  });
  const isNew = runs.data?.length === 0 && models.data?.length === 0;
  const names = new Map(experiments.data?.map((each) => [each.experiment_id, each.name]));
  const workspace = currentWorkspace();
  return (
    <Page title="Home" heading={workspace === "default" ? "Home" : workspace} wide>
      {isNew ? <Welcome /> : null}
      <div className="grid items-start gap-5 xl:grid-cols-[minmax(0,1fr)_24rem] 2xl:grid-cols-[minmax(0,1fr)_28rem]">
        <Card
          title="Recent runs"
          flush
          actions={
            <Link to="/experiments" className="text-xs text-accent-ink hover:underline">
              All experiments
            </Link>
          }
        >
          {experiments.error ? (
            <Failure error={experiments.error} onRetry={() => void experiments.refetch()} />
          ) : runs.isPending ? (
            <SkeletonRows rows={8} />
          ) : runs.data?.length === 0 ? (
            <p className="p-4 text-ink-3">No runs yet.</p>
          ) : (
            <ul className="divide-y divide-line/70">
              {runs.data?.map((run) => (
                <li key={run.run_id}>
                  <Link
                    to="/runs/$runId"
                    params={{ runId: run.run_id }}
                    className="grid grid-cols-[0.5rem_minmax(0,1fr)_auto] items-center gap-x-3 px-4 py-2 hover:bg-hover sm:grid-cols-[0.5rem_minmax(0,5fr)_minmax(0,3fr)_6.5rem]"
                  >
                    <RunStatus status={run.status} compact />
                    <span className="truncate font-medium" title={run.name}>
                      {run.name}
                    </span>
                    <span className="truncate text-ink-2 max-sm:hidden" title={names.get(run.experiment_id)}>
                      {names.get(run.experiment_id)}
                    </span>
                    <Moment
                      at={run.started_at_ms ?? run.created_at_ms}
                      className="text-right text-xs whitespace-nowrap text-ink-3"
                    />
                  </Link>
                </li>
              ))}
            </ul>
          )}
        </Card>
        <div className="space-y-5">
          <Production models={models.data} error={models.error} />
          <Waiting models={models.data ?? []} gateRuns={gateRuns.data ?? []} />
          <Experiments experiments={experiments.data ?? []} />
          <Workspaces />
        </div>
      </div>
    </Page>
  );
}

function Production({ models, error }: { models: Model[] | undefined; error: unknown }) {
  const held = (models ?? []).flatMap((model) =>
    model.aliases
      .filter((each) => each.is_protected && each.version !== null)
      .map((alias) => ({ model, alias })),
  );
  return (
    <Card title="In production" flush>
      {error ? (
        <Failure compact error={error} />
      ) : !models ? (
        <SkeletonRows rows={3} />
      ) : held.length === 0 ? (
        <p className="p-4 text-ink-2">
          Nothing yet. A version takes <AliasBadge alias="production" isProtected /> once it has passed its
          gate.
        </p>
      ) : (
        <ul className="divide-y divide-line/70">
          {held.slice(0, 20).map(({ model, alias }) => (
            <li key={`${model.name} ${alias.alias}`}>
              <Link
                to="/models/$name"
                params={{ name: model.name }}
                className="flex items-center gap-3 px-4 py-2.5 hover:bg-hover"
              >
                <Crown className="size-4 shrink-0 text-accent-ink" />
                <span className="min-w-0 flex-1">
                  <span className="block truncate font-medium">
                    {model.name} <span className="font-normal text-ink-2 tabular">v{alias.version}</span>
                  </span>
                  <span className="text-xs text-ink-3">
                    took over <Moment at={alias.updated_at_ms} />
                  </span>
                </span>
                <AliasBadge alias={alias.alias} isProtected />
              </Link>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}

/** Exams that nobody holds, and versions that passed theirs and would beat the champion. */
function Waiting({ models, gateRuns }: { models: Model[]; gateRuns: GateRun[] }) {
  const versions = useQuery(queries.recentVersions()).data ?? [];
  const open = gateRuns.filter((each) => each.state === "queued" || each.state === "leased");
  const gates = useQuery(queries.gates()).data ?? [];
  const minimizing = new Set(
    gates.filter((each) => each.spec.direction === "minimize").map((each) => each.name),
  );
  const passed = promotable(models, versions, gateRuns, minimizing);
  const now = useNow();
  const urgent = (useQuery(governance.breakGlass()).data ?? []).filter(
    (each) => each.state === "open" && each.expires_at_ms > now,
  );
  const total = urgent.length + open.length + passed.length;
  return (
    <Card title="Waiting for somebody" note={total || undefined} flush>
      {total === 0 ? (
        <p className="p-4 text-ink-3">
          Nothing waits. Exams without a runner, and versions that passed theirs, are listed here.
        </p>
      ) : null}
      <ul className="divide-y divide-line/70">
        {urgent.slice(0, 10).map((each) => (
          <li key={each.request_id} className="bg-bad-soft">
            <Link
              to="/models/$name"
              params={{ name: each.model }}
              className="flex items-center gap-3 px-4 py-2.5 hover:underline"
            >
              <Siren className="size-4 shrink-0 text-bad" />
              <span className="min-w-0 flex-1">
                <span className="block truncate font-medium text-bad">
                  {each.model} v{each.version} past its gate
                </span>
                <span className="block truncate text-xs text-ink-2">
                  {each.reason}, <Moment at={each.created_at_ms} />
                </span>
              </span>
              <Badge tone="bad">second person</Badge>
            </Link>
          </li>
        ))}
        {open.slice(0, 10).map((each) => (
          <li key={each.gate_run_id} className="flex items-center gap-3 px-4 py-2.5">
            <Hourglass className="size-4 shrink-0 text-ink-3" />
            <span className="min-w-0 flex-1">
              <Link
                to="/models/$name/versions/$version"
                params={{ name: each.model, version: String(each.version) }}
                className="block truncate font-medium hover:text-accent-ink hover:underline"
              >
                {each.model} v{each.version}
              </Link>
              <span className="text-xs text-ink-3">
                {each.state === "queued" ? "for a gate runner, " : `in the exam of ${each.leased_by}, `}
                <Moment at={each.created_at_ms} />
              </span>
            </span>
            <Badge tone="accent">{each.gate}</Badge>
          </li>
        ))}
        {passed.slice(0, 10).map((each) => (
          <li key={each.gate_run_id}>
            <Link
              to="/models/$name"
              params={{ name: each.model }}
              className="flex items-center gap-3 px-4 py-2.5 hover:bg-hover"
            >
              <Crown className="size-4 shrink-0 text-ink-3" />
              <span className="min-w-0 flex-1">
                <span className="block truncate font-medium">
                  {each.model} v{each.version}
                </span>
                <span className="text-xs text-ink-3">
                  passed with <Score text={each.verdict?.score} />, for its promotion
                </span>
              </span>
              <OutcomeBadge outcome="pass" />
            </Link>
          </li>
        ))}
      </ul>
    </Card>
  );
}

const MOST_EXPERIMENTS = 6;

function Experiments({ experiments }: { experiments: Experiment[] }) {
  if (experiments.length === 0) return null;
  return (
    <Card title="Recent experiments" flush>
      <ul className="divide-y divide-line/70">
        {experiments.slice(0, MOST_EXPERIMENTS).map((each) => (
          <li key={each.experiment_id}>
            <Link
              to="/experiments/$experimentId"
              params={{ experimentId: each.experiment_id }}
              className="flex items-center gap-3 px-4 py-2 hover:bg-hover"
            >
              <span className="min-w-0 flex-1 truncate font-medium" title={each.name}>
                {each.name}
              </span>
              <Moment at={each.updated_at_ms} className="text-xs whitespace-nowrap text-ink-3" />
            </Link>
          </li>
        ))}
      </ul>
    </Card>
  );
}

/** The other workspaces, when there are any. */
function Workspaces() {
  const { data } = useQuery(queries.workspaces());
  const others = (data ?? []).filter((each) => each.name !== currentWorkspace());
  if (others.length === 0) return null;
  return (
    <Card title="Other workspaces" flush>
      <ul className="divide-y divide-line/70">
        {others.slice(0, 20).map((each) => (
          <li key={each.name}>
            <Link to="/" search={{ ws: each.name }} className="block px-4 py-2 hover:bg-hover">
              <span className="block truncate font-medium">{each.name}</span>
              {each.description ? (
                <span className="block truncate text-xs text-ink-3">{each.description}</span>
              ) : null}
            </Link>
          </li>
        ))}
      </ul>
    </Card>
  );
}

function Welcome() {
  return (
    <section className="mb-6 rounded-lg border border-line bg-surface p-6 shadow-low">
      <h2 className="text-lg font-semibold tracking-tight">Record the first run</h2>
      <p className="mt-1 max-w-2xl text-ink-2">
        Keep the client that your trainer has. Everything that it logs appears here while it trains.
      </p>
      <div className="mt-4 grid gap-4 lg:grid-cols-2">
        <div>
          <p className="mb-1.5 text-xs font-medium text-ink-2">With MLflow, unchanged</p>
          <Snippet text={`${mlflowEnv("first-steps")}\npython train.py`} />
        </div>
        <div>
          <p className="mb-1.5 text-xs font-medium text-ink-2">With the library of Assay</p>
          <Snippet text={firstRun("first-steps")} />
        </div>
      </div>
    </section>
  );
}
