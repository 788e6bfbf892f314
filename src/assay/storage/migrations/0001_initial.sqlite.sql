-- The first schema: tracking, registry, governance, access.

CREATE TABLE blobs (
  sha256 TEXT NOT NULL,
  size_bytes INTEGER NOT NULL,
  created_at_ms INTEGER NOT NULL,
  CONSTRAINT pk_blobs PRIMARY KEY (sha256)
)
 STRICT;

CREATE TABLE facts (
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  CONSTRAINT pk_facts PRIMARY KEY (name)
)
 WITHOUT ROWID,
 STRICT;

CREATE TABLE idempotency (
  principal TEXT NOT NULL,
  "key" TEXT NOT NULL,
  request_sha256 TEXT NOT NULL,
  response TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  CONSTRAINT pk_idempotency PRIMARY KEY (principal, "key")
)
 WITHOUT ROWID,
 STRICT;

CREATE TABLE ledger (
  seq INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  action TEXT NOT NULL,
  outcome TEXT NOT NULL,
  actor TEXT NOT NULL,
  object TEXT NOT NULL,
  workspace TEXT,
  body TEXT NOT NULL,
  prev TEXT NOT NULL,
  h TEXT NOT NULL,
  CONSTRAINT pk_ledger PRIMARY KEY (seq),
  CONSTRAINT uq_ledger_h UNIQUE (h)
)
 STRICT;

CREATE INDEX ix_ledger_object ON ledger (object, seq);

CREATE TABLE ledger_head (
  id INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  h TEXT NOT NULL,
  CONSTRAINT pk_ledger_head PRIMARY KEY (id)
)
 STRICT;

CREATE TABLE metric_keys (
  id INTEGER NOT NULL,
  "key" TEXT NOT NULL,
  CONSTRAINT pk_metric_keys PRIMARY KEY (id),
  CONSTRAINT uq_metric_keys_key UNIQUE ("key")
)
 STRICT;

CREATE TABLE migrations (
  number INTEGER NOT NULL,
  name TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  applied_at_ms INTEGER NOT NULL,
  CONSTRAINT pk_migrations PRIMARY KEY (number)
)
 STRICT;

CREATE TABLE principals (
  id INTEGER NOT NULL,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  disabled INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  CONSTRAINT pk_principals PRIMARY KEY (id),
  CONSTRAINT uq_principals_name UNIQUE (name)
)
 STRICT;

CREATE TABLE workspaces (
  id INTEGER NOT NULL,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  lineage_policy TEXT,
  protected_aliases TEXT,
  lineage_mapping TEXT,
  created_at_ms INTEGER NOT NULL,
  CONSTRAINT pk_workspaces PRIMARY KEY (id),
  CONSTRAINT uq_workspaces_name UNIQUE (name)
)
 STRICT;

CREATE TABLE eval_suites (
  id INTEGER NOT NULL,
  workspace_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  canonical TEXT NOT NULL,
  bundle_sha256 TEXT,
  item_count INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  CONSTRAINT pk_eval_suites PRIMARY KEY (id),
  CONSTRAINT uq_eval_suites_workspace_id_fingerprint UNIQUE (workspace_id, fingerprint),
  CONSTRAINT fk_eval_suites_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id),
  CONSTRAINT fk_eval_suites_bundle_sha256 FOREIGN KEY(bundle_sha256) REFERENCES blobs (sha256)
)
 STRICT;

CREATE TABLE experiments (
  id INTEGER NOT NULL,
  workspace_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  lifecycle TEXT NOT NULL,
  artifact_location TEXT,
  created_at_ms INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL,
  CONSTRAINT pk_experiments PRIMARY KEY (id),
  CONSTRAINT uq_experiments_workspace_id_name UNIQUE (workspace_id, name),
  CONSTRAINT fk_experiments_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id)
)
 STRICT;

