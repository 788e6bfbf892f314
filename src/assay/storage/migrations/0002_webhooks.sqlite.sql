-- What left through the outbox is told from the ledger itself, event by event.
DROP TABLE outbox;

CREATE TABLE webhooks (
  id INTEGER NOT NULL,
  webhook_id TEXT NOT NULL,
  workspace_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  url TEXT NOT NULL,
  events TEXT NOT NULL,
  secret TEXT,
  status TEXT NOT NULL,
  after_seq INTEGER NOT NULL,
  failures INTEGER NOT NULL,
  last_delivered_at_ms INTEGER,
  created_by TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL,
  CONSTRAINT pk_webhooks PRIMARY KEY (id),
  CONSTRAINT uq_webhooks_webhook_id UNIQUE (webhook_id),
  CONSTRAINT fk_webhooks_workspace_id FOREIGN KEY(workspace_id) REFERENCES workspaces (id)
)
 STRICT;

CREATE INDEX ix_webhooks_workspace_id ON webhooks (workspace_id, id);

CREATE TABLE webhook_deliveries (
  id INTEGER NOT NULL,
  delivery_id TEXT NOT NULL,
  webhook_pk INTEGER NOT NULL,
  ledger_seq INTEGER NOT NULL,
  event TEXT NOT NULL,
  body TEXT NOT NULL,
  state TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  next_attempt_at_ms INTEGER NOT NULL,
  leased_until_ms INTEGER,
  last_status INTEGER,
  last_error TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  finished_at_ms INTEGER,
  CONSTRAINT pk_webhook_deliveries PRIMARY KEY (id),
  CONSTRAINT uq_webhook_deliveries_delivery_id UNIQUE (delivery_id),
  CONSTRAINT fk_webhook_deliveries_webhook_pk FOREIGN KEY(webhook_pk) REFERENCES webhooks (id)
)
 STRICT;

CREATE INDEX ix_webhook_deliveries_due ON webhook_deliveries (state, next_attempt_at_ms);

CREATE INDEX ix_webhook_deliveries_finished_at_ms ON webhook_deliveries (finished_at_ms);

CREATE INDEX ix_webhook_deliveries_webhook_pk ON webhook_deliveries (webhook_pk, id);

CREATE TABLE webhook_cursor (
  id INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  CONSTRAINT pk_webhook_cursor PRIMARY KEY (id)
)
 STRICT;

INSERT INTO webhook_cursor (id, seq) SELECT 1, seq FROM ledger_head WHERE id = 1;
