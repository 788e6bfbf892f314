-- What the ledger was at one moment, signed; and hashes of its Merkle tree, so that a proof is quick.
CREATE TABLE ledger_keys (
  key_id TEXT COLLATE "C" NOT NULL,
  verifier TEXT COLLATE "C" NOT NULL,
  created_at_ms BIGINT NOT NULL,
  CONSTRAINT pk_ledger_keys PRIMARY KEY (key_id)
);

CREATE TABLE checkpoints (
  size BIGINT NOT NULL,
  root TEXT COLLATE "C" NOT NULL,
  at_ms BIGINT NOT NULL,
  key_id TEXT COLLATE "C" NOT NULL,
  note TEXT COLLATE "C" NOT NULL,
  CONSTRAINT pk_checkpoints PRIMARY KEY (size),
  CONSTRAINT fk_checkpoints_key_id FOREIGN KEY(key_id) REFERENCES ledger_keys (key_id)
);

CREATE TABLE ledger_nodes (
  level BIGINT NOT NULL,
  position BIGINT NOT NULL,
  hash TEXT COLLATE "C" NOT NULL,
  CONSTRAINT pk_ledger_nodes PRIMARY KEY (level, position)
);

CREATE TRIGGER ledger_keys_no_change BEFORE UPDATE OR DELETE ON ledger_keys FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER ledger_keys_no_truncate BEFORE TRUNCATE ON ledger_keys FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

ALTER TABLE ledger_keys ENABLE ALWAYS TRIGGER ledger_keys_no_change;

ALTER TABLE ledger_keys ENABLE ALWAYS TRIGGER ledger_keys_no_truncate;

CREATE TRIGGER checkpoints_no_change BEFORE UPDATE OR DELETE ON checkpoints FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER checkpoints_no_truncate BEFORE TRUNCATE ON checkpoints FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

ALTER TABLE checkpoints ENABLE ALWAYS TRIGGER checkpoints_no_change;

ALTER TABLE checkpoints ENABLE ALWAYS TRIGGER checkpoints_no_truncate;

CREATE TRIGGER ledger_nodes_no_change BEFORE UPDATE OR DELETE ON ledger_nodes FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER ledger_nodes_no_truncate BEFORE TRUNCATE ON ledger_nodes FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

ALTER TABLE ledger_nodes ENABLE ALWAYS TRIGGER ledger_nodes_no_change;

ALTER TABLE ledger_nodes ENABLE ALWAYS TRIGGER ledger_nodes_no_truncate;
