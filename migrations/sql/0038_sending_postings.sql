-- Modules, too, say in whose books and on which day a command posts: what is as before is written again unchanged.
SET LOCAL ROLE changegate_owner;
GRANT CREATE ON SCHEMA bus TO changegate_bus;
RESET ROLE;

SET LOCAL ROLE changegate_bus;
DROP FUNCTION bus.given(jsonb);
CREATE FUNCTION bus.given(commands jsonb)
RETURNS TABLE (n int, domain text, id text, type text, schema_version int, payload jsonb, fingerprint text,
  not_before timestamptz, expires_at timestamptz, priority int, ordering_key text, max_attempts int, correlation uuid,
  causation text, change uuid, entity text, effective_date date)
LANGUAGE sql STABLE AS $$
  SELECT g.n::int - 1, split_part(g.type, '.', 1), g.id, g.type, g.schema_version, g.payload, g.fingerprint,
         g.not_before, g.expires_at, g.priority, g.ordering_key, g.max_attempts, g.correlation, g.causation, g.change,
         g.entity, g.effective_date
    FROM ROWS FROM (jsonb_to_recordset(commands) AS (id text, type text, schema_version int, payload jsonb,
           fingerprint text, not_before timestamptz, expires_at timestamptz, priority int, ordering_key text,
           max_attempts int, correlation uuid, causation text, change uuid, entity text, effective_date date))
    WITH ORDINALITY AS g (id, type, schema_version, payload, fingerprint, not_before, expires_at, priority, ordering_key,
                          max_attempts, correlation, causation, change, entity, effective_date, n)
$$;

