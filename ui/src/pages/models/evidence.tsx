import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { KeyRound, ShieldOff } from "lucide-react";
import * as governance from "@/api/governance";
import type { Decision, Paired, Verdict } from "@/api/types";
import { Badge } from "@/design/badge";
import { shortNumber } from "@/format/number";
import { signedState } from "./signed";

/** Whether a verdict is signed, with which key, and whether that still counts. */
export function SignatureBadge({ verdict }: { verdict: Verdict }) {
  const keys = useQuery(governance.gateKeys());
  const policy = useQuery(governance.gatePolicy());
  if (!keys.data) return null;
  const state = signedState(verdict, keys.data, policy.data);
  const id = verdict.signature?.key_id;
  if (state === "valid") {
    return (
      <Badge tone="good" title={`Signed with the key ${id}`}>
        <KeyRound /> {id?.slice(0, 8)}
      </Badge>
    );
  }
  if (state === "void") {
    return (
      <Badge
        tone="bad"
        title={id ? `The key ${id} is revoked: this verdict is void` : "This workspace wants signed verdicts"}
      >
        <ShieldOff /> {id ? `void, ${id.slice(0, 8)}` : "void, not signed"}
      </Badge>
    );
  }
  return <span className="text-xs text-ink-3">not signed</span>;
}

/** Wins and losses item by item: advice for a person, and a condition only where the gate says so. */
export function PairedAdvice({ decision }: { decision: Decision }) {
  const paired = decision.paired;
  if (!paired) return null;
  const isCondition = decision.codes.includes("not_significant");
  return (
    <section aria-label="Paired test" className="rounded-lg border border-line p-4">
      <div className="mb-2.5 flex flex-wrap items-baseline gap-x-3 gap-y-1">
        <h3 className="text-sm font-medium">Item by item</h3>
        <span className="text-xs text-ink-3">
          {isCondition ? "this gate asks for it" : "advice; the gate decides by the score"}
        </span>
        <span className="ml-auto text-sm tabular">
          p = <span className="font-medium">{shortNumber(paired.p_value_float, 3)}</span>
        </span>
      </div>
      <Balance paired={paired} />
      <p className="mt-2 text-xs text-ink-2">
        {meaning(paired.p_value_float)}{" "}
        <span className="text-ink-3">
          {paired.attempts === 1
            ? "The first attempt since the last promotion"
            : `${paired.attempts} attempts since the last promotion, each of which makes luck likelier`}
          , {paired.method === "mcnemar_exact" ? "McNemar's exact test" : `${paired.rounds} resamplings`}.
        </span>
      </p>
    </section>
  );
}

/** The one-sided p-value in words: only a win can be explained by luck. */
function meaning(pValue: number): string {
  if (pValue <= 0.05) return "Between two equal models a win like this would be rare.";
  if (pValue <= 0.5) return "Between two equal models a win like this could well be luck.";
  return "Item by item it did not win.";
}

function Balance({ paired }: { paired: Paired }) {
  const { wins, losses, ties, items } = paired;
  const share = (count: number) => ({ width: `${(count / Math.max(1, items)) * 100}%` });
  const shown = (count: number) => count.toLocaleString("en-US");
  return (
    <>
      <div aria-hidden className="flex h-2 overflow-hidden rounded-full bg-sunken">
        <span className="bg-good" style={share(wins)} />
        <span className="bg-line-strong" style={share(ties)} />
        <span className="bg-bad" style={share(losses)} />
      </div>
      <p className="mt-1.5 flex flex-wrap gap-x-4 text-xs text-ink-2 tabular">
        <span>{shown(wins)} better</span>
        <span>{shown(ties)} alike</span>
        <span>{shown(losses)} worse</span>
        <span className="ml-auto text-ink-3">of {shown(items)} items</span>
      </p>
    </>
  );
}

/** The verdicts behind a decision, each with its signature. */
export function EvidenceLine({ verdicts }: { verdicts: readonly Verdict[] }) {
  if (verdicts.length === 0) return null;
  return (
    <p className="mt-3 flex flex-wrap items-center gap-x-4 gap-y-1 border-t border-line pt-3 text-xs text-ink-3">
      {verdicts.map((each) => (
        <span key={each.gate_run_id} className="inline-flex items-center gap-1.5">
          <Link
            to="/gates/$name"
            params={{ name: each.gate }}
            className="hover:text-ink hover:underline"
            title={each.gate_run_id}
          >
            Verdict of v{each.model_version}
          </Link>
          <SignatureBadge verdict={each} />
        </span>
      ))}
    </p>
  );
}