CREATE TABLE outbox (
  id INTEGER NOT NULL,
  ledger_seq INTEGER NOT NULL,
  kind TEXT NOT NULL,
  payload TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  delivered_at_ms INTEGER,
  attempts INTEGER NOT NULL,
  CONSTRAINT pk_outbox PRIMARY KEY (id),
  CONSTRAINT fk_outbox_ledger_seq FOREIGN KEY(ledger_seq) REFERENCES ledger (seq)
)
 STRICT;

CREATE TABLE registered_models (
  id INTEGER NOT NULL,
  workspace_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  last_version INTEGER NOT NULL,
  deleted_at_ms INTEGER,
  created_at_ms INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL,
  CONSTRAINT pk_registered_models PRIMARY KEY (id),
  CONSTRAINT fk_registered_models_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id)
)
 STRICT;

CREATE UNIQUE INDEX uq_registered_models_live_name ON registered_models (workspace_id, name) WHERE deleted_at_ms IS NULL;

CREATE TABLE role_grants (
  principal_id INTEGER NOT NULL,
  workspace TEXT NOT NULL,
  role TEXT NOT NULL,
  granted_at_ms INTEGER NOT NULL,
  CONSTRAINT pk_role_grants PRIMARY KEY (principal_id, workspace, role),
  CONSTRAINT fk_role_grants_principal_id FOREIGN KEY(principal_id) REFERENCES principals (id)
)
 WITHOUT ROWID,
 STRICT;

CREATE TABLE tokens (
  id INTEGER NOT NULL,
  token_id TEXT NOT NULL,
  secret_sha256 TEXT NOT NULL,
  principal_id INTEGER NOT NULL,
  description TEXT NOT NULL,
  actions TEXT,
  created_at_ms INTEGER NOT NULL,
  expires_at_ms INTEGER,
  revoked_at_ms INTEGER,
  last_used_at_ms INTEGER,
  CONSTRAINT pk_tokens PRIMARY KEY (id),
  CONSTRAINT uq_tokens_token_id UNIQUE (token_id),
  CONSTRAINT fk_tokens_principal_id FOREIGN KEY(principal_id) REFERENCES principals (id)
)
 STRICT;

CREATE INDEX ix_tokens_principal_id ON tokens (principal_id);

CREATE TABLE datasets (
  id INTEGER NOT NULL,
  experiment_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  digest TEXT NOT NULL,
  source_type TEXT NOT NULL,
  source TEXT NOT NULL,
  schema_text TEXT,
  profile TEXT,
  CONSTRAINT pk_datasets PRIMARY KEY (id),
  CONSTRAINT uq_datasets_experiment_id_name_digest UNIQUE (experiment_id, name, digest),
  CONSTRAINT fk_datasets_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id)
)
 STRICT;

CREATE TABLE experiment_tags (
  experiment_id INTEGER NOT NULL,
  "key" TEXT NOT NULL,
  value TEXT NOT NULL,
  CONSTRAINT pk_experiment_tags PRIMARY KEY (experiment_id, "key"),
  CONSTRAINT fk_experiment_tags_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id)
)
 WITHOUT ROWID,
 STRICT;

CREATE TABLE gates (
  id INTEGER NOT NULL,
  workspace_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  version INTEGER NOT NULL,
  model_id INTEGER,
  suite_id INTEGER NOT NULL,
  fingerprint TEXT NOT NULL,
  canonical TEXT NOT NULL,
  is_current INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  CONSTRAINT pk_gates PRIMARY KEY (id),
  CONSTRAINT uq_gates_workspace_id_name_version UNIQUE (workspace_id, name, version),
  CONSTRAINT fk_gates_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id),
  CONSTRAINT fk_gates_model_id FOREIGN KEY(model_id) REFERENCES registered_models (id),
  CONSTRAINT fk_gates_suite_id FOREIGN KEY(suite_id) REFERENCES eval_suites (id)
)
 STRICT;

CREATE UNIQUE INDEX uq_gates_one_current ON gates (workspace_id, coalesce(model_id, 0)) WHERE is_current = 1;

