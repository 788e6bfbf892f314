/** What the native API answers; the server's structs under faces/native are the truth. */
import type { RunsSearch } from "@/app/search";
import type { ApiNumber } from "@/format/number";

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export type RunState = "running" | "scheduled" | "finished" | "failed" | "killed";
export type Lifecycle = "active" | "deleted";

export interface Whoami {
  name: string;
  kind: string;
  token_id: string | null;
  workspace: string;
  roles: Record<string, string[]>;
  actions: string[];
  server_version: string;
  now_ms: number;
}

export type Demand = "off" | "warn" | "require";

export interface Workspace {
  name: string;
  description: string;
  policy: {
    lineage: "required" | "recorded";
    protected: string[];
    strict_refs: Demand;
    closure_at_promotion: Demand;
  };
  created_at_ms: number;
}

export interface Experiment {
  experiment_id: string;
  workspace: string;
  name: string;
  lifecycle: Lifecycle;
  artifact_location: string | null;
  created_at_ms: number;
  updated_at_ms: number;
  tags: Record<string, string>;
}

export interface LastMetric {
  value: ApiNumber;
  step: number;
  timestamp_ms: number;
  count: number;
  min: ApiNumber | null;
  min_step: number | null;
  max: ApiNumber | null;
  max_step: number | null;
}

export interface Dataset {
  name: string;
  digest: string;
  source_type: string;
  source: string;
}

export interface RunInfo {
  run_id: string;
  name: string;
  workspace: string;
  experiment_id: string;
  status: RunState;
  lifecycle: Lifecycle;
  user_name: string;
  created_by: string;
  lineage: string | null;
  started_at_ms: number | null;
  ended_at_ms: number | null;
  created_at_ms: number;
}

export interface Run extends RunInfo {
  metrics: Record<string, LastMetric>;
  params: Record<string, string>;
  tags: Record<string, string>;
  inputs: { dataset: Dataset; tags: Record<string, string> }[];
  outputs: { model_id: string; step: number }[];
  model_inputs: string[];
}

/** `state` is what the page of an experiment keeps in its address. */
export interface SavedView {
  name: string;
  state: RunsSearch;
  created_by: string;
  created_at_ms: number;
  updated_at_ms: number;
}

export interface Finding {
  run_id: string;
  detector: string;
  key: string;
  first_step: number;
  last_step: number;
  numbers: Record<string, number>;
  message: string;
  found_at_ms: number;
  updated_at_ms: number;
  cleared_at_ms: number | null;
}

export interface RunHealth {
  run_id: string;
  findings: Finding[];
  examined_keys: string[];
}

/** `rows` is null for whoever may not know the items. */
export interface GateRunRows {
  verdict: Verdict;
  rows: { item_id: string; metrics: Record<string, Json> }[] | null;
  next_page_token: string | null;
}

export interface Webhook {
  webhook_id: string;
  name: string;
  description: string;
  url: string;
  events: string[];
  status: "active" | "disabled";
  is_signed: boolean;
  failures: number;
  last_delivered_at_ms: number | null;
  created_by: string;
  created_at_ms: number;
}

export interface FileEntry {
  path: string;
  is_folder: boolean;
  size_bytes: number | null;
  sha256: string | null;
}

export interface StepRecord {
  key: string;
  step: number;
  kind: string;
  timestamp_ms: number;
  payload: string | null;
  sha256: string | null;
  size_bytes: number;
}

export interface SeriesBuckets {
  run_id: string;
  key: string;
  first_steps: number[];
  last_steps: number[];
  first_timestamps_ms: number[];
  last_timestamps_ms: number[];
  counts: number[];
  minima: ApiNumber[];
  maxima: ApiNumber[];
  means: ApiNumber[];
  lasts: ApiNumber[];
}

export interface LineageDraft {
  run_id: string;
  declared: boolean;
  fields: Record<string, string>;
  origins: Record<string, string>;
  missing: string[];
  annotations: Record<string, Json>;
  fingerprint: string | null;
  scheme: string | null;
  problem: string | null;
}

export interface Alias {
  alias: string;
  version: number | null;
  revision: number;
  is_protected: boolean;
  updated_at_ms: number;
}

export interface Model {
  name: string;
  workspace: string;
  description: string;
  last_version: number;
  tags: Record<string, string>;
  aliases: Alias[];
  created_at_ms: number;
  updated_at_ms: number;
}

export type Outcome = "pass" | "fail" | "inconclusive" | "error" | "expired";

export interface Verdict {
  gate_run_id: string;
  gate: string;
  gate_version: number;
  gate_fingerprint: string;
  model_version: number;
  artifact_digest: string;
  outcome: Outcome;
  score: string | null;
  score_value: number | null;
  items: number;
  metrics: Record<string, string>;
  reasons: string[];
  rows_sha256: string | null;
  runner: string;
  created_at_ms: number;
  signature: { key_id: string; public_key: string; signature: string; statement: string } | null;
}

