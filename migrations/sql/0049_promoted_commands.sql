SET LOCAL ROLE changegate_owner;

-- Whether a command is executed by a workflow of its own though its type is not.
ALTER TABLE command ADD COLUMN alone boolean NOT NULL DEFAULT false;
GRANT UPDATE (alone) ON command TO changegate_app;
GRANT SELECT (alone) ON command TO changegate_relay;
-- Those that go together are told from the others within the index, however many of these lie before them.
DROP INDEX command_due;
CREATE INDEX command_due ON command (tenant_id, domain, rank, command_id, alone) WHERE state IN ('pending', 'retry-wait');
DROP INDEX command_due_by_type;
CREATE INDEX command_due_by_type ON command (tenant_id, domain, type, dependency, rank, command_id, alone)
  WHERE state IN ('pending', 'retry-wait');
CREATE INDEX command_due_alone ON command (tenant_id, domain, type, dependency, rank, command_id)
  WHERE alone AND state IN ('pending', 'retry-wait');

-- What people decide is announced as what is sent is: a retry is due at once, and so is what a breaker held back.
CREATE TRIGGER announce AFTER INSERT ON command_operation FOR EACH STATEMENT EXECUTE FUNCTION announce_commands();
CREATE TRIGGER announce AFTER INSERT ON command_breaker_operation FOR EACH STATEMENT EXECUTE FUNCTION announce_commands();
RESET ROLE;

GRANT CREATE ON SCHEMA public TO changegate_relay;
SET LOCAL ROLE changegate_relay;

-- From lane to lane by the index, however many commands lie in one. Those of a tenant that is closed wait until it is not.
CREATE OR REPLACE FUNCTION find_due_commands() RETURNS TABLE (tenant_id uuid, domain text)
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
   CROSS JOIN LATERAL (SELECT FROM command c
                        WHERE c.tenant_id = l.tenant_id AND c.domain = l.domain AND c.state IN ('pending', 'retry-wait')
                          AND c.rank <= now() AND c.due_at <= now()
                        ORDER BY c.rank LIMIT 1) AS due  -- by the index also where a plan would read all commands at once
   WHERE standing_of(l.tenant_id) = 'active'
   ORDER BY random()
$$;

CREATE FUNCTION find_due_alone() RETURNS TABLE (tenant_id uuid, domain text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH RECURSIVE lane AS (
    (SELECT c.tenant_id, c.domain FROM command c WHERE c.alone AND c.state IN ('pending', 'retry-wait')
      ORDER BY c.tenant_id, c.domain LIMIT 1)
    UNION ALL
    SELECT next.tenant_id, next.domain
      FROM lane l
      CROSS JOIN LATERAL (SELECT c.tenant_id, c.domain FROM command c
                           WHERE c.alone AND c.state IN ('pending', 'retry-wait')
                             AND (c.tenant_id, c.domain) > (l.tenant_id, l.domain)
                           ORDER BY c.tenant_id, c.domain LIMIT 1) AS next)
  SELECT l.tenant_id, l.domain FROM lane l
   CROSS JOIN LATERAL (SELECT FROM command c
                        WHERE c.tenant_id = l.tenant_id AND c.domain = l.domain AND c.alone
                          AND c.state IN ('pending', 'retry-wait') AND c.rank <= now() AND c.due_at <= now()
                        ORDER BY c.rank LIMIT 1) AS due
$$;
REVOKE ALL ON FUNCTION find_due_alone() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_due_alone() TO changegate_app;
GRANT EXECUTE ON FUNCTION standing_of(uuid) TO changegate_bus;
RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM changegate_relay;

SET LOCAL ROLE changegate_owner;
GRANT CREATE ON SCHEMA bus TO changegate_bus;
GRANT UPDATE (alone) ON command TO changegate_bus;
CREATE POLICY bus_promotes ON command FOR UPDATE TO changegate_bus USING (true) WITH CHECK (alone AND state = 'pending');

-- In a suspended tenant modules send nothing, as its people do.
CREATE FUNCTION suspended_tenants_send_nothing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM (SELECT DISTINCT a.tenant_id FROM added a) AS home WHERE standing_of(home.tenant_id) <> 'active') THEN
    RAISE EXCEPTION 'the tenant is suspended' USING ERRCODE = 'CB403', DETAIL = '{"kind": "tenant-suspended"}';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER suspended_tenants_send_nothing AFTER INSERT ON command REFERENCING NEW TABLE AS added FOR EACH STATEMENT
  WHEN (current_user = 'changegate_bus') EXECUTE FUNCTION suspended_tenants_send_nothing();
RESET ROLE;

SET LOCAL ROLE changegate_bus;
-- As before, and what is new under its id goes alone where its sender says so.
CREATE FUNCTION bus.send_v3(tenant uuid, actor uuid, commands jsonb)
RETURNS TABLE (n int, replayed boolean, coalesced boolean, purged boolean, differs text[], taken text, id text,
  correlation uuid, state text, parked text, attempt int, result jsonb)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = bus, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  wrong jsonb;
  told jsonb;
