import type { GateRun, Model, Version } from "@/api/types";

type Exam = Pick<
  GateRun,
  | "model"
  | "version"
  | "gate_fingerprint"
  | "created_at_ms"
  | "verdict"
  | "gate_run_id"
  | "gate"
  | "state"
  | "leased_by"
>;

/**
 * The exams (newest first) of versions that passed, are not barred, and scored more than the champion did
 * under the same gate; of each version the newest. `minimizing` names the gates where less is better. A guess
 * for the eye: the server decides when it is asked.
 */
export function promotable<E extends Exam>(
  models: readonly Pick<Model, "name" | "aliases">[],
  versions: readonly Pick<Version, "model" | "version" | "state" | "is_verifiable">[],
  exams: readonly E[],
  minimizing: ReadonlySet<string> = new Set(),
): E[] {
  const scoreUnder = (model: string, version: number, gate: string) =>
    exams.find((each) => each.model === model && each.version === version && each.gate_fingerprint === gate)
      ?.verdict?.score_value ?? null;
  const seen = new Set<string>();
  return exams.filter((exam) => {
    const name = `${exam.model} ${exam.version}`;
    if (exam.verdict?.outcome !== "pass" || seen.has(name)) return false;
    seen.add(name);
    const version = versions.find((each) => each.model === exam.model && each.version === exam.version);
    if (version?.state !== "registered" || !version.is_verifiable) return false;
    const held =
      models
        .find((each) => each.name === exam.model)
        ?.aliases.filter((each) => each.is_protected && each.version !== null) ?? [];
    if (held.some((alias) => alias.version === exam.version)) return false;
    const score = exam.verdict.score_value;
    return held.every((alias) => {
      const other = scoreUnder(exam.model, alias.version!, exam.gate_fingerprint);
      return (
        other === null || (score !== null && (minimizing.has(exam.gate) ? score < other : score > other))
      );
    });
  });
}
