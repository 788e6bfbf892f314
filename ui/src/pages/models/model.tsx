import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { ArrowUpFromLine, Crown, Undo2 } from "lucide-react";
import { useState } from "react";
import { api, apiPath } from "@/api/client";
import * as queries from "@/api/queries";
import type { Alias, Gate, GateRun, Model, Version } from "@/api/types";
import { Badge } from "@/design/badge";
import { Button, IconButton } from "@/design/button";
import { Card, Table } from "@/design/card";
import { cx } from "@/design/cx";
import { Moment } from "@/design/moment";
import { NoteCard } from "@/design/note";
import { Page } from "@/design/page";
import { Digest, Snippet } from "@/design/snippet";
import { Empty, Failure, SkeletonRows } from "@/design/states";
import { actorName } from "@/format/actor";
import { plural } from "@/format/number";
import { firstGate, firstVersion } from "../snippets";
import { OpenBreakGlass } from "./break-glass";
import { bestCandidate, currentVerdict } from "./candidate";
import { Frozen } from "./frozen";
import { AliasBadge, OutcomeBadge, Score, StateBadge } from "./outcome";
import { PromoteDialog } from "./promote";
import { RollbackDialog } from "./rollback";
import { TimeLine } from "./time-line";

const ROUTE = "/models/$name";

export default function ModelPage() {
  const { name } = useParams({ from: ROUTE });
  const model = useQuery(queries.model(name));
  const versions = useQuery(queries.versions(name));
  if (model.isPending || versions.isPending) return <SkeletonRows rows={10} />;
  const error = model.error ?? versions.error;
  if (error || !model.data || !versions.data) {
    return (
      <div className="px-8 py-6">
        <Failure error={error} onRetry={() => void model.refetch()} />
      </div>
    );
  }
  return <Loaded model={model.data} versions={versions.data} />;
}

function Loaded({ model, versions }: { model: Model; versions: Version[] }) {
  const [promoting, setPromoting] = useState<number | null>(null);
  const [rolling, setRolling] = useState<Alias | null>(null);
  const gates = useQuery(queries.gates()).data ?? [];
  const gateRuns = useQuery(queries.gateRuns({ model: model.name })).data ?? [];
  const gate =
    gates.find((each) => each.model === model.name) ?? gates.find((each) => each.model === null) ?? null;
  const guarded = model.aliases.filter((each) => each.is_protected && each.version !== null);
  const { candidate, isPromising } = bestCandidate(versions, guarded, gateRuns, gate);

  return (
    <Page
      wide
      title={model.name}
      crumbs={
        <Link to="/models" className="hover:text-ink">
          Models
        </Link>
      }
      meta={
        <>
          <span>{plural(model.last_version, "version")}</span>
          <span>
            Changed <Moment at={model.updated_at_ms} />
          </span>
        </>
      }
      actions={
        candidate ? (
          <Button
            variant={isPromising ? "primary" : "secondary"}
            onClick={() => setPromoting(candidate.version)}
          >
            <ArrowUpFromLine /> {isPromising ? `Promote v${candidate.version}` : "Promote"}
          </Button>
        ) : null
      }
    >
      <OpenBreakGlass model={model.name} />
      {versions.length === 0 ? (
        <Empty title="No versions yet">
          <p>Register the files of a run:</p>
          <Snippet text={firstVersion(model.name)} />
        </Empty>
      ) : (
        <div className="grid items-start gap-5 min-[90rem]:grid-cols-[minmax(0,1fr)_25rem]">
          <div className="min-w-0 space-y-5">
            <Frozen />
            <Holders
              model={model}
              versions={versions}
              gateRuns={gateRuns}
              gate={gate}
              onRollback={setRolling}
            />
            <VersionsTable
              model={model}
              versions={versions}
              gateRuns={gateRuns}
              gate={gate}
              onPromote={setPromoting}
            />
          </div>
          <div className="grid min-w-0 items-start gap-5 sm:grid-cols-2 min-[90rem]:grid-cols-1">
            <div className="min-w-0 space-y-5">
              <GateCard gate={gate} />
              <Description model={model} />
            </div>
            <History model={model} />
          </div>
        </div>
      )}
      {promoting !== null ? (
        <PromoteDialog
          model={model}
          version={promoting}
          gate={gate}
          onVersion={setPromoting}
          versions={versions}
          onClose={() => setPromoting(null)}
        />
      ) : null}
      {rolling ? <RollbackDialog model={model} alias={rolling} onClose={() => setRolling(null)} /> : null}
    </Page>
  );
}

