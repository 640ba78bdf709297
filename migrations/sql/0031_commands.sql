SET LOCAL ROLE changegate_owner;

-- What the handlers of workers take: it comes with the code, and is the same for every tenant.
CREATE TABLE command_type (
  type           text NOT NULL CHECK (type ~ '^[a-z][a-z0-9-]{0,39}\.[a-z][a-z0-9-]{0,79}$'),
  schema_version int NOT NULL CHECK (schema_version > 0),
  schema         jsonb NOT NULL,
  policy         jsonb NOT NULL,
  put_at         timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (type, schema_version)
);
GRANT SELECT, INSERT, UPDATE (schema, policy, put_at) ON command_type TO changegate_app;

-- Who is executing some commands of one domain, until when. Its lock decides between a worker and whoever takes over.
CREATE TABLE command_lease (
  tenant_id uuid NOT NULL REFERENCES tenant,
  lease_id  uuid NOT NULL,
  domain    text NOT NULL,
  ends_at   timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, lease_id)
);
CREATE INDEX command_lease_ends ON command_lease (ends_at);

-- The message and what became of it: one row, and no queue beside it.
CREATE TABLE command (
  tenant_id         uuid NOT NULL REFERENCES tenant,
  domain            text NOT NULL,
  command_id        text NOT NULL CHECK (command_id <> ''),
  type              text NOT NULL CHECK (split_part(type, '.', 1) = domain),
  schema_version    int NOT NULL,
  payload           jsonb NOT NULL CHECK (jsonb_typeof(payload) = 'object'),
  fingerprint       text NOT NULL CHECK (fingerprint ~ '^sha256:[0-9a-f]{64}$'),
  not_before        timestamptz,
  expires_at        timestamptz,
  priority          int NOT NULL CHECK (priority BETWEEN 0 AND 9),
  ordering_key      text,
  max_attempts      int CHECK (max_attempts > 0),
  correlation       uuid NOT NULL,
  causation         text,
  change_id         uuid,
  sender            uuid,
  sent_at           timestamptz NOT NULL,
  seq               bigint NOT NULL,
  state             text NOT NULL CHECK (state IN ('pending', 'dispatched', 'running', 'retry-wait', 'completed', 'failed',
                                                   'canceled', 'expired', 'parked')),
  parked            text,
  epoch             int NOT NULL CHECK (epoch > 0),
  attempt           int NOT NULL CHECK (attempt >= 0),
  crashes           int NOT NULL CHECK (crashes >= 0),
  due_at            timestamptz NOT NULL,
  rank              timestamptz NOT NULL,
  lease             uuid,
  result            jsonb,
  error             jsonb,
  error_fingerprint text,
  ended_at          timestamptz,
  version           bigint NOT NULL CHECK (version > 0),
  PRIMARY KEY (tenant_id, domain, command_id),
  FOREIGN KEY (tenant_id, lease) REFERENCES command_lease,
  CONSTRAINT leased_while_it_is_executed CHECK ((state IN ('dispatched', 'running')) = (lease IS NOT NULL)),
  CONSTRAINT parked_for_a_kind CHECK ((state = 'parked') = (parked IS NOT NULL)),
  CONSTRAINT over_at_an_instant CHECK ((state IN ('completed', 'failed', 'canceled', 'expired')) = (ended_at IS NOT NULL))
);
CREATE SEQUENCE command_seq AS bigint OWNED BY command.seq;
COMMENT ON COLUMN command.seq IS 'the order in which they were sent; nobody reads on from one, so what commits late is not missed';
COMMENT ON COLUMN command.rank IS 'due_at, earlier by a minute for each step of priority';
CREATE INDEX command_due ON command (tenant_id, domain, rank, command_id) WHERE state IN ('pending', 'retry-wait');
CREATE INDEX command_leased ON command (tenant_id, lease) WHERE lease IS NOT NULL;
CREATE INDEX command_line_up ON command (tenant_id, domain, ordering_key, seq)
  WHERE ordering_key IS NOT NULL AND state NOT IN ('completed', 'failed', 'canceled', 'expired');
