import type { Alias, Gate, GateRun, Version } from "@/api/types";

/** The verdict under the gate that is in force, of the newest gate run that has one. */
export function currentVerdict(gateRuns: readonly GateRun[], version: number, gate: Gate | null) {
  const own = gateRuns.filter(
    (each) => each.version === version && (!gate || each.gate_fingerprint === gate.fingerprint),
  );
  return own.find((each) => each.verdict)?.verdict ?? null;
}

/** The version that a release owner most likely means: the best that beats the champion, else one not examined yet. */
export function bestCandidate(
  versions: readonly Version[],
  guarded: readonly Alias[],
  gateRuns: readonly GateRun[],
  gate: Gate | null,
) {
  const champion = guarded[0]?.version ?? null;
  const scoreOf = (version: number) => {
    const verdict = currentVerdict(gateRuns, version, gate);
    const score = verdict?.outcome === "pass" ? verdict.score_value : null;
    return score === null ? null : gate?.spec.direction === "minimize" ? -score : score;
  };
  const free = versions.filter(
    (each) => each.state === "registered" && !guarded.some((alias) => alias.version === each.version),
  );
  const bar = champion === null ? null : scoreOf(champion);
  const better = free
    .map((version) => ({ version, score: scoreOf(version.version) }))
    .filter((each) => each.score !== null && (bar === null || each.score > bar))
    .sort((a, b) => b.score! - a.score!);
  const fresh = free.find(
    (each) => each.version > (champion ?? 0) && !currentVerdict(gateRuns, each.version, gate),
  );
  const promising = better[0]?.version ?? fresh;
  return { candidate: promising ?? free[0], isPromising: promising !== undefined };
}
