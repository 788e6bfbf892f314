CREATE TABLE health_findings (
  id INTEGER NOT NULL,
  run_pk INTEGER NOT NULL,
  detector TEXT NOT NULL,
  key TEXT NOT NULL,
  first_step INTEGER NOT NULL,
  last_step INTEGER NOT NULL,
  numbers TEXT NOT NULL,
  message TEXT NOT NULL,
  found_at_ms INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL,
  cleared_at_ms INTEGER,
  CONSTRAINT pk_health_findings PRIMARY KEY (id),
  CONSTRAINT uq_health_findings_run_pk_detector_key UNIQUE (run_pk, detector, key),
  CONSTRAINT fk_health_findings_run_pk FOREIGN KEY(run_pk) REFERENCES runs (id)
)
 STRICT;

CREATE INDEX ix_health_findings_found_at_ms ON health_findings (found_at_ms);

CREATE TABLE health_thresholds (
  workspace_id INTEGER NOT NULL,
  thresholds TEXT NOT NULL,
  updated_at_ms INTEGER NOT NULL,
  CONSTRAINT pk_health_thresholds PRIMARY KEY (workspace_id),
  CONSTRAINT fk_health_thresholds_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id)
)
 STRICT;