CREATE TABLE registered_model_tags (
  model_id INTEGER NOT NULL,
  "key" TEXT NOT NULL,
  value TEXT NOT NULL,
  CONSTRAINT pk_registered_model_tags PRIMARY KEY (model_id, "key"),
  CONSTRAINT fk_registered_model_tags_model_id FOREIGN KEY(model_id) REFERENCES registered_models (id)
)
 WITHOUT ROWID,
 STRICT;

CREATE TABLE runs (
  id INTEGER NOT NULL,
  run_id TEXT NOT NULL,
  workspace_id INTEGER NOT NULL,
  experiment_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  status TEXT NOT NULL,
  lifecycle TEXT NOT NULL,
  user_name TEXT NOT NULL,
  created_by TEXT NOT NULL,
  lineage TEXT,
  started_at_ms INTEGER NOT NULL,
  ended_at_ms INTEGER,
  created_at_ms INTEGER NOT NULL,
  deleted_at_ms INTEGER,
  CONSTRAINT pk_runs PRIMARY KEY (id),
  CONSTRAINT uq_runs_run_id UNIQUE (run_id),
  CONSTRAINT fk_runs_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id),
  CONSTRAINT fk_runs_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id)
)
 STRICT;

CREATE INDEX ix_runs_listing ON runs (experiment_id, lifecycle, started_at_ms DESC, run_id);

CREATE TABLE eval_results (
  id INTEGER NOT NULL,
  run_pk INTEGER NOT NULL,
  suite_fingerprint TEXT NOT NULL,
  metric TEXT NOT NULL,
  value REAL,
  value_text TEXT NOT NULL,
  items INTEGER,
  created_by TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  CONSTRAINT pk_eval_results PRIMARY KEY (id),
  CONSTRAINT uq_eval_results_run_pk_suite_fingerprint_metric UNIQUE (run_pk, suite_fingerprint, metric),
  CONSTRAINT fk_eval_results_run_pk FOREIGN KEY(run_pk) REFERENCES runs (id)
)
 STRICT;

CREATE TABLE logged_models (
  id INTEGER NOT NULL,
  model_id TEXT NOT NULL,
  workspace_id INTEGER NOT NULL,
  experiment_id INTEGER NOT NULL,
  run_pk INTEGER,
  name TEXT NOT NULL,
  model_type TEXT NOT NULL,
  status TEXT NOT NULL,
  status_message TEXT NOT NULL,
  lifecycle TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL,
  CONSTRAINT pk_logged_models PRIMARY KEY (id),
  CONSTRAINT uq_logged_models_model_id UNIQUE (model_id),
  CONSTRAINT fk_logged_models_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id),
  CONSTRAINT fk_logged_models_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id),
  CONSTRAINT fk_logged_models_run_pk FOREIGN KEY(run_pk) REFERENCES runs (id)
)
 STRICT;

CREATE INDEX ix_logged_models_listing ON logged_models (experiment_id, lifecycle, created_at_ms, model_id);

CREATE INDEX ix_logged_models_run_pk ON logged_models (run_pk);

CREATE TABLE metric_chunks (
  id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  run_pk INTEGER NOT NULL,
  key_id INTEGER NOT NULL,
  points INTEGER NOT NULL,
  min_step INTEGER NOT NULL,
  max_step INTEGER NOT NULL,
  payload BLOB NOT NULL,
  CONSTRAINT fk_metric_chunks_run_pk FOREIGN KEY(run_pk) REFERENCES runs (id),
  CONSTRAINT fk_metric_chunks_key_id FOREIGN KEY(key_id) REFERENCES metric_keys (id)
)
 STRICT;

CREATE INDEX ix_metric_chunks_series ON metric_chunks (run_pk, key_id, min_step);

