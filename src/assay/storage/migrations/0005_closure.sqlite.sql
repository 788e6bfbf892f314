-- Closure: where references may be looked up, what was found, and what a workspace demands of it.

CREATE TABLE closure_policies (
  workspace_id INTEGER NOT NULL,
  strict_refs TEXT,
  at_promotion TEXT,
  CONSTRAINT pk_closure_policies PRIMARY KEY (workspace_id),
  CONSTRAINT fk_closure_policies_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id)
)
 STRICT;

CREATE TABLE closure_sources (
  id INTEGER NOT NULL,
  workspace_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  location TEXT NOT NULL,
  remote TEXT NOT NULL,
  credentials TEXT NOT NULL,
  CONSTRAINT pk_closure_sources PRIMARY KEY (id),
  CONSTRAINT uq_closure_sources_workspace_id_name UNIQUE (workspace_id, name),
  CONSTRAINT fk_closure_sources_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id)
)
 STRICT;

CREATE TABLE closure_checks (
  id INTEGER NOT NULL,
  version_id INTEGER NOT NULL,
  subject TEXT NOT NULL,
  reference TEXT NOT NULL,
  status TEXT NOT NULL,
  level TEXT NOT NULL,
  message TEXT NOT NULL,
  is_deep INTEGER NOT NULL,
  was_ok INTEGER NOT NULL,
  is_alerted INTEGER NOT NULL,
  checked_at_ms INTEGER NOT NULL,
  CONSTRAINT pk_closure_checks PRIMARY KEY (id),
  CONSTRAINT uq_closure_checks_version_id_subject UNIQUE (version_id, subject),
  CONSTRAINT fk_closure_checks_version_id FOREIGN KEY(version_id) REFERENCES model_versions (id)
)
 STRICT;
