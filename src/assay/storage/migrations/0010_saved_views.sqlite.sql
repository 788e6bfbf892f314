CREATE TABLE saved_views (
  id INTEGER NOT NULL,
  experiment_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  state TEXT NOT NULL,
  created_by TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL,
  CONSTRAINT pk_saved_views PRIMARY KEY (id),
  CONSTRAINT uq_saved_views_experiment_id_name UNIQUE (experiment_id, name),
  CONSTRAINT fk_saved_views_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id)
)
 STRICT;