export interface Version {
  model: string;
  workspace: string;
  version: number;
  state: "registered" | "quarantined" | "deleted";
  state_reason: string;
  run_id: string | null;
  logged_model_id: string | null;
  source: string;
  artifact_path: string | null;
  artifact_digest: string | null;
  size_bytes: number;
  fingerprint: string | null;
  lineage_scheme: string | null;
  lineage_canonical: string | null;
  lineage: Record<string, Json> | null;
  lineage_origins: Record<string, string>;
  annotations: Record<string, Json>;
  is_verifiable: boolean;
  description: string;
  stage: string;
  tags: Record<string, string>;
  aliases: string[];
  created_by: string;
  created_at_ms: number;
  updated_at_ms: number;
  verdicts: Verdict[] | null;
}

export interface Decision {
  promoted: boolean;
  holder: "challenger" | "champion";
  reason: string;
  codes: string[];
  reasons: string[];
  rule_version: string;
  gate_fingerprint: string | null;
  challenger_score: string | null;
  champion_score: string | null;
  evidence: Record<string, string>;
  model: string;
  alias: string;
  revision: number;
  challenger: number;
  champion: number | null;
  gate: { name: string; version: number; fingerprint: string } | null;
  gate_runs: string[];
  /** Advice: whether the win, item by item, could be luck. */
  paired?: Paired;
  /** Only where the gate wants approvals. */
  approvals?: {
    wanted: number;
    given: { approval_id: string; approver: string }[];
    barred: string[];
  };
}

export interface Paired {
  method: "mcnemar_exact" | "paired_bootstrap";
  p_value: string;
  p_value_float: number;
  items: number;
  wins: number;
  losses: number;
  ties: number;
  rounds: number;
  attempts: number;
}

export interface Move {
  alias: string;
  revision: number;
  kind: "set" | "promotion" | "rollback" | "removed" | "imported" | "break_glass";
  from_version: number | null;
  to_version: number | null;
  decision: Partial<Decision> | null;
  reason: string;
  actor: string;
  ledger_seq: number;
  at_ms: number;
}

export interface ManifestFile {
  path: string;
  size_bytes: number;
  sha256: string;
}

export interface EvalResult {
  run_id: string;
  suite: string;
  metric: string;
  value: ApiNumber;
  value_text: string;
  items: number | null;
  created_by: string;
  created_at_ms: number;
}

export interface Winner {
  run_id: string;
  run_name: string;
  metric: string;
  score: number;
  maximize: boolean;
  suite: string;
  ranked: string[];
  tied: string[];
  groups: Record<string, string[]>;
  excluded: Record<string, string>;
  rule_version: string;
  version: Version | null;
}

export interface Suite {
  name: string;
  workspace: string;
  fingerprint: string;
  bundle_sha256: string | null;
  item_count: number;
  created_by: string;
  created_at_ms: number;
}

/** Numbers are exact text. */
export interface GateSpec {
  suite: string;
  metric: string;
  direction: "maximize" | "minimize";
  threshold: string;
  guards?: { metric: string; direction: string; max_regression: string; relative?: boolean }[];
  min_items?: number;
  comparison?: string;
  approvals?: number;
  timeout_s?: number;
  bundle?: string | null;
}

export interface Gate {
  name: string;
  version: number;
  workspace: string;
  model: string | null;
  suite: string;
  fingerprint: string;
  is_current: boolean;
  spec: GateSpec;
  created_by: string;
  created_at_ms: number;
}

export interface GateRun {
  gate_run_id: string;
  workspace: string;
  gate: string;
  gate_version: number;
  gate_fingerprint: string;
  model: string;
  version: number;
  artifact_digest: string;
  state: "queued" | "leased" | "done" | "cancelled";
  attempts: number;
  leased_by: string | null;
  lease_expires_at_ms: number | null;
  requested_by: string;
  created_at_ms: number;
  finished_at_ms: number | null;
  verdict: Verdict | null;
}

export interface LedgerEvent {
  seq: number;
  at_ms: number;
  actor: string;
  action: string;
  object: string;
  workspace: string | null;
  outcome: "allowed" | "denied" | "error";
  request_id: string;
  details: Record<string, Json>;
  before: string | null;
  after: string | null;
  token_id: string | null;
  prev: string;
  hash: string;
}

export interface AuditReport {
  is_intact: boolean;
  deep: boolean;
  events: number;
  models: number;
  versions: number;
  aliases: number;
  moves: number;
  verdicts: number;
  blobs: number;
  checkpoints: number;
  head: { seq: number; hash: string };
  finding_count: number;
  findings: { area: string; message: string; seq: number | null }[];
}

export interface Principal {
  name: string;
  kind: string;
  disabled: boolean;
  roles: Record<string, string[]>;
  created_by: string;
  created_at_ms: number;
}

export interface Token {
  token_id: string;
  principal: string;
  description: string;
  created_at_ms: number;
  expires_at_ms: number | null;
  revoked_at_ms: number | null;
  last_used_at_ms: number | null;
}
