-- Keys and signatures of gate runners, approvals, freeze windows and break-glass requests.

CREATE TABLE runner_keys (
  id INTEGER NOT NULL,
  key_id TEXT NOT NULL,
  workspace_id INTEGER NOT NULL,
  runner TEXT NOT NULL,
  public_key TEXT NOT NULL,
  created_by TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  retired_at_ms INTEGER,
  revoked_at_ms INTEGER,
  void_from_ms INTEGER,
  revoke_reason TEXT NOT NULL,
  CONSTRAINT pk_runner_keys PRIMARY KEY (id),
  CONSTRAINT uq_runner_keys_workspace_id_key_id UNIQUE (workspace_id, key_id),
  CONSTRAINT fk_runner_keys_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id)
)
 STRICT;

CREATE TABLE verdict_signatures (
  id INTEGER NOT NULL,
  gate_run_pk INTEGER NOT NULL,
  key_pk INTEGER NOT NULL,
  nonce TEXT NOT NULL,
  signature TEXT NOT NULL,
  CONSTRAINT pk_verdict_signatures PRIMARY KEY (id),
  CONSTRAINT uq_verdict_signatures_gate_run_pk UNIQUE (gate_run_pk),
  CONSTRAINT fk_verdict_signatures_gate_run_pk FOREIGN KEY(gate_run_pk) REFERENCES gate_runs (id),
  CONSTRAINT fk_verdict_signatures_key_pk FOREIGN KEY(key_pk) REFERENCES runner_keys (id)
)
 STRICT;

CREATE TABLE gate_policies (
  id INTEGER NOT NULL,
  workspace_id INTEGER NOT NULL,
  signed_verdicts TEXT NOT NULL,
  updated_by TEXT NOT NULL,
  updated_at_ms INTEGER NOT NULL,
  CONSTRAINT pk_gate_policies PRIMARY KEY (id),
  CONSTRAINT uq_gate_policies_workspace_id UNIQUE (workspace_id),
  CONSTRAINT fk_gate_policies_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id)
)
 STRICT;

CREATE TABLE approvals (
  id INTEGER NOT NULL,
  approval_id TEXT NOT NULL,
  version_id INTEGER NOT NULL,
  alias TEXT NOT NULL,
  alias_revision INTEGER NOT NULL,
  artifact_digest TEXT NOT NULL,
  gate_fingerprint TEXT NOT NULL,
  approver TEXT NOT NULL,
  principal_id INTEGER,
  reason TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  withdrawn_at_ms INTEGER,
  CONSTRAINT pk_approvals PRIMARY KEY (id),
  CONSTRAINT uq_approvals_approval_id UNIQUE (approval_id),
  CONSTRAINT fk_approvals_version_id FOREIGN KEY(version_id) REFERENCES model_versions (id),
  CONSTRAINT fk_approvals_principal_id FOREIGN KEY(principal_id) REFERENCES principals (id)
)
 STRICT;

CREATE INDEX ix_approvals_version_id ON approvals (version_id, alias);

CREATE TABLE freeze_windows (
  id INTEGER NOT NULL,
  freeze_id TEXT NOT NULL,
  workspace_id INTEGER NOT NULL,
  alias TEXT,
  starts_at_ms INTEGER NOT NULL,
  ends_at_ms INTEGER NOT NULL,
  reason TEXT NOT NULL,
  created_by TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  lifted_by TEXT,
  lifted_at_ms INTEGER,
  CONSTRAINT pk_freeze_windows PRIMARY KEY (id),
  CONSTRAINT uq_freeze_windows_freeze_id UNIQUE (freeze_id),
  CONSTRAINT fk_freeze_windows_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id)
)
 STRICT;

CREATE INDEX ix_freeze_windows_workspace_id ON freeze_windows (workspace_id, ends_at_ms);

CREATE TABLE break_glass (
  id INTEGER NOT NULL,
  request_id TEXT NOT NULL,
  version_id INTEGER NOT NULL,
  alias TEXT NOT NULL,
  alias_revision INTEGER NOT NULL,
  artifact_digest TEXT NOT NULL,
  reason TEXT NOT NULL,
  requested_by TEXT NOT NULL,
  requester_id INTEGER NOT NULL,
  created_at_ms INTEGER NOT NULL,
  expires_at_ms INTEGER NOT NULL,
  state TEXT NOT NULL,
  closed_by TEXT,
  closed_at_ms INTEGER,
  CONSTRAINT pk_break_glass PRIMARY KEY (id),
  CONSTRAINT uq_break_glass_request_id UNIQUE (request_id),
  CONSTRAINT fk_break_glass_version_id FOREIGN KEY(version_id) REFERENCES model_versions (id),
  CONSTRAINT fk_break_glass_requester_id FOREIGN KEY(requester_id) REFERENCES principals (id)
)
 STRICT;

CREATE INDEX ix_break_glass_version_id ON break_glass (version_id);

CREATE TRIGGER verdict_signatures_no_update BEFORE UPDATE ON verdict_signatures
BEGIN
  SELECT RAISE(ABORT, 'verdict_signatures is append-only');
END;

CREATE TRIGGER verdict_signatures_no_delete BEFORE DELETE ON verdict_signatures
BEGIN
  SELECT RAISE(ABORT, 'verdict_signatures is append-only');
END;

CREATE TRIGGER verdict_signatures_no_replace BEFORE INSERT ON verdict_signatures
WHEN EXISTS (SELECT 1 FROM verdict_signatures WHERE id = NEW.id OR gate_run_pk = NEW.gate_run_pk)
BEGIN
  SELECT RAISE(ABORT, 'verdict_signatures is append-only');
END;

-- A key is what it was registered as; only that it was retired or revoked is added, once.
CREATE TRIGGER runner_keys_frozen BEFORE UPDATE OF id, key_id, workspace_id, runner, public_key, created_by, created_at_ms ON runner_keys
BEGIN
  SELECT RAISE(ABORT, 'runner_keys are frozen');
END;

CREATE TRIGGER runner_keys_no_delete BEFORE DELETE ON runner_keys
BEGIN
  SELECT RAISE(ABORT, 'runner_keys are frozen');
END;
