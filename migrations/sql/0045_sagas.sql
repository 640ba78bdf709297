SET LOCAL ROLE changegate_owner;

-- The processes that the code of workers declares: the same for every tenant.
CREATE TABLE process_type (
  type           text NOT NULL CHECK (type ~ '^[a-z][a-z0-9-]{0,39}\.[a-z][a-z0-9-]{0,79}$' AND char_length(type) <= 80),
  schema_version int NOT NULL CHECK (schema_version > 0),
  schema         jsonb NOT NULL,
  put_at         timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (type, schema_version)
);
GRANT SELECT, INSERT, UPDATE (schema, put_at) ON process_type TO changegate_app;

-- A process of several commands, and how far it has come.
CREATE TABLE saga (
  tenant_id      uuid NOT NULL REFERENCES tenant,
  type           text NOT NULL,
  process_id     text NOT NULL CHECK (process_id <> ''),
  domain         text NOT NULL GENERATED ALWAYS AS (split_part(type, '.', 1)) STORED,
  schema_version int NOT NULL,
  data           jsonb NOT NULL CHECK (jsonb_typeof(data) = 'object'),
  fingerprint    text NOT NULL CHECK (fingerprint ~ '^sha256:[0-9a-f]{64}$'),
  starter        uuid,
  started_at     timestamptz NOT NULL,
  correlation    uuid NOT NULL,
  causation      text,
  change_id      uuid,
  state          text NOT NULL CHECK (state IN ('started', 'waiting-for-reply', 'waiting-for-tsq', 'compensating',
                                                'completed', 'compensated', 'compensation-failed')),
  planned        boolean NOT NULL DEFAULT false,
  back           boolean NOT NULL DEFAULT false,
  why            text NOT NULL DEFAULT '',
  ended_at       timestamptz,
  version        bigint NOT NULL CHECK (version > 0),
  changed_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  told_version   bigint,
  told_at        timestamptz,
  PRIMARY KEY (tenant_id, type, process_id),
  CONSTRAINT over_since_an_instant
    CHECK ((state IN ('completed', 'compensated', 'compensation-failed')) = (ended_at IS NOT NULL)),
  CONSTRAINT goes_back_for_a_cause CHECK (back = (why <> ''))
);
COMMENT ON COLUMN saga.starter IS 'in whose name its commands are sent';
COMMENT ON COLUMN saga.told_version IS 'of which version its workflow was told last; NULL: it is to be told';
CREATE INDEX saga_newest ON saga (tenant_id, started_at DESC, type DESC, process_id DESC);
CREATE INDEX saga_by_state ON saga (tenant_id, state, started_at DESC, type DESC, process_id DESC) WHERE state <> 'completed';
CREATE INDEX saga_by_correlation ON saga (tenant_id, correlation);
CREATE INDEX saga_at_work ON saga (changed_at)
  WHERE state IN ('started', 'waiting-for-reply', 'waiting-for-tsq', 'compensating');

CREATE TABLE saga_step (
  tenant_id   uuid NOT NULL,
  type        text NOT NULL,
  process_id  text NOT NULL,
  place       int NOT NULL CHECK (place BETWEEN 1 AND 50),
  name        text NOT NULL CHECK (name ~ '^[a-z][a-z0-9-]{0,23}$'),
  undoable    boolean NOT NULL,
  state       text NOT NULL CHECK (state IN ('waiting', 'sent', 'parked', 'completed', 'failed', 'undoing', 'undo-parked',
                                             'undone', 'undo-failed')),
  domain      text,
  command_id  text,
  due_at      timestamptz,
  result      jsonb,
  undo_domain text,
  undo_id     text,
  undos       int NOT NULL DEFAULT 0 CHECK (undos >= 0),
  why         text NOT NULL DEFAULT '',
  PRIMARY KEY (tenant_id, type, process_id, place),
  CONSTRAINT one_process_step_of_a_name UNIQUE (tenant_id, type, process_id, name),
  FOREIGN KEY (tenant_id, type, process_id) REFERENCES saga,
  CONSTRAINT what_was_sent_is_known CHECK (state IN ('waiting', 'failed') OR command_id IS NOT NULL),
  CONSTRAINT what_undoes_it_is_known CHECK (state NOT IN ('undoing', 'undo-parked', 'undone') OR undo_id IS NOT NULL)
);

