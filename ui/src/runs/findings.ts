import type { Finding } from "@/api/types";

export const DETECTORS: Record<string, string> = {
  entropy_collapse: "Entropy collapsed",
  kl_explosion: "KL exploded",
  reward_std_zero: "Rewards without spread",
  reward_up_eval_down: "Reward up, eval down",
  length_blow_up: "Answers grow without end",
  not_a_number: "Not a number",
};

/** What detectors still see in each run, in words. */
export function findingsByRun(findings: readonly Finding[]): ReadonlyMap<string, string> {
  const found = new Map<string, Set<string>>();
  for (const each of findings) {
    if (each.cleared_at_ms !== null) continue;
    const words = found.get(each.run_id) ?? new Set();
    found.set(each.run_id, words.add(DETECTORS[each.detector] ?? each.detector));
  }
  return new Map([...found].map(([run, words]) => [run, [...words].join(", ")]));
}
