SET LOCAL ROLE changegate_owner;

-- How far the execution of a long command has come, in the words of its handler: the newest, which the next attempt is given.
CREATE TABLE command_progress (
  tenant_id  uuid NOT NULL REFERENCES tenant,
  domain     text NOT NULL,
  command_id text NOT NULL,
  epoch      int NOT NULL CHECK (epoch > 0),
  attempt    int NOT NULL CHECK (attempt > 0),
  said       jsonb NOT NULL CHECK (octet_length(said::text) <= 8192),
  told_at    timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, domain, command_id),
  FOREIGN KEY (tenant_id, domain, command_id) REFERENCES command ON DELETE CASCADE
);
ALTER TABLE command_progress SET (fillfactor = 70);
ALTER TABLE command_progress ENABLE ROW LEVEL SECURITY;
ALTER TABLE command_progress FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON command_progress TO changegate_app
  USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE (epoch, attempt, said, told_at) ON command_progress TO changegate_app;

-- Whether somebody has asked that a command be canceled while it is executed.
CREATE INDEX command_cancel_asked ON command_operation (tenant_id, domain, command_id, epoch) WHERE act = 'cancel';
RESET ROLE;
