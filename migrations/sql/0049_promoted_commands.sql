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
GRANT EXECUTE ON FUNCTION standing_of(uuid) TO changegate_owner;
RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM changegate_relay;

SET LOCAL ROLE changegate_owner;
GRANT CREATE ON SCHEMA bus TO changegate_bus;
GRANT UPDATE (alone) ON command TO changegate_bus;
CREATE POLICY bus_promotes ON command FOR UPDATE TO changegate_bus USING (true) WITH CHECK (alone AND state = 'pending');

-- In a suspended tenant modules send nothing, as its people do.
CREATE FUNCTION suspended_tenants_send_nothing() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM (SELECT DISTINCT a.tenant_id FROM added a) AS home WHERE standing_of(home.tenant_id) <> 'active') THEN
    RAISE EXCEPTION 'the tenant is suspended' USING ERRCODE = 'CB403', DETAIL = '{"kind": "tenant-suspended"}';
  END IF;
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION suspended_tenants_send_nothing() FROM PUBLIC;
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
