CREATE TABLE collections (
  id INTEGER NOT NULL,
  workspace_id INTEGER NOT NULL,
  experiment_id INTEGER,
  place TEXT NOT NULL,
  name TEXT NOT NULL,
  type TEXT NOT NULL,
  kind TEXT NOT NULL,
  description TEXT NOT NULL,
  lifecycle TEXT NOT NULL,
  next_index INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL,
  CONSTRAINT pk_collections PRIMARY KEY (id),
  CONSTRAINT uq_collections_workspace_id_place_name UNIQUE (workspace_id, place, name),
  CONSTRAINT fk_collections_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id),
  CONSTRAINT fk_collections_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id)
)
 STRICT;

CREATE TABLE collection_tags (
  collection_id INTEGER NOT NULL,
  tag TEXT NOT NULL,
  CONSTRAINT pk_collection_tags PRIMARY KEY (collection_id, tag),
  CONSTRAINT fk_collection_tags_collection_id FOREIGN KEY(collection_id) REFERENCES collections (id)
)
 WITHOUT ROWID,
 STRICT;

CREATE TABLE collection_versions (
  id INTEGER NOT NULL,
  version_id TEXT NOT NULL,
  collection_id INTEGER NOT NULL,
  version_index INTEGER,
  state TEXT NOT NULL,
  digest TEXT,
  client_digest TEXT,
  same_as_pk INTEGER,
  description TEXT NOT NULL,
  metadata TEXT NOT NULL,
  ttl_s INTEGER,
  file_count INTEGER NOT NULL,
  size_bytes INTEGER NOT NULL,
  wanted_aliases TEXT NOT NULL,
  run_pk INTEGER,
  step INTEGER,
  created_by TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL,
  committed_at_ms INTEGER,
  CONSTRAINT pk_collection_versions PRIMARY KEY (id),
  CONSTRAINT uq_collection_versions_version_id UNIQUE (version_id),
  CONSTRAINT uq_collection_versions_collection_id_version_index UNIQUE (collection_id, version_index),
  CONSTRAINT fk_collection_versions_collection_id FOREIGN KEY(collection_id) REFERENCES collections (id),
  CONSTRAINT fk_collection_versions_same_as_pk FOREIGN KEY(same_as_pk) REFERENCES collection_versions (id),
  CONSTRAINT fk_collection_versions_run_pk FOREIGN KEY(run_pk) REFERENCES runs (id)
)
 STRICT;

CREATE INDEX ix_collection_versions_client_digest ON collection_versions (collection_id, client_digest);

CREATE INDEX ix_collection_versions_digest ON collection_versions (collection_id, digest);

CREATE INDEX ix_collection_versions_run_pk ON collection_versions (run_pk, id);

CREATE TABLE collection_aliases (
  collection_id INTEGER NOT NULL,
  alias TEXT NOT NULL,
  version_pk INTEGER NOT NULL,
  CONSTRAINT pk_collection_aliases PRIMARY KEY (collection_id, alias),
  CONSTRAINT fk_collection_aliases_collection_id FOREIGN KEY(collection_id) REFERENCES collections (id),
  CONSTRAINT fk_collection_aliases_version_pk FOREIGN KEY(version_pk) REFERENCES collection_versions (id)
)
 WITHOUT ROWID,
 STRICT;

CREATE INDEX ix_collection_aliases_version_pk ON collection_aliases (version_pk);

CREATE TABLE collection_client_ids (
  client_id TEXT NOT NULL,
  version_pk INTEGER NOT NULL,
  CONSTRAINT pk_collection_client_ids PRIMARY KEY (client_id, version_pk),
  CONSTRAINT fk_collection_client_ids_version_pk FOREIGN KEY(version_pk) REFERENCES collection_versions (id)
)
 WITHOUT ROWID,
 STRICT;

CREATE INDEX ix_collection_client_ids_version_pk ON collection_client_ids (version_pk);

CREATE TABLE collection_file_digests (
  version_pk INTEGER NOT NULL,
  path TEXT NOT NULL,
  digest TEXT NOT NULL,
  CONSTRAINT pk_collection_file_digests PRIMARY KEY (version_pk, path),
  CONSTRAINT fk_collection_file_digests_version_pk FOREIGN KEY(version_pk) REFERENCES collection_versions (id)
)
 WITHOUT ROWID,
 STRICT;