CREATE TABLE metric_summaries (
  run_pk INTEGER NOT NULL,
  key_id INTEGER NOT NULL,
  count INTEGER NOT NULL,
  count_exact INTEGER NOT NULL,
  last_step INTEGER NOT NULL,
  last_timestamp_ms INTEGER NOT NULL,
  last_value REAL,
  min_value REAL,
  min_step INTEGER,
  max_value REAL,
  max_step INTEGER,
  CONSTRAINT pk_metric_summaries PRIMARY KEY (run_pk, key_id),
  CONSTRAINT fk_metric_summaries_run_pk FOREIGN KEY(run_pk) REFERENCES runs (id),
  CONSTRAINT fk_metric_summaries_key_id FOREIGN KEY(key_id) REFERENCES metric_keys (id)
)
 WITHOUT ROWID,
 STRICT;

CREATE INDEX ix_metric_summaries_lookup ON metric_summaries (key_id, last_value, run_pk);

CREATE TABLE metric_tail (
  id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  run_pk INTEGER NOT NULL,
  points INTEGER NOT NULL,
  payload BLOB NOT NULL,
  CONSTRAINT fk_metric_tail_run_pk FOREIGN KEY(run_pk) REFERENCES runs (id)
)
 STRICT;

CREATE INDEX ix_metric_tail_run_pk ON metric_tail (run_pk);

CREATE TABLE params (
  run_pk INTEGER NOT NULL,
  "key" TEXT NOT NULL,
  value TEXT NOT NULL,
  CONSTRAINT pk_params PRIMARY KEY (run_pk, "key"),
  CONSTRAINT fk_params_run_pk FOREIGN KEY(run_pk) REFERENCES runs (id)
)
 WITHOUT ROWID,
 STRICT;

CREATE TABLE run_files (
  run_pk INTEGER NOT NULL,
  path TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  size_bytes INTEGER NOT NULL,
  created_at_ms INTEGER NOT NULL,
  CONSTRAINT pk_run_files PRIMARY KEY (run_pk, path),
  CONSTRAINT fk_run_files_run_pk FOREIGN KEY(run_pk) REFERENCES runs (id),
  CONSTRAINT fk_run_files_sha256 FOREIGN KEY(sha256) REFERENCES blobs (sha256)
)
 WITHOUT ROWID,
 STRICT;

CREATE INDEX ix_run_files_sha256 ON run_files (sha256);

CREATE TABLE run_inputs (
  id INTEGER NOT NULL,
  run_pk INTEGER NOT NULL,
  dataset_id INTEGER NOT NULL,
  CONSTRAINT pk_run_inputs PRIMARY KEY (id),
  CONSTRAINT uq_run_inputs_run_pk_dataset_id UNIQUE (run_pk, dataset_id),
  CONSTRAINT fk_run_inputs_run_pk FOREIGN KEY(run_pk) REFERENCES runs (id),
  CONSTRAINT fk_run_inputs_dataset_id FOREIGN KEY(dataset_id) REFERENCES datasets (id)
)
 STRICT;

CREATE TABLE run_tags (
  run_pk INTEGER NOT NULL,
  "key" TEXT NOT NULL,
  value TEXT NOT NULL,
  CONSTRAINT pk_run_tags PRIMARY KEY (run_pk, "key"),
  CONSTRAINT fk_run_tags_run_pk FOREIGN KEY(run_pk) REFERENCES runs (id)
)
 WITHOUT ROWID,
 STRICT;

CREATE TABLE step_records (
  id INTEGER NOT NULL,
  run_pk INTEGER NOT NULL,
  "key" TEXT NOT NULL,
  step INTEGER NOT NULL,
  kind TEXT NOT NULL,
  timestamp_ms INTEGER NOT NULL,
  payload TEXT,
  sha256 TEXT,
  size_bytes INTEGER NOT NULL,
  CONSTRAINT pk_step_records PRIMARY KEY (id),
  CONSTRAINT uq_step_records_run_pk_key_step UNIQUE (run_pk, "key", step),
  CONSTRAINT fk_step_records_run_pk FOREIGN KEY(run_pk) REFERENCES runs (id),
  CONSTRAINT fk_step_records_sha256 FOREIGN KEY(sha256) REFERENCES blobs (sha256)
)
 STRICT;

