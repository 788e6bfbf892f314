import { useQuery } from "@tanstack/react-query";
import { Link, useSearch } from "@tanstack/react-router";
import { ScrollText, ShieldCheck } from "lucide-react";
import { useState } from "react";
import * as queries from "@/api/queries";
import type { GateRun } from "@/api/types";
import { Badge, type Tone } from "@/design/badge";
import { Card, Table } from "@/design/card";
import { Moment } from "@/design/moment";
import { Page, Tabs, tabClass } from "@/design/page";
import { Digest, Snippet } from "@/design/snippet";
import { Empty, Failure, SkeletonRows } from "@/design/states";
import { actorName } from "@/format/actor";
import { OutcomeBadge, Score } from "../models/outcome";
import { firstGate, firstSuite, gateRunner } from "../snippets";
import { GateRowsDialog } from "./rows";
import { ruleText } from "./rule";

const TABS = [
  [undefined, "Gates"],
  ["suites", "Suites"],
  ["runs", "Gate runs"],
] as const;

export default function GatesPage() {
  const { tab } = useSearch({ from: "/gates" });
  return (
    <Page
      wide
      title="Gates"
      tabs={
        <Tabs label="Gates, suites and gate runs">
          {TABS.map(([value, label]) => (
            <Link
              key={label}
              to="/gates"
              search={{ tab: value }}
              className={tabClass(tab === value)}
              aria-current={tab === value ? "page" : undefined}
            >
              {label}
            </Link>
          ))}
        </Tabs>
      }
    >
      {tab === "suites" ? <Suites /> : tab === "runs" ? <AllGateRuns /> : <Gates />}
    </Page>
  );
}

function Gates() {
  const { data, error, isPending, refetch } = useQuery(queries.gates());
  if (isPending) return <SkeletonRows />;
  if (error) return <Failure error={error} onRetry={() => void refetch()} />;
  if (data.length === 0) {
    return (
      <Empty icon={<ShieldCheck />} title="No gates yet">
        <p>
          A gate is an exam that no model can edit: a frozen suite of questions, a metric and a threshold.
          Without one, nothing can take <em>production</em>.
        </p>
        <Snippet text={firstGate("capitals-gate")} className="[&_pre]:max-h-80" />
      </Empty>
    );
  }
  return (
    <Card flush>
      <Table label="Gates" head={["Gate", "Guards", "Rule", "Suite", "Frozen"]}>
        {data.map((gate) => (
          <tr key={gate.name} className="hover:bg-hover">
            <td>
              <Link
                to="/gates/$name"
                params={{ name: gate.name }}
                className="font-medium hover:text-accent-ink hover:underline"
              >
                {gate.name}
              </Link>{" "}
              <span className="text-ink-3">v{gate.version}</span>
            </td>
            <td>
              {gate.model ? (
                <Link
                  to="/models/$name"
                  params={{ name: gate.model }}
                  className="hover:text-accent-ink hover:underline"
                >
                  {gate.model}
                </Link>
              ) : (
                <span className="text-ink-2">every model without a gate of its own</span>
              )}
            </td>
            <td>{ruleText(gate)}</td>
            <td className="text-ink-2">{gate.suite}</td>
            <td className="whitespace-nowrap text-ink-2">
              <Moment at={gate.created_at_ms} />
            </td>
          </tr>
        ))}
      </Table>
    </Card>
  );
}

function Suites() {
  const { data, error, isPending, refetch } = useQuery(queries.suites());
  if (isPending) return <SkeletonRows />;
  if (error) return <Failure error={error} onRetry={() => void refetch()} />;
  if (data.length === 0) {
    return (
      <Empty icon={<ScrollText />} title="No suites yet">
        <p>
          A suite is a folder with questions and a scorer. Its fingerprint is computed here, from its bytes:
        </p>
        <Snippet text={firstSuite()} className="[&_pre]:max-h-80" />
      </Empty>
    );
  }
  return (
    <Card flush>
      <Table label="Suites" head={["Suite", "Items", "Fingerprint", "Bundle", "Stored"]}>
        {data.map((suite) => (
          <tr key={suite.fingerprint} className="hover:bg-hover">
            <td className="font-medium">{suite.name}</td>
            <td className="tabular">{suite.item_count.toLocaleString("en-US")}</td>
            <td>
              <Digest value={suite.fingerprint} />
            </td>
            <td>
              {suite.bundle_sha256 ? (
                <Digest value={suite.bundle_sha256} />
              ) : (
                <span className="text-ink-3">elsewhere</span>
              )}
            </td>
            <td className="whitespace-nowrap text-ink-2">
              <Moment at={suite.created_at_ms} />
              <span className="block text-xs text-ink-3">{actorName(suite.created_by)}</span>
            </td>
          </tr>
        ))}
      </Table>
    </Card>
  );
}