BEGIN
  IF NOT jsonb_path_exists($3, '$[*].alone ? (@ == true)') THEN
    RETURN QUERY SELECT * FROM bus.send_v2($1, $2, $3);
    RETURN;
  END IF;
  SELECT jsonb_agg(jsonb_build_object('path', '/commands/' || g.n - 1 || '/alone', 'message',
                                      'false: commands of this type post, and would hold their period open') ORDER BY g.n)
    INTO wrong
    FROM ROWS FROM (jsonb_to_recordset($3) AS (type text, schema_version int, alone boolean)) WITH ORDINALITY
      AS g (type, schema_version, alone, n)
    JOIN command_type k ON k.type = g.type AND k.schema_version = g.schema_version
   WHERE g.alone AND k.policy ->> 'posts' IS NOT NULL;
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION 'the input is not valid' USING ERRCODE = 'CB422', DETAIL = jsonb_build_object('faults', wrong)::text;
  END IF;
  SELECT coalesce(jsonb_agg(to_jsonb(s) ORDER BY s.n), '[]') INTO told FROM bus.send_v2($1, $2, $3) AS s;
  UPDATE command c SET alone = true
    FROM jsonb_to_recordset(told) AS s (n int, replayed boolean, coalesced boolean, differs text[], taken text)
   WHERE NOT s.replayed AND NOT s.coalesced AND s.differs IS NULL AND s.taken IS NULL
     AND ($3 -> s.n ->> 'alone')::boolean AND c.tenant_id = $1
     AND c.domain = split_part($3 -> s.n ->> 'type', '.', 1) AND c.command_id = $3 -> s.n ->> 'id';
  RETURN QUERY
    SELECT s.* FROM jsonb_to_recordset(told) AS s (n int, replayed boolean, coalesced boolean, purged boolean, differs text[],
           taken text, id text, correlation uuid, state text, parked text, attempt int, result jsonb)
     ORDER BY s.n;
END $$;
COMMENT ON FUNCTION bus.send_v3 IS 'one row for each command; rows that differ are conflicts, and then nothing was sent';
GRANT EXECUTE ON FUNCTION bus.send_v3 TO changegate_app, changegate_sender;
RESET ROLE;

SET LOCAL ROLE changegate_owner;
REVOKE CREATE ON SCHEMA bus FROM changegate_bus;
RESET ROLE;

-- A module starts a process in its own transaction, as it sends commands.
SET LOCAL ROLE changegate_owner;
GRANT CREATE ON SCHEMA bus TO changegate_bus;
CREATE POLICY bus_reads ON saga FOR SELECT TO changegate_bus USING (true);
CREATE POLICY bus_writes ON saga FOR INSERT TO changegate_bus WITH CHECK (state = 'started');
GRANT SELECT, INSERT ON saga TO changegate_bus;
GRANT SELECT ON process_type TO changegate_bus;
RESET ROLE;

SET LOCAL ROLE changegate_bus;
CREATE FUNCTION bus.process_schema_v1(wanted text, version int) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = bus, public, pg_temp AS $$
  SELECT t.schema FROM process_type t WHERE t.type = wanted AND t.schema_version = version
$$;