CREATE TABLE writers (
  run_pk INTEGER NOT NULL,
  writer TEXT NOT NULL,
  last_sequence INTEGER NOT NULL,
  CONSTRAINT pk_writers PRIMARY KEY (run_pk, writer),
  CONSTRAINT fk_writers_run_pk FOREIGN KEY(run_pk) REFERENCES runs (id)
)
 WITHOUT ROWID,
 STRICT;

CREATE TABLE logged_model_files (
  logged_model_id INTEGER NOT NULL,
  path TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  size_bytes INTEGER NOT NULL,
  created_at_ms INTEGER NOT NULL,
  CONSTRAINT pk_logged_model_files PRIMARY KEY (logged_model_id, path),
  CONSTRAINT fk_logged_model_files_logged_model_id FOREIGN KEY(logged_model_id) REFERENCES logged_models (id),
  CONSTRAINT fk_logged_model_files_sha256 FOREIGN KEY(sha256) REFERENCES blobs (sha256)
)
 WITHOUT ROWID,
 STRICT;

CREATE INDEX ix_logged_model_files_sha256 ON logged_model_files (sha256);

CREATE TABLE logged_model_metrics (
  logged_model_id INTEGER NOT NULL,
  run_pk INTEGER NOT NULL,
  "key" TEXT NOT NULL,
  step INTEGER NOT NULL,
  timestamp_ms INTEGER NOT NULL,
  value REAL,
  dataset_name TEXT NOT NULL,
  dataset_digest TEXT NOT NULL,
  CONSTRAINT pk_logged_model_metrics PRIMARY KEY (logged_model_id, "key", dataset_name, dataset_digest, run_pk),
  CONSTRAINT fk_logged_model_metrics_logged_model_id FOREIGN KEY(logged_model_id) REFERENCES logged_models (id),
  CONSTRAINT fk_logged_model_metrics_run_pk FOREIGN KEY(run_pk) REFERENCES runs (id)
)
 WITHOUT ROWID,
 STRICT;

CREATE TABLE logged_model_params (
  logged_model_id INTEGER NOT NULL,
  "key" TEXT NOT NULL,
  value TEXT NOT NULL,
  CONSTRAINT pk_logged_model_params PRIMARY KEY (logged_model_id, "key"),
  CONSTRAINT fk_logged_model_params_logged_model_id FOREIGN KEY(logged_model_id) REFERENCES logged_models (id)
)
 WITHOUT ROWID,
 STRICT;

CREATE TABLE logged_model_tags (
  logged_model_id INTEGER NOT NULL,
  "key" TEXT NOT NULL,
  value TEXT NOT NULL,
  CONSTRAINT pk_logged_model_tags PRIMARY KEY (logged_model_id, "key"),
  CONSTRAINT fk_logged_model_tags_logged_model_id FOREIGN KEY(logged_model_id) REFERENCES logged_models (id)
)
 WITHOUT ROWID,
 STRICT;

CREATE TABLE model_versions (
  id INTEGER NOT NULL,
  model_id INTEGER NOT NULL,
  version INTEGER NOT NULL,
  run_pk INTEGER,
  logged_model_id INTEGER,
  source TEXT NOT NULL,
  artifact_path TEXT,
  artifact_digest TEXT,
  size_bytes INTEGER NOT NULL,
  lineage_scheme TEXT,
  lineage_canonical TEXT,
  fingerprint TEXT,
  lineage_origins TEXT,
  annotations TEXT,
  verifiable INTEGER NOT NULL,
  state TEXT NOT NULL,
  state_reason TEXT NOT NULL,
  description TEXT NOT NULL,
  stage TEXT NOT NULL,
  run_link TEXT NOT NULL,
  created_by TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL,
  CONSTRAINT pk_model_versions PRIMARY KEY (id),
  CONSTRAINT uq_model_versions_model_id_version UNIQUE (model_id, version),
  CONSTRAINT fk_model_versions_model_id FOREIGN KEY(model_id) REFERENCES registered_models (id),
  CONSTRAINT fk_model_versions_run_pk FOREIGN KEY(run_pk) REFERENCES runs (id),
  CONSTRAINT fk_model_versions_logged_model_id FOREIGN KEY(logged_model_id) REFERENCES logged_models (id)
)
 STRICT;

