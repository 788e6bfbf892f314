CREATE TABLE reproduction_claims (
  id INTEGER NOT NULL,
  workspace_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  version_pk INTEGER NOT NULL,
  terms TEXT NOT NULL,
  terms_digest TEXT NOT NULL,
  created_by TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  CONSTRAINT pk_reproduction_claims PRIMARY KEY (id),
  CONSTRAINT uq_reproduction_claims_workspace_id_name UNIQUE (workspace_id, name),
  CONSTRAINT fk_reproduction_claims_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id),
  CONSTRAINT fk_reproduction_claims_version_pk FOREIGN KEY(version_pk) REFERENCES model_versions (id)
)
 STRICT;

CREATE TABLE version_signatures (
  id INTEGER NOT NULL,
  version_pk INTEGER NOT NULL,
  kind TEXT NOT NULL,
  bundle TEXT NOT NULL,
  bundle_sha256 TEXT NOT NULL,
  created_by TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  CONSTRAINT pk_version_signatures PRIMARY KEY (id),
  CONSTRAINT uq_version_signatures_version_pk_bundle_sha256 UNIQUE (version_pk, bundle_sha256),
  CONSTRAINT fk_version_signatures_version_pk FOREIGN KEY(version_pk) REFERENCES model_versions (id)
)
 STRICT;
