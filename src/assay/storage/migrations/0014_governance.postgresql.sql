-- Quarantine outlives its version, and what was anchored elsewhere is known here.
CREATE TABLE set_aside (
  version_id BIGINT NOT NULL,
  CONSTRAINT pk_set_aside PRIMARY KEY (version_id),
  CONSTRAINT fk_set_aside_version_id FOREIGN KEY(version_id) REFERENCES model_versions (id)
);

INSERT INTO set_aside (version_id) SELECT id FROM model_versions WHERE state = 'quarantined';

CREATE TABLE anchored (
  place TEXT COLLATE "C" NOT NULL,
  size BIGINT NOT NULL,
  at_ms BIGINT NOT NULL,
  CONSTRAINT pk_anchored PRIMARY KEY (place, size),
  CONSTRAINT fk_anchored_size FOREIGN KEY(size) REFERENCES checkpoints (size)
);

CREATE TRIGGER anchored_no_change BEFORE UPDATE OR DELETE ON anchored FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER anchored_no_truncate BEFORE TRUNCATE ON anchored FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

ALTER TABLE anchored ENABLE ALWAYS TRIGGER anchored_no_change;

ALTER TABLE anchored ENABLE ALWAYS TRIGGER anchored_no_truncate;
