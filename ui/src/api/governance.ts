/** Types and questions about who agreed, what is frozen, what signs, and whether all that a version names is there. */
import { queryOptions } from "@tanstack/react-query";
import { apiPath, currentWorkspace, get } from "./client";

const ws = currentWorkspace;
const MOST = { max_results: 1000 };

export interface Approval {
  approval_id: string;
  model: string;
  version: number;
  alias: string;
  alias_revision: number;
  artifact_digest: string;
  gate_fingerprint: string;
  approver: string;
  reason: string;
  created_at_ms: number;
  withdrawn_at_ms: number | null;
}

export interface Freeze {
  freeze_id: string;
  workspace: string;
  alias: string | null;
  starts_at_ms: number;
  ends_at_ms: number;
  reason: string;
  created_by: string;
  created_at_ms: number;
  lifted_by: string | null;
  lifted_at_ms: number | null;
}

export interface BreakGlass {
  request_id: string;
  model: string;
  version: number;
  alias: string;
  alias_revision: number;
  reason: string;
  requested_by: string;
  created_at_ms: number;
  expires_at_ms: number;
  state: "open" | "confirmed" | "cancelled";
  closed_by: string | null;
  closed_at_ms: number | null;
}

export interface RunnerKey {
  key_id: string;
  runner: string;
  public_key: string;
  state: "active" | "retired" | "revoked";
  created_by: string;
  created_at_ms: number;
  retired_at_ms: number | null;
  revoked_at_ms: number | null;
  void_from_ms: number | null;
  revoke_reason: string;
}

export interface GatePolicy {
  signed_verdicts: "off" | "require";
}

export type ClosureStatus = "ok" | "unreachable" | "missing" | "corrupt" | "unknown" | "unsupported";

export interface ClosureCheck {
  subject: string;
  reference: string;
  status: ClosureStatus;
  level: string;
  message: string;
  is_deep: boolean;
  was_ok: boolean;
  checked_at_ms: number;
}

export interface Closure {
  model: string;
  version: number;
  status: ClosureStatus | null;
  is_deep: boolean;
  checked_at_ms: number | null;
  checks: ClosureCheck[];
  faults: { field: string; reference: string; message: string }[];
}

export interface Source {
  name: string;
  kind: "git" | "dvc" | "lakefs" | "hf" | "s3" | "file";
  location: string;
  remote: string;
  credentials: string;
}

export interface KeptSignature {
  kind: string;
  bundle: string;
  sha256: string;
  created_by: string;
  created_at_ms: number;
}

export interface Claim {
  name: string;
  model: string;
  version: number;
  terms_digest: string;
  created_by: string;
  created_at_ms: number;
}

export interface Checkpoint {
  size: number;
  root: string;
  at_ms: number;
  key_id: string;
  note: string;
}

export interface LineageMapping {
  lineage_mapping: Record<string, unknown>;
}

export const versionPath = (model: string, version: number): string =>
  apiPath("models", model, "versions", version);

export const approvals = (model: string, version?: number) =>
  queryOptions({
    queryKey: ["model", ws(), model, "approvals", version ?? null],
    queryFn: async ({ signal }) =>
      (
        await get<{ approvals: Approval[] }>(
          `${apiPath("models", model)}/approvals`,
          { ...MOST, version },
          signal,
        )
      ).approvals,
  });

export const freezes = () =>
  queryOptions({
    queryKey: ["freezes", ws()],
    queryFn: async ({ signal }) => (await get<{ freezes: Freeze[] }>("/freezes", MOST, signal)).freezes,
  });

export const breakGlass = () =>
  queryOptions({
    queryKey: ["break-glass", ws()],
    queryFn: async ({ signal }) =>
      (await get<{ requests: BreakGlass[] }>("/break-glass", MOST, signal)).requests,
  });

export const gateKeys = () =>
  queryOptions({
    queryKey: ["gate-keys", ws()],
    queryFn: async ({ signal }) => (await get<{ keys: RunnerKey[] }>("/gate-keys", MOST, signal)).keys,
  });

export const gatePolicy = () =>
  queryOptions({
    queryKey: ["gate-policy", ws()],
    queryFn: ({ signal }) => get<GatePolicy>("/gate-policy", {}, signal),
  });

export const closure = (model: string, version: number) =>
  queryOptions({
    queryKey: ["model", ws(), model, "closure", version],
    queryFn: ({ signal }) => get<Closure>(`${versionPath(model, version)}/closure`, {}, signal),
  });

export const signatures = (model: string, version: number) =>
  queryOptions({
    queryKey: ["model", ws(), model, "signatures", version],
    queryFn: async ({ signal }) =>
      (await get<{ signatures: KeptSignature[] }>(`${versionPath(model, version)}/signatures`, {}, signal))
        .signatures,
  });

export const claims = () =>
  queryOptions({
    queryKey: ["claims", ws()],
    queryFn: async ({ signal }) => (await get<{ claims: Claim[] }>("/claims", MOST, signal)).claims,
  });

export const checkpoints = () =>
  queryOptions({
    queryKey: ["ledger", "checkpoints"],
    queryFn: async ({ signal }) =>
      (await get<{ checkpoints: Checkpoint[] }>("/ledger/checkpoints", { max_results: 50 }, signal))
        .checkpoints,
  });

export const sources = (workspace: string) =>
  queryOptions({
    queryKey: ["sources", workspace],
    queryFn: async ({ signal }) =>
      (await get<{ sources: Source[] }>(`${apiPath("workspaces", workspace)}/sources`, {}, signal)).sources,
  });

export const mapping = (workspace: string) =>
  queryOptions({
    queryKey: ["lineage-mapping", workspace],
    queryFn: ({ signal }) =>
      get<LineageMapping>(`${apiPath("workspaces", workspace)}/lineage-mapping`, {}, signal),
  });

export const thresholds = (workspace: string) =>
  queryOptions({
    queryKey: ["health-thresholds", workspace],
    queryFn: async ({ signal }) =>
      (
        await get<{ thresholds: Record<string, number> }>(
          `${apiPath("workspaces", workspace)}/health-thresholds`,
          {},
          signal,
        )
      ).thresholds,
  });