-- In the caller's transaction. A conflict is an answer and no error: nothing is started, and the caller goes on.
CREATE FUNCTION bus.start_v1(tenant uuid, actor uuid, process jsonb)
RETURNS TABLE (replayed boolean, differs text[], correlation uuid, state text, why text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = bus, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  its_kind text;
  wrong jsonb;
  g record;
  made saga;
  event uuid := gen_random_uuid();
  canon bytea;
BEGIN
  IF NULLIF(current_setting('app.tenant_id', true), '')::uuid <> $1 THEN
    RAISE EXCEPTION 'another tenant is bound' USING ERRCODE = 'CB404', DETAIL = '{}';
  END IF;
  SELECT p.kind INTO its_kind FROM principal p
   WHERE p.tenant_id = $1 AND p.principal_id = $2 AND p.roles && (SELECT array_agg(r.role) FROM bus.sending_role r);
  IF NOT FOUND THEN
    RAISE EXCEPTION 'their roles in this tenant do not allow this'
      USING ERRCODE = 'CB403', DETAIL = '{"permission": "commands.send"}';
  END IF;
  SELECT * INTO g FROM jsonb_to_record($3) AS r (type text, id text, data jsonb, schema_version int, fingerprint text,
                                                correlation uuid, causation text, change uuid);
  SELECT jsonb_agg(jsonb_build_object('path', '/' || f.name, 'message', f.message) ORDER BY f.name) INTO wrong
    FROM (VALUES
      ('type', NOT EXISTS (SELECT FROM process_type t WHERE t.type = g.type AND t.schema_version = g.schema_version),
       'a type and version that some worker carries out'),
      ('id', g.id !~ '^[A-Za-z0-9][A-Za-z0-9_.@~+=-]{0,79}$', '1 to 80 letters, digits and _.@~+=-'),
      ('data', jsonb_typeof(g.data) <> 'object', 'an object'),
      ('fingerprint', g.fingerprint !~ '^sha256:[0-9a-f]{64}$', 'the digest of its content'),
      ('causation', g.causation IS NOT NULL AND
       g.causation !~ '^[a-z][a-z0-9-]{0,39}/[A-Za-z0-9][A-Za-z0-9_.:@~+=-]{0,199}$', 'a command, as ledger/42'),
      ('change', g.change IS NOT NULL AND NOT EXISTS (
         SELECT FROM change_set s WHERE s.tenant_id = $1 AND s.change_id = g.change), 'a change of this tenant')
    ) AS f (name, wrong, message)
   WHERE coalesce(f.wrong, true);
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION 'the input is not valid' USING ERRCODE = 'CB422', DETAIL = jsonb_build_object('faults', wrong)::text;
  END IF;

  INSERT INTO saga (tenant_id, type, process_id, schema_version, data, fingerprint, starter, started_at, correlation,
                    causation, change_id, state, version)
    VALUES ($1, g.type, g.id, g.schema_version, g.data, g.fingerprint, $2, now(),
            coalesce(g.correlation, gen_random_uuid()), g.causation, g.change, 'started', 1)
    ON CONFLICT DO NOTHING RETURNING * INTO made;
  IF made.type IS NULL THEN
    RETURN QUERY
      SELECT true, CASE WHEN s.fingerprint <> g.fingerprint THEN array_remove(ARRAY[
               CASE WHEN s.schema_version <> g.schema_version THEN 'schema_version' END,
               CASE WHEN s.data <> g.data THEN 'data' END], NULL) END, s.correlation, s.state, s.why
        FROM saga s WHERE s.tenant_id = $1 AND s.type = g.type AND s.process_id = g.id;
    RETURN;
  END IF;
  -- The same words as the product's own event, in the same order of bytes.
  canon := convert_to(
    '{"action":"process:record:started","actor":' || bus.said($2::text) || ',"actor_type":' || bus.said(its_kind)
    || ',"after":{"causation":' || bus.said(made.causation) || ',"correlation":' || bus.said(made.correlation::text)
    || ',"fingerprint":' || bus.said(made.fingerprint) || ',"schema_version":' || made.schema_version
    || ',"state":"started"},"before":null,"change":' || bus.said(made.change_id::text)
    || ',"id":' || bus.said(event::text) || ',"occurred_at":'
    || bus.said(to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'))
    || ',"outcome":"success","reason":null,"resource":' || bus.said(made.type || '/' || made.process_id)
    || ',"resource_type":"process","run_id":null,"salt":' || bus.said(encode(uuid_send(gen_random_uuid()), 'hex'))
    || ',"source_ip":null,"tenant":' || bus.said($1::text) || ',"trace_id":null,"workflow_id":null}', 'UTF8');
  INSERT INTO audit_event (event_id, tenant_id, class, occurred_at, actor_type, actor, action, resource_type, resource,
                           outcome, change_id, canon, leaf)
    VALUES (event, $1, 'compliance', now(), its_kind, $2, 'process:record:started', 'process',
            made.type || '/' || made.process_id, 'success', made.change_id, canon, sha256('\x00'::bytea || canon));
  RETURN QUERY SELECT false, NULL::text[], made.correlation, made.state, made.why;
END $$;
COMMENT ON FUNCTION bus.start_v1 IS 'one row; a row that differs is a conflict, and then nothing was started';
GRANT EXECUTE ON FUNCTION bus.start_v1, bus.process_schema_v1 TO changegate_app, changegate_sender;
RESET ROLE;

SET LOCAL ROLE changegate_owner;
REVOKE CREATE ON SCHEMA bus FROM changegate_bus;
CREATE TRIGGER suspended_tenants_send_nothing AFTER INSERT ON saga REFERENCING NEW TABLE AS added FOR EACH STATEMENT
  WHEN (current_user = 'changegate_bus') EXECUTE FUNCTION suspended_tenants_send_nothing();
RESET ROLE;

-- For how long a tenant keeps its commands, in days; what it leaves open is as the installation says.
SET LOCAL ROLE changegate_owner;
CREATE TABLE command_retention (
  tenant_id  uuid PRIMARY KEY REFERENCES tenant,
  kept_days  int CHECK (kept_days BETWEEN 1 AND 36500),
  held_days  int CHECK (held_days BETWEEN 1 AND 36500),
  known_days int CHECK (known_days BETWEEN 1 AND 36500),
  version    bigint NOT NULL CHECK (version > 0)
);
ALTER TABLE command_retention ENABLE ROW LEVEL SECURITY;
ALTER TABLE command_retention FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON command_retention TO changegate_app
  USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE (kept_days, held_days, known_days, version) ON command_retention TO changegate_app;
RESET ROLE;
