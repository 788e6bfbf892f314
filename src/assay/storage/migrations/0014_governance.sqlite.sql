-- Quarantine outlives its version, and what was anchored elsewhere is known here.
CREATE TABLE set_aside (
  version_id INTEGER NOT NULL,
  CONSTRAINT pk_set_aside PRIMARY KEY (version_id),
  CONSTRAINT fk_set_aside_version_id FOREIGN KEY(version_id) REFERENCES model_versions (id)
)
 STRICT;

INSERT INTO set_aside (version_id) SELECT id FROM model_versions WHERE state = 'quarantined';

CREATE TABLE anchored (
  place TEXT NOT NULL,
  size INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  CONSTRAINT pk_anchored PRIMARY KEY (place, size),
  CONSTRAINT fk_anchored_size FOREIGN KEY(size) REFERENCES checkpoints (size)
)
 WITHOUT ROWID, STRICT;

CREATE TRIGGER anchored_no_update BEFORE UPDATE ON anchored
BEGIN
  SELECT RAISE(ABORT, 'anchored is append-only');
END;

CREATE TRIGGER anchored_no_delete BEFORE DELETE ON anchored
BEGIN
  SELECT RAISE(ABORT, 'anchored is append-only');
END;

CREATE TRIGGER anchored_no_replace BEFORE INSERT ON anchored
WHEN EXISTS (SELECT 1 FROM anchored WHERE place = NEW.place AND size = NEW.size)
BEGIN
  SELECT RAISE(ABORT, 'anchored is append-only');
END;
