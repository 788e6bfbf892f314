-- Sweeps: their configs and states, the agents that work on them, and the points handed out.
CREATE TABLE sweeps (
  id INTEGER NOT NULL,
  experiment_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  display_name TEXT NOT NULL,
  description TEXT NOT NULL,
  config TEXT NOT NULL,
  state TEXT NOT NULL,
  seed TEXT NOT NULL,
  next_number INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL,
  CONSTRAINT pk_sweeps PRIMARY KEY (id),
  CONSTRAINT uq_sweeps_experiment_id_name UNIQUE (experiment_id, name),
  CONSTRAINT fk_sweeps_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id)
)
 STRICT;

CREATE TABLE sweep_agents (
  id INTEGER NOT NULL,
  sweep_pk INTEGER NOT NULL,
  name TEXT NOT NULL,
  host TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  heartbeat_at_ms INTEGER NOT NULL,
  CONSTRAINT pk_sweep_agents PRIMARY KEY (id),
  CONSTRAINT uq_sweep_agents_sweep_pk_name UNIQUE (sweep_pk, name),
  CONSTRAINT fk_sweep_agents_sweep_pk FOREIGN KEY(sweep_pk) REFERENCES sweeps (id)
)
 STRICT;

CREATE TABLE sweep_trials (
  id INTEGER NOT NULL,
  sweep_pk INTEGER NOT NULL,
  number INTEGER NOT NULL,
  agent_pk INTEGER NOT NULL,
  run_name TEXT NOT NULL,
  args TEXT NOT NULL,
  units TEXT NOT NULL,
  state TEXT NOT NULL,
  deliveries INTEGER NOT NULL,
  is_seen INTEGER NOT NULL,
  created_at_ms INTEGER NOT NULL,
  lease_until_ms INTEGER NOT NULL,
  CONSTRAINT pk_sweep_trials PRIMARY KEY (id),
  CONSTRAINT uq_sweep_trials_sweep_pk_run_name UNIQUE (sweep_pk, run_name),
  CONSTRAINT fk_sweep_trials_sweep_pk FOREIGN KEY(sweep_pk) REFERENCES sweeps (id),
  CONSTRAINT fk_sweep_trials_agent_pk FOREIGN KEY(agent_pk) REFERENCES sweep_agents (id)
)
 STRICT;

CREATE INDEX ix_sweep_trials_sweep_pk_state ON sweep_trials (sweep_pk, state);
