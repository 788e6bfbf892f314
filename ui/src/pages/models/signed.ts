import type { GatePolicy, RunnerKey } from "@/api/governance";
import type { Verdict } from "@/api/types";

export type Signed = "valid" | "void" | "unsigned";

/** What a verdict's signature is worth now, as the server weighs it: keys end, and a workspace may want them. */
export function signedState(
  verdict: Pick<Verdict, "signature" | "created_at_ms" | "rows_sha256">,
  keys: readonly RunnerKey[],
  policy: GatePolicy | undefined,
): Signed {
  if (!verdict.signature) {
    return policy?.signed_verdicts === "require" && verdict.rows_sha256 !== null ? "void" : "unsigned";
  }
  const key = keys.find((each) => each.key_id === verdict.signature?.key_id);
  if (!key) return "void";
  return key.void_from_ms !== null && verdict.created_at_ms >= key.void_from_ms ? "void" : "valid";
}

/** The name in `kind:name`, as rows and the ledger write who did something. */
export const bareName = (actor: string): string => actor.slice(actor.indexOf(":") + 1);
