-- Runs of W&B's clients: their own ids, configs and summaries, and how far each writer has come.
CREATE TABLE wandb_runs (
  run_pk INTEGER NOT NULL,
  experiment_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  state TEXT NOT NULL,
  config TEXT NOT NULL,
  summary TEXT NOT NULL,
  shape TEXT NOT NULL,
  stop_requested INTEGER NOT NULL,
  exit_code INTEGER,
  heartbeat_at_ms INTEGER NOT NULL,
  CONSTRAINT pk_wandb_runs PRIMARY KEY (run_pk),
  CONSTRAINT uq_wandb_runs_experiment_id_name UNIQUE (experiment_id, name),
  CONSTRAINT fk_wandb_runs_run_pk FOREIGN KEY(run_pk) REFERENCES runs (id),
  CONSTRAINT fk_wandb_runs_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id)
)
 STRICT;

CREATE INDEX ix_wandb_runs_state_heartbeat_at_ms ON wandb_runs (state, heartbeat_at_ms);

CREATE TABLE wandb_streams (
  run_pk INTEGER NOT NULL,
  file TEXT NOT NULL,
  writer TEXT NOT NULL,
  ordinal INTEGER NOT NULL,
  lines INTEGER NOT NULL,
  tail TEXT NOT NULL,
  CONSTRAINT pk_wandb_streams PRIMARY KEY (run_pk, file, writer),
  CONSTRAINT fk_wandb_streams_run_pk FOREIGN KEY(run_pk) REFERENCES runs (id)
)
 WITHOUT ROWID,
 STRICT;
