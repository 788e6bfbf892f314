-- What the ledger was at one moment, signed; and hashes of its Merkle tree, so that a proof is quick.
CREATE TABLE ledger_keys (
  key_id TEXT NOT NULL,
  verifier TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  CONSTRAINT pk_ledger_keys PRIMARY KEY (key_id)
)
 STRICT;

CREATE TABLE checkpoints (
  size INTEGER NOT NULL,
  root TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  key_id TEXT NOT NULL,
  note TEXT NOT NULL,
  CONSTRAINT pk_checkpoints PRIMARY KEY (size),
  CONSTRAINT fk_checkpoints_key_id FOREIGN KEY(key_id) REFERENCES ledger_keys (key_id)
)
 STRICT;

CREATE TABLE ledger_nodes (
  level INTEGER NOT NULL,
  position INTEGER NOT NULL,
  hash TEXT NOT NULL,
  CONSTRAINT pk_ledger_nodes PRIMARY KEY (level, position)
)
 WITHOUT ROWID, STRICT;

CREATE TRIGGER ledger_keys_no_update BEFORE UPDATE ON ledger_keys
BEGIN
  SELECT RAISE(ABORT, 'ledger_keys is append-only');
END;

CREATE TRIGGER ledger_keys_no_delete BEFORE DELETE ON ledger_keys
BEGIN
  SELECT RAISE(ABORT, 'ledger_keys is append-only');
END;

CREATE TRIGGER ledger_keys_no_replace BEFORE INSERT ON ledger_keys
WHEN EXISTS (SELECT 1 FROM ledger_keys WHERE key_id = NEW.key_id)
BEGIN
  SELECT RAISE(ABORT, 'ledger_keys is append-only');
END;

CREATE TRIGGER checkpoints_no_update BEFORE UPDATE ON checkpoints
BEGIN
  SELECT RAISE(ABORT, 'checkpoints is append-only');
END;

CREATE TRIGGER checkpoints_no_delete BEFORE DELETE ON checkpoints
BEGIN
  SELECT RAISE(ABORT, 'checkpoints is append-only');
END;

CREATE TRIGGER checkpoints_no_replace BEFORE INSERT ON checkpoints
WHEN EXISTS (SELECT 1 FROM checkpoints WHERE size = NEW.size)
BEGIN
  SELECT RAISE(ABORT, 'checkpoints is append-only');
END;

CREATE TRIGGER ledger_nodes_no_update BEFORE UPDATE ON ledger_nodes
BEGIN
  SELECT RAISE(ABORT, 'ledger_nodes is append-only');
END;

CREATE TRIGGER ledger_nodes_no_delete BEFORE DELETE ON ledger_nodes
BEGIN
  SELECT RAISE(ABORT, 'ledger_nodes is append-only');
END;

CREATE TRIGGER ledger_nodes_no_replace BEFORE INSERT ON ledger_nodes
WHEN EXISTS (SELECT 1 FROM ledger_nodes WHERE level = NEW.level AND position = NEW.position)
BEGIN
  SELECT RAISE(ABORT, 'ledger_nodes is append-only');
END;