-- What people decided about processes: written once, in the transaction in which it took effect.
CREATE TABLE saga_operation (
  tenant_id    uuid NOT NULL REFERENCES tenant,
  operation_id uuid NOT NULL,
  type         text NOT NULL,
  process_id   text NOT NULL,
  act          text NOT NULL CHECK (act IN ('cancel', 'retry')),
  actor        uuid NOT NULL,
  reason       text NOT NULL CHECK (char_length(reason) >= 10),
  digest       text NOT NULL CHECK (digest ~ '^sha256:[0-9a-f]{64}$'),
  state        text NOT NULL,
  version      bigint NOT NULL,
  at           timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, operation_id),
  FOREIGN KEY (tenant_id, type, process_id) REFERENCES saga
);

DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['saga', 'saga_step', 'saga_operation'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format($p$CREATE POLICY own_tenant ON %I TO changegate_app
      USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)
      WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)$p$, t);
    EXECUTE format('GRANT SELECT, INSERT ON %I TO changegate_app', t);
  END LOOP;
END $$;
GRANT UPDATE (state, planned, back, why, ended_at, version, changed_at, told_version, told_at) ON saga TO changegate_app;
GRANT UPDATE (state, domain, command_id, due_at, result, undo_domain, undo_id, undos, why) ON saga_step TO changegate_app;

-- What could not be undone may be tried again; what is done, or is undone, stays so.
CREATE FUNCTION over_saga_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a process that is over does not change' USING ERRCODE = 'check_violation',
    CONSTRAINT = 'over_saga_is_final';
END $$;
CREATE TRIGGER over_saga_is_final BEFORE UPDATE ON saga
  FOR EACH ROW WHEN (OLD.state IN ('completed', 'compensated') AND NEW.version <> OLD.version)
  EXECUTE FUNCTION over_saga_is_final();

-- What is to be told across tenants; what commands carry is not looked at.
CREATE POLICY relay ON saga FOR SELECT TO changegate_relay USING (true);
CREATE POLICY relay ON saga_step FOR SELECT TO changegate_relay USING (true);
GRANT SELECT (tenant_id, type, process_id, state, back, version, changed_at, told_version, told_at) ON saga TO changegate_relay;
GRANT SELECT (tenant_id, type, process_id, state, domain, command_id, due_at, undo_domain, undo_id)
  ON saga_step TO changegate_relay;
GRANT SELECT (command_id, ended_at) ON command TO changegate_relay;
RESET ROLE;
GRANT CREATE ON SCHEMA public TO changegate_relay;
SET LOCAL ROLE changegate_relay;
CREATE FUNCTION find_waiting_sagas() RETURNS TABLE (tenant_id uuid, type text, process_id text, version bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT s.tenant_id, s.type, s.process_id, s.version FROM saga s
   WHERE s.state IN ('started', 'waiting-for-reply', 'waiting-for-tsq', 'compensating')
     AND (s.told_version IS NULL OR s.told_version < s.version OR s.told_at < now() - interval '10 seconds')
     AND (s.told_version IS NULL
       -- A command that it waits for has moved, or is not to be begun any more.
       OR EXISTS (SELECT FROM saga_step p
                    JOIN command c ON c.tenant_id = p.tenant_id
                     AND c.domain = CASE WHEN p.state IN ('sent', 'parked') THEN p.domain ELSE p.undo_domain END
                     AND c.command_id = CASE WHEN p.state IN ('sent', 'parked') THEN p.command_id ELSE p.undo_id END
                   WHERE (p.tenant_id, p.type, p.process_id) = (s.tenant_id, s.type, s.process_id)
                     AND p.state IN ('sent', 'parked', 'undoing', 'undo-parked')
                     AND (c.ended_at IS NOT NULL
                       OR (c.state = 'parked') <> (p.state IN ('parked', 'undo-parked'))
                       OR (p.state IN ('sent', 'parked') AND (s.back OR p.due_at <= now()))))
       -- Nobody carries it on.
       OR (s.changed_at < now() - interval '1 minute'
         AND NOT EXISTS (SELECT FROM saga_step p
                          WHERE (p.tenant_id, p.type, p.process_id) = (s.tenant_id, s.type, s.process_id)
                            AND p.state IN ('sent', 'parked', 'undoing', 'undo-parked'))))
   ORDER BY random() LIMIT 1000
$$;
REVOKE ALL ON FUNCTION find_waiting_sagas() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_waiting_sagas() TO changegate_app;
RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM changegate_relay;
