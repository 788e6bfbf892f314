import type { Gate } from "@/api/types";
import { exactToNumber, shortNumber } from "@/format/number";

/** The heart of a gate in words: `accuracy ≥ 0.8`. */
export function ruleText(gate: Gate): string {
  const threshold = exactToNumber(String(gate.spec.threshold));
  const sign = gate.spec.direction === "minimize" ? "≤" : "≥";
  return `${gate.spec.metric} ${sign} ${threshold === null ? gate.spec.threshold : shortNumber(threshold)}`;
}