function Holders({
  model,
  versions,
  gateRuns,
  gate,
  onRollback,
}: {
  model: Model;
  versions: Version[];
  gateRuns: GateRun[];
  gate: Gate | null;
  onRollback: (alias: Alias) => void;
}) {
  const held = model.aliases.filter((each) => each.is_protected);
  if (held.every((each) => each.version === null)) {
    return (
      <section className="rounded-lg border border-dashed border-line-strong p-5">
        <h2 className="flex items-center gap-2 font-semibold">
          <Crown className="size-4 text-ink-3" /> Nobody holds production
        </h2>
        <p className="mt-1 text-ink-2">
          The first version that passes the gate can take it. After that, only a strictly better one does.
        </p>
      </section>
    );
  }
  return (
    <div className="space-y-3">
      {held
        .filter((each) => each.version !== null)
        .map((alias) => {
          const version = versions.find((each) => each.version === alias.version);
          const verdict = currentVerdict(gateRuns, alias.version!, gate);
          return (
            <section key={alias.alias} className="rounded-lg border border-line bg-surface p-5 shadow-low">
              <div className="flex flex-wrap items-start gap-x-8 gap-y-4">
                <div className="min-w-48 flex-1">
                  <p className="flex items-center gap-2 text-xs text-ink-3">
                    <Crown className="size-3.5 text-accent-ink" />
                    <span>
                      holds {alias.alias} since <Moment at={alias.updated_at_ms} />
                    </span>
                  </p>
                  <p className="mt-1 text-2xl font-semibold tracking-tight">
                    <Link
                      to="/models/$name/versions/$version"
                      params={{ name: model.name, version: String(alias.version) }}
                      className="hover:text-accent-ink"
                    >
                      Version {alias.version}
                    </Link>
                  </p>
                  {version?.fingerprint ? (
                    <Digest
                      value={version.fingerprint}
                      prefix={<span className="text-xs text-ink-3">lineage&nbsp;</span>}
                    />
                  ) : null}
                </div>
                {verdict ? (
                  <div>
                    <p className="text-xs text-ink-3">{String(gate?.spec.metric ?? "Score")}</p>
                    <p className="mt-1 flex items-center gap-2">
                      <Score text={verdict.score} className="text-2xl font-semibold tracking-tight tabular" />
                      <OutcomeBadge outcome={verdict.outcome} />
                    </p>
                    <p className="text-xs text-ink-3">{verdict.items.toLocaleString("en-US")} items</p>
                  </div>
                ) : null}
                <Button onClick={() => onRollback(alias)}>
                  <Undo2 /> Roll back
                </Button>
              </div>
            </section>
          );
        })}
    </div>
  );
}

function VersionsTable({
  model,
  versions,
  gateRuns,
  gate,
  onPromote,
}: {
  model: Model;
  versions: Version[];
  gateRuns: GateRun[];
  gate: Gate | null;
  onPromote: (version: number) => void;
}) {
  const guarded = new Set(model.aliases.filter((each) => each.is_protected).map((each) => each.alias));
  return (
    <Card
      title="Versions"
      note={versions.length}
      flush
      className="[&>div]:max-h-[40rem] [&>div]:overflow-y-auto"
    >
      <Table label="Versions" head={["Version", "Aliases", "Verdict", "Score", "State", "Registered", ""]}>
        {versions.map((version) => {
          const verdict = currentVerdict(gateRuns, version.version, gate);
          const open = gateRuns.find(
            (each) =>
              each.version === version.version && (each.state === "queued" || each.state === "leased"),
          );
          return (
            <tr
              key={version.version}
              className={cx("group hover:bg-hover", version.state === "deleted" && "opacity-60")}
            >
              <td>
                <Link
                  to="/models/$name/versions/$version"
                  params={{ name: model.name, version: String(version.version) }}
                  className="font-medium tabular hover:text-accent-ink hover:underline"
                >
                  v{version.version}
                </Link>
              </td>
              <td>
                <span className="flex flex-wrap gap-1">
                  {version.aliases.map((alias) => (
                    <AliasBadge key={alias} alias={alias} isProtected={guarded.has(alias)} />
                  ))}
                </span>
              </td>
              <td>
                {open ? (
                  <Badge tone="accent">
                    {open.state === "queued" ? "Waiting for a runner" : "In the exam"}
                  </Badge>
                ) : verdict ? (
                  <OutcomeBadge outcome={verdict.outcome} />
                ) : (
                  <span className="text-ink-3">none</span>
                )}
              </td>
              <td className="tabular">
                {verdict ? <Score text={verdict.score} /> : <span className="text-ink-3">–</span>}
              </td>
              <td>
                <StateBadge version={version} />
              </td>
              <td className="whitespace-nowrap text-ink-2">
                <Moment at={version.created_at_ms} />
                <span className="block text-xs text-ink-3">{actorName(version.created_by)}</span>
              </td>
              <td className="text-right">
                {version.state === "registered" && !version.aliases.some((alias) => guarded.has(alias)) ? (
                  <IconButton
                    label={`Promote version ${version.version}`}
                    onClick={() => onPromote(version.version)}
                  >
                    <ArrowUpFromLine />
                  </IconButton>
                ) : null}
              </td>
            </tr>
          );
        })}
      </Table>
    </Card>
  );
}

