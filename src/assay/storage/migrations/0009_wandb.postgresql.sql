-- Runs of W&B's clients: their own ids, configs and summaries, and how far each writer has come.
CREATE TABLE wandb_runs (
  run_pk BIGINT NOT NULL,
  experiment_id BIGINT NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  state TEXT COLLATE "C" NOT NULL,
  config TEXT COLLATE "C" NOT NULL,
  summary TEXT COLLATE "C" NOT NULL,
  shape TEXT COLLATE "C" NOT NULL,
  stop_requested BIGINT NOT NULL,
  exit_code BIGINT,
  heartbeat_at_ms BIGINT NOT NULL,
  CONSTRAINT pk_wandb_runs PRIMARY KEY (run_pk),
  CONSTRAINT uq_wandb_runs_experiment_id_name UNIQUE (experiment_id, name),
  CONSTRAINT fk_wandb_runs_run_pk FOREIGN KEY(run_pk) REFERENCES runs (id),
  CONSTRAINT fk_wandb_runs_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id)
);

CREATE INDEX ix_wandb_runs_state_heartbeat_at_ms ON wandb_runs (state, heartbeat_at_ms);

CREATE TABLE wandb_streams (
  run_pk BIGINT NOT NULL,
  file TEXT COLLATE "C" NOT NULL,
  writer TEXT COLLATE "C" NOT NULL,
  ordinal BIGINT NOT NULL,
  lines BIGINT NOT NULL,
  tail TEXT COLLATE "C" NOT NULL,
  CONSTRAINT pk_wandb_streams PRIMARY KEY (run_pk, file, writer),
  CONSTRAINT fk_wandb_streams_run_pk FOREIGN KEY(run_pk) REFERENCES runs (id)
);