CREATE INDEX ix_model_versions_fingerprint ON model_versions (fingerprint);

CREATE INDEX ix_model_versions_run_pk ON model_versions (run_pk);

CREATE TABLE run_input_tags (
  input_id INTEGER NOT NULL,
  "key" TEXT NOT NULL,
  value TEXT NOT NULL,
  CONSTRAINT pk_run_input_tags PRIMARY KEY (input_id, "key"),
  CONSTRAINT fk_run_input_tags_input_id FOREIGN KEY(input_id) REFERENCES run_inputs (id)
)
 WITHOUT ROWID,
 STRICT;

CREATE TABLE run_model_inputs (
  run_pk INTEGER NOT NULL,
  logged_model_id INTEGER NOT NULL,
  CONSTRAINT pk_run_model_inputs PRIMARY KEY (run_pk, logged_model_id),
  CONSTRAINT fk_run_model_inputs_run_pk FOREIGN KEY(run_pk) REFERENCES runs (id),
  CONSTRAINT fk_run_model_inputs_logged_model_id FOREIGN KEY(logged_model_id) REFERENCES logged_models (id)
)
 WITHOUT ROWID,
 STRICT;

CREATE TABLE run_outputs (
  run_pk INTEGER NOT NULL,
  logged_model_id INTEGER NOT NULL,
  step INTEGER NOT NULL,
  CONSTRAINT pk_run_outputs PRIMARY KEY (run_pk, logged_model_id),
  CONSTRAINT fk_run_outputs_run_pk FOREIGN KEY(run_pk) REFERENCES runs (id),
  CONSTRAINT fk_run_outputs_logged_model_id FOREIGN KEY(logged_model_id) REFERENCES logged_models (id)
)
 WITHOUT ROWID,
 STRICT;

CREATE TABLE alias_moves (
  id INTEGER NOT NULL,
  model_id INTEGER NOT NULL,
  alias TEXT NOT NULL,
  revision INTEGER NOT NULL,
  kind TEXT NOT NULL,
  from_version_id INTEGER,
  to_version_id INTEGER,
  decision TEXT,
  reason TEXT NOT NULL,
  actor TEXT NOT NULL,
  ledger_seq INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  CONSTRAINT pk_alias_moves PRIMARY KEY (id),
  CONSTRAINT uq_alias_moves_model_id_alias_revision UNIQUE (model_id, alias, revision),
  CONSTRAINT fk_alias_moves_model_id FOREIGN KEY(model_id) REFERENCES registered_models (id),
  CONSTRAINT fk_alias_moves_from_version_id FOREIGN KEY(from_version_id) REFERENCES model_versions (id),
  CONSTRAINT fk_alias_moves_to_version_id FOREIGN KEY(to_version_id) REFERENCES model_versions (id),
  CONSTRAINT fk_alias_moves_ledger_seq FOREIGN KEY(ledger_seq) REFERENCES ledger (seq)
)
 STRICT;

CREATE TABLE aliases (
  model_id INTEGER NOT NULL,
  alias TEXT NOT NULL,
  version_id INTEGER,
  revision INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL,
  CONSTRAINT pk_aliases PRIMARY KEY (model_id, alias),
  CONSTRAINT fk_aliases_model_id FOREIGN KEY(model_id) REFERENCES registered_models (id),
  CONSTRAINT fk_aliases_version_id FOREIGN KEY(version_id) REFERENCES model_versions (id)
)
 WITHOUT ROWID,
 STRICT;