function AllGateRuns() {
  const { data, error, isPending, refetch } = useQuery(queries.gateRuns());
  if (isPending) return <SkeletonRows />;
  if (error) return <Failure error={error} onRetry={() => void refetch()} />;
  if (data.length === 0) {
    return (
      <Empty icon={<ShieldCheck />} title="No exams yet">
        <p>
          Promoting a version queues its exam. A gate runner holds it wherever the model can be evaluated:
        </p>
        <Snippet text={gateRunner()} />
      </Empty>
    );
  }
  return (
    <Card flush>
      <GateRunTable runs={data} />
    </Card>
  );
}

function Items({ run }: { run: GateRun }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button
        type="button"
        onClick={() => setOpen(true)}
        className="rounded text-accent-ink hover:underline"
        aria-label={`The ${run.verdict?.items} items of ${run.model} v${run.version}`}
      >
        {run.verdict?.items.toLocaleString("en-US")}
      </button>
      {open ? <GateRowsDialog run={run} onClose={() => setOpen(false)} /> : null}
    </>
  );
}

const STATES: Record<GateRun["state"], [Tone, string]> = {
  queued: ["accent", "Waiting for a runner"],
  leased: ["accent", "In the exam"],
  done: ["neutral", "Done"],
  cancelled: ["neutral", "Cancelled"],
};

/** `ofOneGate`: which gate it is stands above, and there is little room beside its rule. */
export function GateRunTable({ runs, ofOneGate }: { runs: readonly GateRun[]; ofOneGate?: boolean }) {
  const head = ofOneGate
    ? ["Version", "Outcome", "Score", "Items", "Asked for"]
    : ["Version", "Gate", "Outcome", "Score", "Items", "Runner", "Asked for"];
  return (
    <Table label="Gate runs" head={head}>
      {runs.map((run) => (
        <tr key={run.gate_run_id} className="hover:bg-hover">
          <td>
            <Link
              to="/models/$name/versions/$version"
              params={{ name: run.model, version: String(run.version) }}
              className="font-medium whitespace-nowrap hover:text-accent-ink hover:underline"
            >
              {run.model} <span className="font-normal text-ink-3">v{run.version}</span>
            </Link>
          </td>
          {ofOneGate ? null : (
            <td className="whitespace-nowrap">
              {run.gate} <span className="text-ink-3">v{run.gate_version}</span>
            </td>
          )}
          <td className="min-w-44">
            {run.verdict ? (
              <OutcomeBadge outcome={run.verdict.outcome} />
            ) : (
              <Badge tone={STATES[run.state][0]}>{STATES[run.state][1]}</Badge>
            )}
            {run.verdict?.reasons.length ? (
              <span className="mt-0.5 block max-w-96 text-xs text-ink-3">
                {run.verdict.reasons.join(" ")}
              </span>
            ) : null}
          </td>
          <td>
            <Score text={run.verdict?.score} />
          </td>
          <td className="tabular">{run.verdict ? <Items run={run} /> : "–"}</td>
          {ofOneGate ? null : (
            <td className="whitespace-nowrap text-ink-2">{run.verdict?.runner ?? run.leased_by ?? "–"}</td>
          )}
          <td className="whitespace-nowrap text-ink-2">
            <Moment at={run.created_at_ms} />
            <span className="block text-xs text-ink-3">{actorName(run.requested_by)}</span>
          </td>
        </tr>
      ))}
    </Table>
  );
}
