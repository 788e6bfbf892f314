import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { HeartPulse } from "lucide-react";
import * as queries from "@/api/queries";
import type { Finding } from "@/api/types";
import { Badge } from "@/design/badge";
import { Card } from "@/design/card";
import { Moment } from "@/design/moment";
import { plural, shortNumber } from "@/format/number";
import { DETECTORS } from "@/runs/findings";

/** What the detectors of RL health saw in the run; nothing where they have nothing to look at. */
export function Health({ runId, isLive }: { runId: string; isLive: boolean }) {
  const { data } = useQuery({ ...queries.health(runId), refetchInterval: isLive ? 15_000 : false });
  if (!data || (data.findings.length === 0 && data.examined_keys.length === 0)) return null;
  const standing = data.findings.filter((each) => each.cleared_at_ms === null);
  return (
    <Card
      title="RL health"
      flush
      note={
        standing.length > 0 ? <Badge tone="warn">{standing.length}</Badge> : <Badge tone="good">Well</Badge>
      }
    >
      {data.findings.length === 0 ? (
        <p className="flex items-center gap-2 px-4 py-3 text-ink-2">
          <HeartPulse className="size-4 shrink-0 text-good" />
          Nothing found in {plural(data.examined_keys.length, "metric")}.
        </p>
      ) : (
        <ul className="divide-y divide-line">
          {[...standing, ...data.findings.filter((each) => each.cleared_at_ms !== null)].map((each) => (
            <FindingLine key={`${each.detector} ${each.key} ${each.first_step}`} finding={each} />
          ))}
        </ul>
      )}
    </Card>
  );
}

function FindingLine({ finding }: { finding: Finding }) {
  const isOver = finding.cleared_at_ms !== null;
  return (
    <li className="px-4 py-3">
      <p className="flex items-center gap-2">
        <Badge tone={isOver ? "neutral" : "warn"}>{DETECTORS[finding.detector] ?? finding.detector}</Badge>
        <Link
          to="."
          search={{ tab: "charts", full: finding.key }}
          className="min-w-0 truncate font-mono text-xs hover:text-accent-ink hover:underline"
        >
          {finding.key}
        </Link>
      </p>
      <p className="mt-1.5 break-words text-ink-2">{finding.message}</p>
      <p className="mt-1 flex flex-wrap gap-x-3 text-xs text-ink-3 tabular">
        <span>
          steps {finding.first_step.toLocaleString("en-US")} to {finding.last_step.toLocaleString("en-US")}
        </span>
        {Object.entries(finding.numbers)
          .slice(0, 4)
          .map(([name, value]) => (
            <span key={name}>
              {name.replaceAll("_", " ")} {shortNumber(value, 3)}
            </span>
          ))}
        {finding.cleared_at_ms === null ? null : (
          <span>
            over <Moment at={finding.cleared_at_ms} />
          </span>
        )}
      </p>
    </li>
  );
}