-- What is wrong with how they are written, as pointers; the payload is asked only whether it is an object.
CREATE OR REPLACE FUNCTION bus.faults(tenant uuid, commands jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_agg(jsonb_build_object('path', '/commands/' || g.n || '/' || f.name, 'message', f.message) ORDER BY g.n, f.name)
    FROM bus.given(commands) g
    LEFT JOIN command_type k ON k.type = g.type AND k.schema_version = g.schema_version
    CROSS JOIN LATERAL (
      SELECT p.posts, k.type IS NOT NULL AS known,
             CASE WHEN p.posts THEN 'expected: commands of this type post' ELSE 'commands of this type do not post' END AS said
        FROM (SELECT k.policy ->> 'posts' IS NOT NULL AS posts) AS p) AS t
    CROSS JOIN LATERAL (VALUES
      ('type', NOT EXISTS (SELECT FROM command_type t WHERE t.type = g.type AND t.schema_version = g.schema_version),
       'a type and version that some handler takes'),
      ('entity', t.known AND (g.entity IS NOT NULL) <> t.posts, t.said),
      ('effective_date', t.known AND (g.effective_date IS NOT NULL) <> t.posts, t.said),
      ('entity', g.entity IS NOT NULL AND g.entity !~ '^[^\x01-\x1f\x7f]{1,200}$', '1 to 200 printable characters'),
      ('id', g.id !~ '^[A-Za-z0-9][A-Za-z0-9_.:@~+=-]{0,199}$', '1 to 200 letters, digits and _.:@~+=-'),
      ('payload', jsonb_typeof(g.payload) <> 'object', 'an object'),
      ('fingerprint', g.fingerprint !~ '^sha256:[0-9a-f]{64}$', 'the digest of its content'),
      ('priority', g.priority NOT BETWEEN 0 AND 9, 'a number from 0 to 9'),
      ('max_attempts', g.max_attempts IS NOT NULL AND g.max_attempts NOT BETWEEN 1 AND 100, 'a number from 1 to 100'),
      ('ordering_key', g.ordering_key IS NOT NULL AND g.ordering_key !~ '^[^\x01-\x1f\x7f]{1,200}$',
       '1 to 200 printable characters'),
      ('causation', g.causation IS NOT NULL AND
       g.causation !~ '^[a-z][a-z0-9-]{0,39}/[A-Za-z0-9][A-Za-z0-9_.:@~+=-]{0,199}$', 'a command, as ledger/42'),
      ('expires_at', g.expires_at <= g.not_before, 'later than not_before'),
      ('change', g.change IS NOT NULL AND NOT EXISTS (
         SELECT FROM change_set s WHERE s.tenant_id = tenant AND s.change_id = g.change), 'a change of this tenant')
    ) AS f (name, wrong, message)
   WHERE coalesce(f.wrong, f.name NOT IN ('expires_at'))
$$;

-- In the caller's transaction. A conflict is an answer and no error: all or none are sent, and the caller goes on.
CREATE OR REPLACE FUNCTION bus.send_v1(tenant uuid, actor uuid, commands jsonb)
RETURNS TABLE (n int, replayed boolean, differs text[], correlation uuid, state text, parked text, attempt int, result jsonb)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = bus, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  its_kind text;
  wrong jsonb;
  fresh text[];
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
  wrong := bus.faults($1, $3);
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION 'the input is not valid' USING ERRCODE = 'CB422', DETAIL = jsonb_build_object('faults', wrong)::text;
  END IF;

  BEGIN
    WITH added AS (
      INSERT INTO command AS c (tenant_id, domain, command_id, type, schema_version, payload, fingerprint, not_before,
        expires_at, priority, ordering_key, max_attempts, correlation, causation, change_id, sender, sent_at, seq, state,
        epoch, attempt, crashes, due_at, rank, version, entity, effective_date)
      SELECT $1, i.domain, i.id, i.type, i.schema_version, i.payload, i.fingerprint, i.not_before, i.expires_at,
             i.priority, i.ordering_key, i.max_attempts, coalesce(i.correlation, gen_random_uuid()), i.causation,
             i.change, $2, now(), i.seq, 'pending', 1, 0, 0, i.due_at, i.due_at - i.priority * interval '1 minute', 1,
             i.entity, i.effective_date
        FROM (SELECT g.*, coalesce(g.not_before, now()) AS due_at, nextval('command_seq') AS seq
                FROM (SELECT * FROM bus.given($3) ORDER BY n) AS g) AS i
       ORDER BY i.domain, i.id, i.seq
      ON CONFLICT DO NOTHING
      RETURNING c.domain || '/' || c.command_id AS name)
    SELECT coalesce(array_agg(a.name), '{}') INTO fresh FROM added a;
    IF EXISTS (SELECT FROM bus.given($3) g JOIN command c
                 ON c.tenant_id = $1 AND c.domain = g.domain AND c.command_id = g.id AND c.fingerprint <> g.fingerprint) THEN
      RAISE EXCEPTION 'one says something else' USING ERRCODE = 'CB409';
    END IF;
  EXCEPTION WHEN SQLSTATE 'CB409' THEN
    RETURN QUERY
      SELECT g.n, true, array_remove(ARRAY[
               CASE WHEN o.type <> g.type THEN 'type' END,
               CASE WHEN o.schema_version <> g.schema_version THEN 'schema_version' END,
               CASE WHEN o.payload <> g.payload THEN 'payload' END,
               CASE WHEN o.not_before IS DISTINCT FROM g.not_before THEN 'not_before' END,
               CASE WHEN o.expires_at IS DISTINCT FROM g.expires_at THEN 'expires_at' END,
               CASE WHEN o.priority <> g.priority THEN 'priority' END,
               CASE WHEN o.ordering_key IS DISTINCT FROM g.ordering_key THEN 'ordering_key' END,
               CASE WHEN o.max_attempts IS DISTINCT FROM g.max_attempts THEN 'max_attempts' END,
               CASE WHEN o.entity IS DISTINCT FROM g.entity THEN 'entity' END,
               CASE WHEN o.effective_date IS DISTINCT FROM g.effective_date THEN 'effective_date' END], NULL),
             NULL::uuid, o.state, NULL::text, 0, NULL::jsonb
        FROM bus.given($3) g
        CROSS JOIN LATERAL (
          SELECT c.fingerprint, c.type, c.schema_version, c.payload, c.not_before, c.expires_at, c.priority, c.ordering_key,
                 c.max_attempts, c.state, c.entity, c.effective_date
            FROM command c WHERE c.tenant_id = $1 AND c.domain = g.domain AND c.command_id = g.id
          UNION ALL
          SELECT f.fingerprint, f.type, f.schema_version, f.payload, f.not_before, f.expires_at, f.priority, f.ordering_key,
                 f.max_attempts, 'pending', f.entity, f.effective_date
            FROM bus.given($3) f WHERE f.domain = g.domain AND f.id = g.id AND f.n < g.n
          LIMIT 1) AS o
       WHERE o.fingerprint <> g.fingerprint
       ORDER BY g.n;
    RETURN;
  END;

  -- The same words as the product's own events, in the same order of bytes.
  INSERT INTO audit_event (event_id, tenant_id, class, occurred_at, actor_type, actor, action, resource_type, resource,
                           outcome, change_id, canon, leaf)
  SELECT e.id, $1, 'compliance', now(), its_kind, $2, 'command:record:sent', 'command', e.name, 'success', e.change_id,
         e.canon, sha256('\x00'::bytea || e.canon)
    FROM (SELECT m.id, m.name, m.change_id, convert_to(
            '{"action":"command:record:sent","actor":' || bus.said($2::text) || ',"actor_type":' || bus.said(its_kind)
            || ',"after":{"causation":' || bus.said(m.causation) || ',"correlation":' || bus.said(m.correlation::text)
            || ',"fingerprint":' || bus.said(m.fingerprint) || ',"schema_version":' || m.schema_version
            || ',"type":' || bus.said(m.type) || '},"before":null,"change":' || bus.said(m.change_id::text)
            || ',"id":' || bus.said(m.id::text) || ',"occurred_at":'
            || bus.said(to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'))
            || ',"outcome":"success","reason":null,"resource":' || bus.said(m.name)
            || ',"resource_type":"command","run_id":null,"salt":' || bus.said(encode(uuid_send(gen_random_uuid()), 'hex'))
            || ',"source_ip":null,"tenant":' || bus.said($1::text) || ',"trace_id":null,"workflow_id":null}', 'UTF8') AS canon
          FROM (SELECT gen_random_uuid() AS id, c.domain || '/' || c.command_id AS name, c.*
                  FROM command c
                 WHERE c.tenant_id = $1 AND (c.domain, c.command_id) IN (SELECT g.domain, g.id FROM bus.given($3) g)
                   AND c.domain || '/' || c.command_id = ANY (fresh)
                 ORDER BY c.seq) AS m) AS e;

  RETURN QUERY
    SELECT g.n, NOT (g.domain || '/' || g.id = ANY (fresh)) OR EXISTS (
             SELECT FROM bus.given($3) f WHERE f.domain = g.domain AND f.id = g.id AND f.n < g.n),
           NULL::text[], c.correlation, c.state, c.parked, c.attempt, c.result
      FROM bus.given($3) g
      JOIN command c ON c.tenant_id = $1 AND c.domain = g.domain AND c.command_id = g.id
     ORDER BY g.n;
END $$;
RESET ROLE;

SET LOCAL ROLE changegate_owner;
REVOKE CREATE ON SCHEMA bus FROM changegate_bus;
RESET ROLE;
