SET LOCAL ROLE changegate_owner;

-- What was sent stays; what people made of it is executed instead.
ALTER TABLE command ADD COLUMN edited_payload jsonb CHECK (jsonb_typeof(edited_payload) = 'object');
GRANT UPDATE (edited_payload) ON command TO changegate_app;

ALTER TABLE command_operation DROP CONSTRAINT command_operation_act_check;
ALTER TABLE command_operation
  ADD CONSTRAINT command_operation_act_check CHECK (act IN ('retry', 'cancel', 'complete', 'snooze', 'assign', 'edit')),
  ADD COLUMN approval uuid;
COMMENT ON COLUMN command_operation.approval IS 'by which others said yes to it';
CREATE INDEX command_operation_of_command ON command_operation (tenant_id, domain, command_id, at);
CREATE INDEX command_resolving ON command_operation (tenant_id, cause, at)
  WHERE act IN ('retry', 'cancel', 'complete', 'edit');

-- From which epoch on a command carries what somebody made of its payload.
CREATE TABLE command_edit (
  tenant_id     uuid NOT NULL,
  domain        text NOT NULL,
  command_id    text NOT NULL,
  epoch         int NOT NULL CHECK (epoch > 1),
  edited_from   int NOT NULL CHECK (edited_from > 0 AND edited_from < epoch),
  operation_id  uuid NOT NULL,
  patch         jsonb NOT NULL CHECK (jsonb_typeof(patch) = 'array'),
  before_digest text NOT NULL CHECK (before_digest ~ '^sha256:[0-9a-f]{64}$'),
  after_digest  text NOT NULL CHECK (after_digest ~ '^sha256:[0-9a-f]{64}$'),
  payload       jsonb NOT NULL CHECK (jsonb_typeof(payload) = 'object'),
  at            timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, domain, command_id, epoch),
  FOREIGN KEY (tenant_id, domain, command_id) REFERENCES command,
  FOREIGN KEY (tenant_id, operation_id) REFERENCES command_operation
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON command_edit FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();

-- A decision that waits for another person's yes; made, it stands among the others under its id.
CREATE TABLE command_repair (
  tenant_id    uuid NOT NULL,
  operation_id uuid NOT NULL,
  domain       text NOT NULL,
  command_id   text NOT NULL,
  decision     jsonb NOT NULL,
  requester    uuid NOT NULL,
  digest       text NOT NULL CHECK (digest ~ '^sha256:[0-9a-f]{64}$'),
  seen         bigint NOT NULL,
  approval     uuid NOT NULL,
  asked_at     timestamptz NOT NULL,
  state        text NOT NULL CHECK (state IN ('awaiting-approval', 'made', 'rejected', 'expired', 'withdrawn', 'void')),
  why          text NOT NULL DEFAULT '',
  ended_at     timestamptz,
  PRIMARY KEY (tenant_id, operation_id),
  FOREIGN KEY (tenant_id, domain, command_id) REFERENCES command,
  FOREIGN KEY (tenant_id, approval) REFERENCES approval,
  CONSTRAINT awaited_until_it_ended CHECK ((state = 'awaiting-approval') = (ended_at IS NULL))
);
CREATE UNIQUE INDEX one_repair_at_a_time ON command_repair (tenant_id, domain, command_id) WHERE ended_at IS NULL;
CREATE INDEX command_repair_of_command ON command_repair (tenant_id, domain, command_id, asked_at);
CREATE INDEX command_repair_open ON command_repair (asked_at) WHERE ended_at IS NULL;

DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['command_edit', 'command_repair']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format($p$CREATE POLICY own_tenant ON %I TO changegate_app
      USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)
      WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)$p$, t);
    EXECUTE format('GRANT SELECT, INSERT ON %I TO changegate_app', t);
  END LOOP;
END $$;
GRANT UPDATE (state, why, ended_at) ON command_repair TO changegate_app;

CREATE FUNCTION ended_repair_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'what has ended stays so' USING ERRCODE = 'check_violation', CONSTRAINT = 'ended_repair_is_final';
END $$;
CREATE TRIGGER ended_repair_is_final BEFORE UPDATE ON command_repair
  FOR EACH ROW WHEN (OLD.ended_at IS NOT NULL) EXECUTE FUNCTION ended_repair_is_final();

-- What waits, of every tenant: whoever asks looks whether its process runs.
GRANT SELECT (tenant_id, operation_id, asked_at, ended_at) ON command_repair TO changegate_relay;
CREATE POLICY relay ON command_repair FOR SELECT TO changegate_relay USING (true);
RESET ROLE;
GRANT CREATE ON SCHEMA public TO changegate_relay;
SET LOCAL ROLE changegate_relay;
CREATE FUNCTION find_open_command_repairs() RETURNS TABLE (tenant_id uuid, id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT r.tenant_id, r.operation_id FROM command_repair r
   WHERE r.ended_at IS NULL AND r.asked_at < now() - interval '2 seconds' ORDER BY random() LIMIT 2000
$$;
REVOKE ALL ON FUNCTION find_open_command_repairs() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_open_command_repairs() TO changegate_app;
RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM changegate_relay;