CREATE INDEX command_newest ON command (tenant_id, sent_at, domain, command_id);
CREATE INDEX command_by_type ON command (tenant_id, domain, type, state, sent_at, command_id);
CREATE INDEX command_not_done ON command (tenant_id, state, sent_at, domain, command_id) WHERE state <> 'completed';
CREATE INDEX command_by_correlation ON command (tenant_id, correlation, sent_at, domain, command_id);
CREATE INDEX command_by_change ON command (tenant_id, change_id, sent_at, domain, command_id) WHERE change_id IS NOT NULL;
-- A queue: what was is gone soon, and must not be walked over again and again.
ALTER TABLE command SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, fillfactor = 85);

DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['command_lease', 'command']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format($p$CREATE POLICY own_tenant ON %I TO changegate_app
      USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)
      WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)$p$, t);
    EXECUTE format('GRANT SELECT, INSERT ON %I TO changegate_app', t);
  END LOOP;
END $$;
GRANT UPDATE (ends_at), DELETE ON command_lease TO changegate_app;
GRANT UPDATE (state, parked, epoch, attempt, crashes, due_at, rank, lease, result, error, error_fingerprint, ended_at, version)
  ON command TO changegate_app;
GRANT USAGE ON SEQUENCE command_seq TO changegate_app;

CREATE FUNCTION over_command_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'what is over stays so' USING ERRCODE = 'check_violation', CONSTRAINT = 'over_command_is_final';
END $$;
CREATE TRIGGER over_command_is_final BEFORE UPDATE ON command
  FOR EACH ROW WHEN (OLD.ended_at IS NOT NULL) EXECUTE FUNCTION over_command_is_final();

-- Sends are announced only while somebody who has nothing to do listens: a NOTIFY makes commits take turns.
CREATE UNLOGGED TABLE command_line (
  one        boolean PRIMARY KEY DEFAULT true CHECK (one),
  idle_until timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE (idle_until) ON command_line TO changegate_app;
CREATE FUNCTION announce_commands() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM pg_notify('changegate_commands', '') FROM command_line WHERE idle_until > clock_timestamp();
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION announce_commands() FROM PUBLIC;
CREATE TRIGGER announce AFTER INSERT ON command FOR EACH STATEMENT EXECUTE FUNCTION announce_commands();

-- What is to be done across tenants; payloads are not looked at.
GRANT SELECT (tenant_id, domain, state, rank, due_at, lease) ON command TO changegate_relay;
GRANT SELECT (tenant_id, lease_id, ends_at) ON command_lease TO changegate_relay;
CREATE POLICY relay ON command FOR SELECT TO changegate_relay USING (true);
CREATE POLICY relay ON command_lease FOR SELECT TO changegate_relay USING (true);
RESET ROLE;
GRANT CREATE ON SCHEMA public TO changegate_relay;
SET LOCAL ROLE changegate_relay;

-- From lane to lane by the index, however many commands lie in one.
CREATE FUNCTION find_due_commands() RETURNS TABLE (tenant_id uuid, domain text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH RECURSIVE lane AS (
    (SELECT c.tenant_id, c.domain FROM command c WHERE c.state IN ('pending', 'retry-wait')
      ORDER BY c.tenant_id, c.domain LIMIT 1)
    UNION ALL
    SELECT next.tenant_id, next.domain
      FROM lane l
      CROSS JOIN LATERAL (SELECT c.tenant_id, c.domain FROM command c
                           WHERE c.state IN ('pending', 'retry-wait') AND (c.tenant_id, c.domain) > (l.tenant_id, l.domain)
                           ORDER BY c.tenant_id, c.domain LIMIT 1) AS next)
  SELECT l.tenant_id, l.domain FROM lane l
   WHERE EXISTS (SELECT FROM command c
                  WHERE c.tenant_id = l.tenant_id AND c.domain = l.domain AND c.state IN ('pending', 'retry-wait')
                    AND c.rank <= now() AND c.due_at <= now())
   ORDER BY random()
$$;

CREATE FUNCTION find_ended_leases() RETURNS TABLE (tenant_id uuid, lease_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT l.tenant_id, l.lease_id FROM command_lease l WHERE l.ends_at <= now() ORDER BY l.ends_at LIMIT 100
$$;

REVOKE ALL ON FUNCTION find_due_commands(), find_ended_leases() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_due_commands(), find_ended_leases() TO changegate_app;
RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM changegate_relay;
