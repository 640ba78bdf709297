SET LOCAL ROLE changegate_owner;

-- Of a lane in which some types have no room the others are found by this, however many of those lie before them.
CREATE INDEX command_due_by_type ON command (tenant_id, domain, type, rank, command_id)
  WHERE state IN ('pending', 'retry-wait');

-- What was left of a limit at an instant. A row is locked by whoever leases, and passed over by the others.
CREATE TABLE command_bucket (
  tenant_id uuid NOT NULL REFERENCES tenant,
  type      text NOT NULL,
  tokens    double precision NOT NULL CHECK (tokens >= 0),
  filled_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, type)
);
CREATE TABLE command_shared_bucket (
  type      text PRIMARY KEY,
  tokens    double precision NOT NULL CHECK (tokens >= 0),
  filled_at timestamptz NOT NULL
);

-- Whether what depends on something may be executed: held_until is when one of it is to see whether that answers again.
CREATE TABLE command_breaker (
  tenant_id  uuid NOT NULL REFERENCES tenant,
  dependency text NOT NULL CHECK (dependency ~ '^[a-z][a-z0-9-]{0,39}$'),
  state      text NOT NULL CHECK (state IN ('closed', 'open', 'half-open')),
  failures   int NOT NULL CHECK (failures >= 0),
  rests      int NOT NULL CHECK (rests >= 0),
  held_until timestamptz,
  since      timestamptz,
  reason     text,
  opened_by  uuid,
  version    bigint NOT NULL CHECK (version >= 0),
  PRIMARY KEY (tenant_id, dependency),
  CONSTRAINT closed_without_an_end CHECK (state = 'open' OR (state = 'closed') = (held_until IS NULL)),
  CONSTRAINT opened_by_a_person_who_says_why CHECK ((opened_by IS NULL) = (reason IS NULL)),
  CONSTRAINT held_by_a_person CHECK ((opened_by IS NOT NULL) = (state = 'open' AND held_until IS NULL))
);
CREATE TABLE command_shared_breaker (
  dependency text PRIMARY KEY CHECK (dependency ~ '^[a-z][a-z0-9-]{0,39}$'),
  state      text NOT NULL CHECK (state IN ('closed', 'open', 'half-open')),
  failures   int NOT NULL CHECK (failures >= 0),
  rests      int NOT NULL CHECK (rests >= 0),
  held_until timestamptz,
  since      timestamptz,
  reason     text CHECK (reason IS NULL),
  opened_by  uuid CHECK (opened_by IS NULL),
  version    bigint NOT NULL CHECK (version >= 0),
  CONSTRAINT closed_without_an_end CHECK ((state = 'closed') = (held_until IS NULL))
);
COMMENT ON TABLE command_shared_breaker IS 'a person opens and closes those of a tenant: for everybody nobody speaks';

-- What people decided about breakers: written once, in the transaction in which it took effect.
CREATE TABLE command_breaker_operation (
  tenant_id    uuid NOT NULL REFERENCES tenant,
  operation_id uuid NOT NULL,
  dependency   text NOT NULL,
  act          text NOT NULL CHECK (act IN ('open', 'close')),
  actor        uuid NOT NULL,
  reason       text NOT NULL CHECK (char_length(reason) >= 10),
  digest       text NOT NULL CHECK (digest ~ '^sha256:[0-9a-f]{64}$'),
  state        text NOT NULL,
  version      bigint NOT NULL,
  at           timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, operation_id)
);

DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['command_bucket', 'command_breaker', 'command_breaker_operation']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format($p$CREATE POLICY own_tenant ON %I TO changegate_app
      USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)
      WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)$p$, t);
  END LOOP;
  FOREACH t IN ARRAY ARRAY['command_bucket', 'command_shared_bucket'] LOOP
    EXECUTE format('GRANT SELECT, INSERT, UPDATE (tokens, filled_at) ON %I TO changegate_app', t);
    EXECUTE format('ALTER TABLE %I SET (fillfactor = 50, autovacuum_vacuum_threshold = 500)', t);
  END LOOP;
  FOREACH t IN ARRAY ARRAY['command_breaker', 'command_shared_breaker'] LOOP
    EXECUTE format('GRANT SELECT, INSERT, UPDATE (state, failures, rests, held_until, since, reason, opened_by, version)
                    ON %I TO changegate_app', t);
  END LOOP;
END $$;
GRANT SELECT, INSERT ON command_breaker_operation TO changegate_app;

GRANT SELECT (type) ON command TO changegate_relay;
RESET ROLE;
GRANT CREATE ON SCHEMA public TO changegate_relay;
SET LOCAL ROLE changegate_relay;

-- Over all tenants, for limits that hold over all of them: how many, and of nobody's in particular.
CREATE FUNCTION count_leased_commands(types text[]) RETURNS TABLE (type text, leased bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT c.type, count(*) FROM command c WHERE c.lease IS NOT NULL AND c.type = ANY (types) GROUP BY c.type
$$;
REVOKE ALL ON FUNCTION count_leased_commands(text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION count_leased_commands(text[]) TO changegate_app;
RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM changegate_relay;
