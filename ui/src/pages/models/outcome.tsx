import { Ban, Check, CircleHelp, Clock, ShieldAlert, X } from "lucide-react";
import type { ReactNode } from "react";
import type { Outcome, Verdict, Version } from "@/api/types";
import { Badge, type Tone } from "@/design/badge";
import { exactToNumber, shortNumber } from "@/format/number";

const LOOKS: Record<Outcome, { tone: Tone; word: string; icon: ReactNode }> = {
  pass: { tone: "good", word: "Pass", icon: <Check /> },
  fail: { tone: "bad", word: "Fail", icon: <X /> },
  inconclusive: { tone: "warn", word: "Inconclusive", icon: <CircleHelp /> },
  error: { tone: "warn", word: "Error", icon: <ShieldAlert /> },
  expired: { tone: "neutral", word: "Expired", icon: <Clock /> },
};

export function OutcomeBadge({ outcome }: { outcome: Outcome }) {
  const { tone, word, icon } = LOOKS[outcome];
  return (
    <Badge tone={tone}>
      {icon}
      {word}
    </Badge>
  );
}

/** A score as a number, its exact text on hover. */
export function Score({ text, className }: { text: string | null | undefined; className?: string }) {
  const value = exactToNumber(text);
  return (
    <span className={className ?? "tabular"} title={text ?? undefined}>
      {value === null ? "–" : shortNumber(value)}
    </span>
  );
}

export function StateBadge({
  version,
}: {
  version: Pick<Version, "state" | "state_reason" | "is_verifiable">;
}) {
  if (version.state === "quarantined") {
    return (
      <Badge tone="warn" title={version.state_reason}>
        <Ban /> Quarantined
      </Badge>
    );
  }
  if (version.state === "deleted") return <Badge tone="bad">Deleted</Badge>;
  if (!version.is_verifiable) return <Badge tone="warn">Unverifiable</Badge>;
  return <Badge tone="good">Verifiable</Badge>;
}

export function AliasBadge({ alias, isProtected }: { alias: string; isProtected?: boolean }) {
  return <Badge tone={isProtected ? "accent" : "neutral"}>{alias}</Badge>;
}

/** The newest verdict, which is the one that counts. */
export const newest = (verdicts: readonly Verdict[] | null | undefined): Verdict | null =>
  verdicts?.length ? verdicts.reduce((a, b) => (b.created_at_ms > a.created_at_ms ? b : a)) : null;
