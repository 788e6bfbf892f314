-- A page in the order in which runs were made is read from an index, however deep it lies.
CREATE INDEX ix_runs_created ON runs (experiment_id, lifecycle, created_at_ms, id);
