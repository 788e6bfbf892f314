const TITLES: Record<string, string> = {
  promotion: "Promotion",
  "promotion.held": "Promotion held",
  rollback: "Rolled back",
  break_glass: "Glass broken",
  "alias.set": "Alias set",
  "alias.removed": "Alias removed",
  "approval.given": "Agreed to a promotion",
  "approval.withdrawn": "Withdrew an approval",
  "break_glass.requested": "Asked to break the glass",
  "break_glass.confirmed": "Confirmed as the second person",
  "break_glass.cancelled": "Refused to break the glass",
  "freeze.created": "Froze promotions",
  "freeze.lifted": "Ended a freeze",
  "runner_key.registered": "Registered a runner's key",
  "runner_key.retired": "Retired a runner's key",
  "runner_key.revoked": "Revoked a runner's key",
  "gate_policy.changed": "Changed what verdicts need",
  "closure.checked": "Looked whether all is there",
  "closure.dropped": "Something is gone",
  "verdict.written": "Verdict",
  "gate_run.queued": "Exam queued",
  "gate_run.leased": "Exam begun",
  "gate_run.released": "Exam given back",
  "gate_run.cancelled": "Exam cancelled",
  "gate.created": "Gate frozen",
  "suite.created": "Suite frozen",
  "version.registered": "Version registered",
  "version.signed": "Files signed",
  "run.health_finding": "Health finding",
  "run.alert": "Alert of a run",
};

/** An event's kind for a reader: known ones in words, others by their own parts. */
export const titleOf = (action: string, outcome = "allowed"): string => {
  if (action === "promotion" && outcome === "denied") return "Promotion held";
  const known = TITLES[action];
  if (known) return known;
  const words = action.replaceAll(/[._]/g, " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
};

const DAY_MS = 86_400_000;

/** The first millisecond of a day in UTC; undefined for what is no day. */
export function dayStart(day: string | undefined): number | undefined {
  const at = day === undefined ? Number.NaN : Date.parse(`${day}T00:00:00Z`);
  return Number.isNaN(at) ? undefined : at;
}

/** The first millisecond after a day in UTC. */
export function dayEnd(day: string | undefined): number | undefined {
  const at = dayStart(day);
  return at === undefined ? undefined : at + DAY_MS;
}