CREATE INDEX ix_collection_file_digests_digest ON collection_file_digests (digest);

CREATE TABLE collection_files (
  version_pk INTEGER NOT NULL,
  path TEXT NOT NULL,
  sha256 TEXT,
  size_bytes INTEGER,
  reference TEXT,
  CONSTRAINT pk_collection_files PRIMARY KEY (version_pk, path),
  CONSTRAINT fk_collection_files_version_pk FOREIGN KEY(version_pk) REFERENCES collection_versions (id),
  CONSTRAINT fk_collection_files_sha256 FOREIGN KEY(sha256) REFERENCES blobs (sha256)
)
 WITHOUT ROWID,
 STRICT;

CREATE INDEX ix_collection_files_sha256 ON collection_files (sha256);

CREATE TABLE collection_links (
  id INTEGER NOT NULL,
  collection_id INTEGER NOT NULL,
  version_pk INTEGER NOT NULL,
  version_index INTEGER NOT NULL,
  model_version_pk INTEGER,
  created_by TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  CONSTRAINT pk_collection_links PRIMARY KEY (id),
  CONSTRAINT uq_collection_links_collection_id_version_pk UNIQUE (collection_id, version_pk),
  CONSTRAINT uq_collection_links_collection_id_version_index UNIQUE (collection_id, version_index),
  CONSTRAINT fk_collection_links_collection_id FOREIGN KEY(collection_id) REFERENCES collections (id),
  CONSTRAINT fk_collection_links_version_pk FOREIGN KEY(version_pk) REFERENCES collection_versions (id),
  CONSTRAINT fk_collection_links_model_version_pk FOREIGN KEY(model_version_pk) REFERENCES model_versions (id)
)
 STRICT;

CREATE INDEX ix_collection_links_version_pk ON collection_links (version_pk);

CREATE TABLE collection_manifests (
  id INTEGER NOT NULL,
  manifest_id TEXT NOT NULL,
  version_pk INTEGER NOT NULL,
  kind TEXT NOT NULL,
  digest TEXT NOT NULL,
  base_pk INTEGER,
  sha256 TEXT,
  size_bytes INTEGER,
  created_at_ms INTEGER NOT NULL,
  CONSTRAINT pk_collection_manifests PRIMARY KEY (id),
  CONSTRAINT uq_collection_manifests_manifest_id UNIQUE (manifest_id),
  CONSTRAINT fk_collection_manifests_version_pk FOREIGN KEY(version_pk) REFERENCES collection_versions (id),
  CONSTRAINT fk_collection_manifests_base_pk FOREIGN KEY(base_pk) REFERENCES collection_versions (id),
  CONSTRAINT fk_collection_manifests_sha256 FOREIGN KEY(sha256) REFERENCES blobs (sha256)
)
 STRICT;

CREATE INDEX ix_collection_manifests_version_pk ON collection_manifests (version_pk, id);

CREATE TABLE collection_uses (
  run_pk INTEGER NOT NULL,
  version_pk INTEGER NOT NULL,
  direction TEXT NOT NULL,
  used_as TEXT NOT NULL,
  step INTEGER,
  created_at_ms INTEGER NOT NULL,
  CONSTRAINT pk_collection_uses PRIMARY KEY (run_pk, version_pk, direction),
  CONSTRAINT fk_collection_uses_run_pk FOREIGN KEY(run_pk) REFERENCES runs (id),
  CONSTRAINT fk_collection_uses_version_pk FOREIGN KEY(version_pk) REFERENCES collection_versions (id)
)
 WITHOUT ROWID,
 STRICT;

CREATE INDEX ix_collection_uses_version_pk ON collection_uses (version_pk, direction, run_pk);

CREATE TABLE collection_version_tags (
  version_pk INTEGER NOT NULL,
  tag TEXT NOT NULL,
  CONSTRAINT pk_collection_version_tags PRIMARY KEY (version_pk, tag),
  CONSTRAINT fk_collection_version_tags_version_pk FOREIGN KEY(version_pk) REFERENCES collection_versions (id)
)
 WITHOUT ROWID,
 STRICT;
