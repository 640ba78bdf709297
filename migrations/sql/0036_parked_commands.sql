SET LOCAL ROLE changegate_owner;

-- Since when a command waits for a person, who looks at it, and until when nobody has to.
ALTER TABLE command ADD COLUMN parked_at timestamptz;
ALTER TABLE command ADD COLUMN assignee uuid;
ALTER TABLE command ADD COLUMN snoozed_until timestamptz;
ALTER TABLE command NO FORCE ROW LEVEL SECURITY;
UPDATE command SET parked_at = sent_at, version = version + 1 WHERE state = 'parked';
ALTER TABLE command FORCE ROW LEVEL SECURITY;
ALTER TABLE command
  ADD CONSTRAINT parked_since_an_instant CHECK ((state = 'parked') = (parked_at IS NOT NULL)),
  ADD CONSTRAINT snoozed_while_parked CHECK (snoozed_until IS NULL OR state = 'parked');
GRANT UPDATE (parked_at, assignee, snoozed_until) ON command TO changegate_app;
CREATE INDEX command_parked ON command (tenant_id, parked_at, domain, command_id) WHERE state = 'parked';
CREATE INDEX command_parked_cause ON command (tenant_id, error_fingerprint, parked_at, domain, command_id)
  INCLUDE (type, parked, assignee, snoozed_until) WHERE state = 'parked';

-- What people decided about parked commands: written once, in the transaction in which it took effect.
CREATE TABLE command_operation (
  tenant_id    uuid NOT NULL REFERENCES tenant,
  operation_id uuid NOT NULL,
  domain       text NOT NULL,
  command_id   text NOT NULL,
  act          text NOT NULL CHECK (act IN ('retry', 'cancel', 'complete', 'snooze', 'assign')),
  actor        uuid NOT NULL,
  reason       text NOT NULL CHECK (char_length(reason) >= 10),
  digest       text NOT NULL CHECK (digest ~ '^sha256:[0-9a-f]{64}$'),
  state        text NOT NULL,
  epoch        int NOT NULL,
  version      bigint NOT NULL,
  at           timestamptz NOT NULL,
  cause        text,
  evidence     text CHECK (evidence ~ '^sha256:[0-9a-f]{64}$'),
  PRIMARY KEY (tenant_id, operation_id),
  FOREIGN KEY (tenant_id, domain, command_id) REFERENCES command
);
CREATE INDEX command_resolved ON command_operation (tenant_id, cause, at) WHERE act IN ('retry', 'cancel', 'complete');
ALTER TABLE command_operation ENABLE ROW LEVEL SECURITY;
ALTER TABLE command_operation FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON command_operation TO changegate_app
  USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid);
GRANT SELECT, INSERT ON command_operation TO changegate_app;
RESET ROLE;