CREATE INDEX ix_aliases_version_id ON aliases (version_id);

CREATE TABLE gate_runs (
  id INTEGER NOT NULL,
  gate_run_id TEXT NOT NULL,
  workspace_id INTEGER NOT NULL,
  gate_id INTEGER NOT NULL,
  version_id INTEGER NOT NULL,
  gate_fingerprint TEXT NOT NULL,
  artifact_digest TEXT NOT NULL,
  state TEXT NOT NULL,
  nonce TEXT,
  fence INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  leased_by TEXT,
  lease_expires_at_ms INTEGER,
  requested_by TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  finished_at_ms INTEGER,
  CONSTRAINT pk_gate_runs PRIMARY KEY (id),
  CONSTRAINT uq_gate_runs_gate_run_id UNIQUE (gate_run_id),
  CONSTRAINT fk_gate_runs_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id),
  CONSTRAINT fk_gate_runs_gate_id FOREIGN KEY(gate_id) REFERENCES gates (id),
  CONSTRAINT fk_gate_runs_version_id FOREIGN KEY(version_id) REFERENCES model_versions (id)
)
 STRICT;

CREATE INDEX ix_gate_runs_state ON gate_runs (state, id);

CREATE INDEX ix_gate_runs_version_id ON gate_runs (version_id, gate_id);

CREATE UNIQUE INDEX uq_gate_runs_one_open ON gate_runs (gate_id, version_id) WHERE state IN ('queued', 'leased');

CREATE TABLE model_version_files (
  version_id INTEGER NOT NULL,
  path TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  size_bytes INTEGER NOT NULL,
  CONSTRAINT pk_model_version_files PRIMARY KEY (version_id, path),
  CONSTRAINT fk_model_version_files_version_id FOREIGN KEY(version_id) REFERENCES model_versions (id),
  CONSTRAINT fk_model_version_files_sha256 FOREIGN KEY(sha256) REFERENCES blobs (sha256)
)
 WITHOUT ROWID,
 STRICT;

CREATE INDEX ix_model_version_files_sha256 ON model_version_files (sha256);

CREATE TABLE model_version_tags (
  version_id INTEGER NOT NULL,
  "key" TEXT NOT NULL,
  value TEXT NOT NULL,
  CONSTRAINT pk_model_version_tags PRIMARY KEY (version_id, "key"),
  CONSTRAINT fk_model_version_tags_version_id FOREIGN KEY(version_id) REFERENCES model_versions (id)
)
 WITHOUT ROWID,
 STRICT;

CREATE TABLE verdicts (
  id INTEGER NOT NULL,
  gate_run_pk INTEGER NOT NULL,
  gate_id INTEGER NOT NULL,
  version_id INTEGER NOT NULL,
  gate_fingerprint TEXT NOT NULL,
  artifact_digest TEXT NOT NULL,
  outcome TEXT NOT NULL,
  score_numerator TEXT,
  score_denominator TEXT,
  items INTEGER NOT NULL,
  metrics TEXT NOT NULL,
  reasons TEXT NOT NULL,
  rows_sha256 TEXT,
  runner TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  CONSTRAINT pk_verdicts PRIMARY KEY (id),
  CONSTRAINT uq_verdicts_gate_run_pk UNIQUE (gate_run_pk),
  CONSTRAINT fk_verdicts_gate_run_pk FOREIGN KEY(gate_run_pk) REFERENCES gate_runs (id),
  CONSTRAINT fk_verdicts_gate_id FOREIGN KEY(gate_id) REFERENCES gates (id),
  CONSTRAINT fk_verdicts_version_id FOREIGN KEY(version_id) REFERENCES model_versions (id),
  CONSTRAINT fk_verdicts_rows_sha256 FOREIGN KEY(rows_sha256) REFERENCES blobs (sha256)
)
 STRICT;