function Description({ model }: { model: Model }) {
  const client = useQueryClient();
  const save = async (description: string) => {
    await api("PATCH", apiPath("models", model.name), { body: { description } });
    await Promise.all([
      client.invalidateQueries({ queryKey: ["model"] }),
      client.invalidateQueries({ queryKey: ["models"] }),
    ]);
  };
  return (
    <NoteCard
      title="Description"
      text={model.description}
      placeholder="What the model is for, and who answers for it."
      onSave={save}
    />
  );
}

function GateCard({ gate }: { gate: Gate | null }) {
  if (!gate) {
    return (
      <Card title="Gate">
        <p className="text-ink-2">
          No gate guards this model, so nothing can take a protected alias. Freeze an exam for it:
        </p>
        <Snippet className="mt-3 [&_pre]:max-h-64" text={firstGate("capitals-gate")} />
      </Card>
    );
  }
  const { metric, direction, threshold, guards } = gate.spec;
  return (
    <Card
      title="Gate"
      actions={
        <Link
          to="/gates/$name"
          params={{ name: gate.name }}
          className="text-xs text-accent-ink hover:underline"
        >
          {gate.name} v{gate.version}
        </Link>
      }
    >
      <p className="text-ink-2">
        <span className="font-medium text-ink">{metric}</span>{" "}
        {direction === "minimize" ? "at most" : "at least"}{" "}
        <Score text={String(threshold)} className="font-medium text-ink tabular" />, and strictly better than
        the champion.
        {guards?.length ? ` ${guards.map((each) => each.metric).join(", ")} must not fall behind.` : ""}
        {gate.spec.approvals
          ? ` ${plural(gate.spec.approvals, "other person", "other people")} must agree.`
          : ""}
      </p>
    </Card>
  );
}

function History({ model }: { model: Model }) {
  const search = useSearch({ from: ROUTE });
  const navigate = useNavigate({ from: ROUTE });
  const alias =
    search.alias ?? model.aliases.find((each) => each.is_protected)?.alias ?? model.aliases[0]?.alias;
  const { data, error, isPending } = useQuery({
    ...queries.aliasHistory(model.name, alias ?? ""),
    enabled: alias !== undefined,
  });
  if (!alias) return null;
  return (
    <Card
      title="History"
      actions={
        <span className="flex gap-1">
          {model.aliases.map((each) => (
            <button
              key={each.alias}
              type="button"
              aria-pressed={each.alias === alias}
              onClick={() =>
                void navigate({
                  to: ".",
                  search: (before) => ({ ...before, alias: each.alias }),
                  replace: true,
                })
              }
              className={cx(
                "rounded px-2 py-0.5 text-xs",
                each.alias === alias ? "bg-accent-soft text-accent-ink" : "text-ink-3 hover:bg-hover",
              )}
            >
              {each.alias}
            </button>
          ))}
        </span>
      }
    >
      {isPending ? (
        <SkeletonRows rows={3} />
      ) : error ? (
        <Failure compact error={error} />
      ) : (
        <TimeLine moves={data} model={model.name} />
      )}
    </Card>
  );
}
