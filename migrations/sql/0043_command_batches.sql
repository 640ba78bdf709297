SET LOCAL ROLE changegate_owner;

-- Many commands that were sent as one, how many of them are over, and the command that is sent when all are.
CREATE TABLE command_batch (
  tenant_id   uuid NOT NULL REFERENCES tenant,
  batch_id    text NOT NULL CHECK (batch_id <> ''),
  fingerprint text NOT NULL CHECK (fingerprint ~ '^sha256:[0-9a-f]{64}$'),
  on_parked   text NOT NULL CHECK (on_parked IN ('wait', 'count_as_failed')),
  callback    jsonb,
  sender      uuid,
  created_at  timestamptz NOT NULL,
  total       int NOT NULL CHECK (total > 0),
  completed   int NOT NULL CHECK (completed >= 0),
  failed      int NOT NULL CHECK (failed >= 0),
  canceled    int NOT NULL CHECK (canceled >= 0),
  expired     int NOT NULL CHECK (expired >= 0),
  called_back boolean NOT NULL,
  ended_at    timestamptz,
  version     bigint NOT NULL CHECK (version > 0),
  PRIMARY KEY (tenant_id, batch_id),
  CONSTRAINT none_counts_twice CHECK (completed + failed + canceled + expired <= total),
  CONSTRAINT over_when_all_are CHECK ((completed + failed + canceled + expired = total) = (ended_at IS NOT NULL)),
  CONSTRAINT called_back_at_the_end CHECK (NOT called_back OR (callback IS NOT NULL AND ended_at IS NOT NULL))
);
CREATE INDEX command_batch_newest ON command_batch (tenant_id, created_at, batch_id);

-- Which commands of a batch counted as failed because they were parked: what becomes of them later counts no more.
CREATE TABLE command_batch_parked (
  tenant_id  uuid NOT NULL,
  batch_id   text NOT NULL,
  domain     text NOT NULL,
  command_id text NOT NULL,
  PRIMARY KEY (tenant_id, batch_id, domain, command_id),
  FOREIGN KEY (tenant_id, batch_id) REFERENCES command_batch
);

ALTER TABLE command ADD COLUMN batch_id text;
ALTER TABLE command ADD CONSTRAINT sent_in_a_batch FOREIGN KEY (tenant_id, batch_id) REFERENCES command_batch;
CREATE INDEX command_of_batch ON command (tenant_id, batch_id, sent_at, domain, command_id) WHERE batch_id IS NOT NULL;
CREATE INDEX command_of_batch_parked ON command (tenant_id, batch_id) WHERE batch_id IS NOT NULL AND state = 'parked';

DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['command_batch', 'command_batch_parked']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format($p$CREATE POLICY own_tenant ON %I TO changegate_app
      USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)
      WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)$p$, t);
    EXECUTE format('GRANT SELECT, INSERT ON %I TO changegate_app', t);
  END LOOP;
END $$;
GRANT UPDATE (completed, failed, canceled, expired, called_back, ended_at, version) ON command_batch TO changegate_app;

CREATE FUNCTION over_batch_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'what is over stays so' USING ERRCODE = 'check_violation', CONSTRAINT = 'over_batch_is_final';
END $$;
CREATE TRIGGER over_batch_is_final BEFORE UPDATE ON command_batch
  FOR EACH ROW WHEN (OLD.ended_at IS NOT NULL) EXECUTE FUNCTION over_batch_is_final();
RESET ROLE;
