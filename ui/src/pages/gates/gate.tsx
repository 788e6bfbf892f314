import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import * as queries from "@/api/queries";
import type { Gate } from "@/api/types";
import { Badge } from "@/design/badge";
import { Card, Fact, Facts } from "@/design/card";
import { Moment } from "@/design/moment";
import { Page } from "@/design/page";
import { Digest, Snippet } from "@/design/snippet";
import { Failure, SkeletonRows } from "@/design/states";
import { actorName } from "@/format/actor";
import { Score } from "../models/outcome";
import { gateRunner } from "../snippets";
import { GateRunTable } from "./list";
import { ruleText } from "./rule";

export default function GatePage() {
  const { name } = useParams({ from: "/gates/$name" });
  const { data, error, isPending, refetch } = useQuery(queries.gate(name));
  const runs = useQuery(queries.gateRuns()).data?.filter((each) => each.gate === name) ?? [];
  if (isPending) return <SkeletonRows rows={8} />;
  const current = data?.find((each) => each.is_current) ?? data?.[0];
  if (error || !current) {
    return (
      <div className="px-8 py-6">
        <Failure error={error} onRetry={() => void refetch()} />
      </div>
    );
  }
  return (
    <Page
      wide
      title={name}
      crumbs={
        <Link to="/gates" className="hover:text-ink">
          Gates
        </Link>
      }
      meta={
        <>
          <Badge tone="good">Version {current.version} in force</Badge>
          <span>
            guards{" "}
            {current.model ? (
              <Link
                to="/models/$name"
                params={{ name: current.model }}
                className="text-accent-ink hover:underline"
              >
                {current.model}
              </Link>
            ) : (
              "every model without a gate of its own"
            )}
          </span>
        </>
      }
    >
      <div className="grid items-start gap-5 xl:grid-cols-[minmax(0,1fr)_22rem]">
        <div className="min-w-0 space-y-5">
          <Card title="Gate runs" note={runs.length} flush>
            {runs.length === 0 ? (
              <div className="p-4">
                <p className="mb-3 text-ink-2">
                  No exam was held yet. Promote a version, and let a runner hold it:
                </p>
                <Snippet text={gateRunner()} />
              </div>
            ) : (
              <GateRunTable runs={runs} ofOneGate />
            )}
          </Card>
        </div>
        <div className="min-w-0 space-y-5">
          <Rule gate={current} />
          <Card title="Versions" note="a change is a new version">
            <ol className="space-y-3">
              {(data ?? []).map((each) => (
                <li key={each.version} className="flex items-start gap-3">
                  <Badge tone={each.is_current ? "good" : "neutral"}>v{each.version}</Badge>
                  <div className="min-w-0">
                    <p>{ruleText(each)}</p>
                    <p className="text-xs text-ink-3">
                      <Moment at={each.created_at_ms} /> by {actorName(each.created_by)}
                    </p>
                    <Digest value={each.fingerprint} />
                  </div>
                </li>
              ))}
            </ol>
          </Card>
        </div>
      </div>
    </Page>
  );
}

function Rule({ gate }: { gate: Gate }) {
  const { spec } = gate;
  return (
    <Card title="What it asks">
      <Facts>
        <Fact name="Metric">{spec.metric}</Fact>
        <Fact name="Threshold">
          {spec.direction === "minimize" ? "at most " : "at least "}
          <Score text={String(spec.threshold)} className="font-medium tabular" />
        </Fact>
        <Fact name="Champion">beaten strictly; a tie holds</Fact>
        {spec.guards?.map((guard) => (
          <Fact key={guard.metric} name="Guard">
            {guard.metric} worse by at most <Score text={String(guard.max_regression)} />
            {guard.relative ? " (relative)" : ""}
          </Fact>
        ))}
        <Fact name="Items">at least {(spec.min_items ?? 1).toLocaleString("en-US")}</Fact>
        {spec.approvals ? <Fact name="Approvals">{spec.approvals}</Fact> : null}
        <Fact name="Suite">
          {gate.suite}
          <span className="block">
            <Digest value={spec.suite} />
          </span>
        </Fact>
        {spec.bundle ? (
          <Fact name="Bundle">
            <Digest value={spec.bundle} />
          </Fact>
        ) : null}
        <Fact name="Fingerprint">
          <Digest value={gate.fingerprint} />
        </Fact>
      </Facts>
    </Card>
  );
}