CREATE INDEX ix_verdicts_evidence ON verdicts (version_id, gate_fingerprint, artifact_digest, id);

CREATE TRIGGER ledger_no_update BEFORE UPDATE ON ledger
BEGIN
  SELECT RAISE(ABORT, 'ledger is append-only');
END;

CREATE TRIGGER ledger_no_delete BEFORE DELETE ON ledger
BEGIN
  SELECT RAISE(ABORT, 'ledger is append-only');
END;

CREATE TRIGGER verdicts_no_update BEFORE UPDATE ON verdicts
BEGIN
  SELECT RAISE(ABORT, 'verdicts is append-only');
END;

CREATE TRIGGER verdicts_no_delete BEFORE DELETE ON verdicts
BEGIN
  SELECT RAISE(ABORT, 'verdicts is append-only');
END;

CREATE TRIGGER alias_moves_no_update BEFORE UPDATE ON alias_moves
BEGIN
  SELECT RAISE(ABORT, 'alias_moves is append-only');
END;

CREATE TRIGGER alias_moves_no_delete BEFORE DELETE ON alias_moves
BEGIN
  SELECT RAISE(ABORT, 'alias_moves is append-only');
END;

-- REPLACE deletes the old row without a word unless this guard speaks first.
CREATE TRIGGER ledger_no_replace BEFORE INSERT ON ledger
WHEN EXISTS (SELECT 1 FROM ledger WHERE seq = NEW.seq OR h = NEW.h)
BEGIN
  SELECT RAISE(ABORT, 'ledger is append-only');
END;

CREATE TRIGGER verdicts_no_replace BEFORE INSERT ON verdicts
WHEN EXISTS (SELECT 1 FROM verdicts WHERE id = NEW.id OR gate_run_pk = NEW.gate_run_pk)
BEGIN
  SELECT RAISE(ABORT, 'verdicts is append-only');
END;

CREATE TRIGGER alias_moves_no_replace BEFORE INSERT ON alias_moves
WHEN EXISTS (SELECT 1 FROM alias_moves WHERE id = NEW.id OR (model_id = NEW.model_id AND alias = NEW.alias AND revision = NEW.revision))
BEGIN
  SELECT RAISE(ABORT, 'alias_moves is append-only');
END;

-- A gate and a suite are frozen: only which gate version is current may change.
CREATE TRIGGER gates_frozen BEFORE UPDATE OF id, workspace_id, name, version, model_id, suite_id, fingerprint, canonical, created_by, created_at_ms ON gates
BEGIN
  SELECT RAISE(ABORT, 'gates are frozen');
END;
CREATE TRIGGER gates_no_delete BEFORE DELETE ON gates
BEGIN
  SELECT RAISE(ABORT, 'gates are frozen');
END;
CREATE TRIGGER eval_suites_no_update BEFORE UPDATE ON eval_suites
BEGIN
  SELECT RAISE(ABORT, 'eval_suites are frozen');
END;
CREATE TRIGGER eval_suites_no_delete BEFORE DELETE ON eval_suites
BEGIN
  SELECT RAISE(ABORT, 'eval_suites are frozen');
END;
-- Lineage, files and digest of a registered version never change.
CREATE TRIGGER model_versions_frozen BEFORE UPDATE OF id, model_id, version, artifact_digest, size_bytes, lineage_scheme, lineage_canonical, fingerprint, verifiable ON model_versions
BEGIN
  SELECT RAISE(ABORT, 'model versions are frozen');
END;
CREATE TRIGGER model_version_files_no_update BEFORE UPDATE ON model_version_files
BEGIN
  SELECT RAISE(ABORT, 'model_version_files are frozen');
END;
CREATE TRIGGER model_version_files_no_delete BEFORE DELETE ON model_version_files
BEGIN
  SELECT RAISE(ABORT, 'model_version_files are frozen');
END;

INSERT INTO ledger_head (id, seq, h) VALUES (1, 0, '');
