SET LOCAL ROLE changegate_owner;

-- Who is told when it is over: a destination by its name, never by its address.
ALTER TABLE command ADD COLUMN reply_to jsonb CHECK (reply_to ->> 'kind' IN ('command', 'webhook', 'workflow'));
-- Of those that are not over one has a unique key. Who wants it takes its lock, and the index sees that everybody did.
ALTER TABLE command ADD COLUMN unique_key text CHECK (unique_key <> '');
ALTER TABLE command ADD COLUMN on_unique text CHECK (on_unique IN ('reject', 'coalesce', 'replace'));
ALTER TABLE command ADD CONSTRAINT unique_in_a_way CHECK ((unique_key IS NULL) = (on_unique IS NULL));
CREATE UNIQUE INDEX command_unique_key ON command (tenant_id, domain, unique_key)
  WHERE unique_key IS NOT NULL AND ended_at IS NULL;
CREATE FUNCTION unique_key_lock(tenant uuid, domain text, unique_key text) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT hashtextextended('command/' || tenant || '/' || domain || '/' || unique_key, 0)
$$;
GRANT EXECUTE ON FUNCTION unique_key_lock TO changegate_app, changegate_bus;
-- What remains of a command that was purged, until it may be sent anew. Its events stay where they are.
CREATE TABLE command_purged (
  tenant_id   uuid NOT NULL REFERENCES tenant,
  domain      text NOT NULL,
  command_id  text NOT NULL,
  type        text NOT NULL,
  fingerprint text NOT NULL,
  state       text NOT NULL CHECK (state IN ('completed', 'failed', 'canceled', 'expired')),
  correlation uuid NOT NULL,
  sender      uuid,
  sent_at     timestamptz NOT NULL,
  ended_at    timestamptz NOT NULL,
  epoch       int NOT NULL,
  attempt     int NOT NULL,
  purged_at   timestamptz NOT NULL,
  known_until timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, domain, command_id)
);
CREATE INDEX command_purged_ends ON command_purged (tenant_id, known_until);
ALTER TABLE command_purged ENABLE ROW LEVEL SECURITY;
ALTER TABLE command_purged FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON command_purged FOR SELECT TO changegate_app
  USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid);
GRANT SELECT ON command_purged TO changegate_app;

-- Who waits until a command is purged to send it again is told by nothing else: what it read is older.
CREATE FUNCTION purged_is_not_sent_again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM added a JOIN command_purged p USING (tenant_id, domain, command_id) WHERE p.known_until > now()) THEN
    RAISE EXCEPTION 'one of them is being purged' USING ERRCODE = 'serialization_failure';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER purged_is_not_sent_again AFTER INSERT ON command REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION purged_is_not_sent_again();

-- The function in the database sends with a unique key, too: it may cancel the one that another replaces.
CREATE POLICY bus_reads ON command_purged FOR SELECT TO changegate_bus USING (true);
CREATE POLICY bus_reads ON destination FOR SELECT TO changegate_bus USING (true);
CREATE POLICY bus_moves ON command FOR UPDATE TO changegate_bus USING (true) WITH CHECK (state = 'canceled');
GRANT SELECT ON command_purged TO changegate_bus;
GRANT SELECT (tenant_id, name, kind) ON destination TO changegate_bus;
GRANT UPDATE (state, error, ended_at, version) ON command TO changegate_bus;
GRANT CREATE ON SCHEMA bus TO changegate_bus;
RESET ROLE;

SET LOCAL ROLE changegate_bus;
DROP FUNCTION bus.given(jsonb);
CREATE FUNCTION bus.given(commands jsonb)
RETURNS TABLE (n int, domain text, id text, type text, schema_version int, payload jsonb, fingerprint text,
  not_before timestamptz, expires_at timestamptz, priority int, ordering_key text, max_attempts int, correlation uuid,
  causation text, change uuid, entity text, effective_date date, reply_to jsonb, unique_key text, on_unique text)
LANGUAGE sql STABLE AS $$
  SELECT g.n::int - 1, split_part(g.type, '.', 1), g.id, g.type, g.schema_version, g.payload, g.fingerprint,
         g.not_before, g.expires_at, g.priority, g.ordering_key, g.max_attempts, g.correlation, g.causation, g.change,
         g.entity, g.effective_date, g.reply_to, g.unique_key, g.on_unique
    FROM ROWS FROM (jsonb_to_recordset(commands) AS (id text, type text, schema_version int, payload jsonb,
           fingerprint text, not_before timestamptz, expires_at timestamptz, priority int, ordering_key text,
           max_attempts int, correlation uuid, causation text, change uuid, entity text, effective_date date,
           reply_to jsonb, unique_key text, on_unique text))
    WITH ORDINALITY AS g (id, type, schema_version, payload, fingerprint, not_before, expires_at, priority, ordering_key,
                          max_attempts, correlation, causation, change, entity, effective_date, reply_to, unique_key,
                          on_unique, n)
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
    CROSS JOIN LATERAL jsonb_to_record(CASE jsonb_typeof(g.reply_to) WHEN 'object' THEN g.reply_to ELSE '{}' END)
      AS r (kind text, type text, schema_version int, prefix text, destination text, workflow text, signal text)
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
      ('unique_key', g.unique_key IS NOT NULL AND g.unique_key !~ '^[^\x01-\x1f\x7f]{1,200}$',
       '1 to 200 printable characters'),
      ('on_unique', (g.on_unique IS NULL) <> (g.unique_key IS NULL)
       OR coalesce(g.on_unique NOT IN ('reject', 'coalesce', 'replace'), false), 'reject, coalesce or replace'),
      ('reply_to/kind', g.reply_to IS NOT NULL AND r.kind NOT IN ('command', 'webhook', 'workflow'),
       'command, webhook or workflow'),
      ('reply_to', g.reply_to IS NOT NULL AND CASE r.kind
         WHEN 'command' THEN g.reply_to - ARRAY['kind', 'type', 'schema_version', 'prefix']
         WHEN 'webhook' THEN g.reply_to - ARRAY['kind', 'destination']
         WHEN 'workflow' THEN g.reply_to - ARRAY['kind', 'workflow', 'signal'] ELSE '{}' END <> '{}',
       'nothing that belongs to another kind'),
      ('reply_to/type', g.reply_to IS NOT NULL AND r.kind = 'command' AND NOT EXISTS (
         SELECT FROM command_type o WHERE o.type = r.type AND o.schema_version = r.schema_version),
       'a type that some handler takes'),
      ('reply_to/prefix', g.reply_to IS NOT NULL AND r.kind = 'command'
       AND r.prefix !~ '^[A-Za-z0-9][A-Za-z0-9_.:@~+=-]{0,63}$', '1 to 64 letters, digits and _.:@~+=-'),
      ('reply_to/destination', g.reply_to IS NOT NULL AND r.kind = 'webhook' AND NOT EXISTS (
         SELECT FROM destination d WHERE d.tenant_id = tenant AND d.name = r.destination AND d.kind = 'webhook'),
       'a webhook among the destinations'),
      ('reply_to/workflow', g.reply_to IS NOT NULL AND r.kind = 'workflow'
       AND r.workflow !~ ('^reply/' || tenant || '/[A-Za-z0-9][A-Za-z0-9_.:@~+=/-]{0,199}$'),
       'an id that begins with reply/<tenant>/'),
      ('reply_to/signal', g.reply_to IS NOT NULL AND r.kind = 'workflow' AND r.signal !~ '^[a-z][a-z0-9_]{0,79}$',
       'letters, digits and _, as command_over'),
      ('expires_at', g.expires_at <= g.not_before, 'later than not_before'),
      ('change', g.change IS NOT NULL AND NOT EXISTS (
         SELECT FROM change_set s WHERE s.tenant_id = tenant AND s.change_id = g.change), 'a change of this tenant')
    ) AS f (name, wrong, message)
   WHERE coalesce(f.wrong, f.name NOT IN ('expires_at'))
$$;

-- What becomes of each that has a unique key, in the order in which they are given: the first of one call has it.
CREATE FUNCTION bus.keyed(tenant uuid, commands jsonb) RETURNS TABLE (n int, domain text, id text, what text, other text)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
  g record;
  holder record;
  ours jsonb := '{}';
BEGIN
  FOR g IN
    SELECT * FROM (SELECT DISTINCT ON (i.domain, i.id) i.*, i.domain || '/' || i.unique_key AS key
                     FROM bus.given($2) i WHERE i.unique_key IS NOT NULL ORDER BY i.domain, i.id, i.n) AS first
     ORDER BY first.n
  LOOP
    CONTINUE WHEN EXISTS (SELECT FROM command c WHERE c.tenant_id = $1 AND c.domain = g.domain AND c.command_id = g.id)
      OR EXISTS (SELECT FROM command_purged p WHERE p.tenant_id = $1 AND p.domain = g.domain AND p.command_id = g.id
                                                AND p.known_until > now());
    SELECT c.command_id, c.state = 'pending' AND c.epoch = 1 AND c.attempt = 0 AND c.crashes = 0
             -- Who else is told of its end is known to the product alone.
             AND c.reply_to IS NULL AND to_jsonb(c) ->> 'batch_id' IS NULL
             AND NOT EXISTS (SELECT FROM bus.given($2) i WHERE i.domain = c.domain AND i.id = c.command_id) AS waits
      INTO holder
      FROM command c
     WHERE c.tenant_id = $1 AND c.domain = g.domain AND c.unique_key = g.unique_key AND c.ended_at IS NULL;
    CONTINUE WHEN holder.command_id = g.id;
    n := g.n;
    domain := g.domain;
    id := g.id;
    IF ours ? g.key THEN
      other := ours ->> g.key;
      what := CASE g.on_unique WHEN 'coalesce' THEN 'instead' ELSE 'taken' END;
    ELSE
      other := holder.command_id;
      what := CASE WHEN other IS NULL THEN 'free' WHEN g.on_unique = 'replace' AND holder.waits THEN 'displaces'
                   WHEN g.on_unique = 'coalesce' THEN 'instead' ELSE 'taken' END;
    END IF;
    IF what IN ('free', 'displaces') THEN
      ours := ours || jsonb_build_object(g.key, g.id);
    END IF;
    RETURN NEXT;
  END LOOP;
END $$;

-- The same words as the product's own events, in the same order of bytes.
CREATE FUNCTION bus.tell(tenant uuid, actor uuid, its_kind text, events jsonb) RETURNS void LANGUAGE sql VOLATILE AS $$
  INSERT INTO audit_event (event_id, tenant_id, class, occurred_at, actor_type, actor, action, resource_type, resource,
                           outcome, change_id, canon, leaf)
  SELECT e.id, $1, 'compliance', now(), its_kind, $2, e.action, 'command', e.name, e.outcome, e.change_id, e.canon,
         sha256('\x00'::bytea || e.canon)
    FROM (SELECT m.*, convert_to(
            '{"action":' || bus.said(m.action) || ',"actor":' || bus.said($2::text) || ',"actor_type":' || bus.said(its_kind)
            || ',"after":' || m.after || ',"before":null,"change":' || bus.said(m.change_id::text)
            || ',"id":' || bus.said(m.id::text) || ',"occurred_at":'
            || bus.said(to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'))
            || ',"outcome":' || bus.said(m.outcome) || ',"reason":null,"resource":' || bus.said(m.name)
            || ',"resource_type":"command","run_id":null,"salt":' || bus.said(encode(uuid_send(gen_random_uuid()), 'hex'))
            || ',"source_ip":null,"tenant":' || bus.said($1::text) || ',"trace_id":null,"workflow_id":null}', 'UTF8') AS canon
          FROM (SELECT gen_random_uuid() AS id, g.*
                  FROM ROWS FROM (jsonb_to_recordset(events)
                    AS (action text, name text, outcome text, change_id uuid, after text)) WITH ORDINALITY
                    AS g (action, name, outcome, change_id, after, n)
                 ORDER BY g.n) AS m) AS e
$$;

-- In the caller's transaction. A conflict is an answer and no error: all or none are sent, and the caller goes on.
CREATE FUNCTION bus.send_v2(tenant uuid, actor uuid, commands jsonb)
RETURNS TABLE (n int, replayed boolean, coalesced boolean, purged boolean, differs text[], taken text, id text,
  correlation uuid, state text, parked text, attempt int, result jsonb)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = bus, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  its_kind text;
  wrong jsonb;
  fresh text[];
  keyed jsonb := '[]';
  events jsonb;
  moved int;
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
  IF (SELECT count(DISTINCT (g.domain, g.unique_key)) FROM bus.given($3) g WHERE g.unique_key IS NOT NULL) > 200 THEN
    wrong := '[{"path": "/commands", "message": "at most 200 unique keys"}]';
  END IF;
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION 'the input is not valid' USING ERRCODE = 'CB422', DETAIL = jsonb_build_object('faults', wrong)::text;
  END IF;

  IF jsonb_path_exists($3, '$[*].unique_key ? (@ != null)') THEN
    -- Whoever shares one that is there waits for nobody; who takes a key waits for all who do.
    SELECT coalesce(jsonb_agg(k ORDER BY k.n), '[]') INTO keyed FROM bus.keyed($1, $3) k;
    IF keyed @> '[{"what": "free"}]' OR keyed @> '[{"what": "displaces"}]' THEN
      PERFORM pg_advisory_xact_lock(numbers.number)
         FROM (SELECT DISTINCT unique_key_lock($1, g.domain, g.unique_key) AS number
                 FROM bus.given($3) g WHERE g.unique_key IS NOT NULL ORDER BY number) AS numbers;
      SELECT coalesce(jsonb_agg(k ORDER BY k.n), '[]') INTO keyed FROM bus.keyed($1, $3) k;
    END IF;
  END IF;

  BEGIN
    IF keyed @> '[{"what": "taken"}]' THEN
      RAISE EXCEPTION 'another has its unique key' USING ERRCODE = 'CB409';
    END IF;
    IF keyed @> '[{"what": "displaces"}]' THEN
      WITH displaced AS (
        UPDATE command c
           SET state = 'canceled', ended_at = now(), version = c.version + 1, error = jsonb_build_object(
                 'kind', 'superseded', 'code', 'superseded', 'message', 'another took its place',
                 'details', jsonb_build_object('by', k.domain || '/' || k.id))
          FROM jsonb_to_recordset(keyed) AS k (n int, domain text, id text, what text, other text)
         WHERE k.what = 'displaces' AND c.tenant_id = $1 AND c.domain = k.domain AND c.command_id = k.other
           AND c.state = 'pending' AND c.epoch = 1 AND c.attempt = 0 AND c.crashes = 0
        RETURNING c.domain || '/' || c.command_id AS name, k.domain || '/' || k.id AS by, c.change_id, k.n)
      SELECT count(*), jsonb_agg(jsonb_build_object(
               'action', 'command:record:canceled', 'name', d.name, 'outcome', 'failure', 'change_id', d.change_id, 'after',
               '{"attempt":0,"by":' || bus.said(d.by) || ',"code":"superseded","epoch":1,"state":"canceled"}') ORDER BY d.n)
        INTO moved, events FROM displaced d;
      -- One that was begun since is looked at again: it may be over, or have its key.
      IF moved < (SELECT count(*) FROM jsonb_to_recordset(keyed) AS k (what text) WHERE k.what = 'displaces') THEN
        SELECT coalesce(jsonb_agg(CASE WHEN h.held THEN e.k || '{"what": "taken"}' ELSE e.k END), '[]') INTO keyed
          FROM jsonb_array_elements(keyed) AS e (k)
         CROSS JOIN LATERAL (SELECT e.k ->> 'what' = 'displaces' AND EXISTS (
                 SELECT FROM command c WHERE c.tenant_id = $1 AND c.domain = e.k ->> 'domain'
                    AND c.command_id = e.k ->> 'other' AND c.ended_at IS NULL) AS held) AS h;
        IF keyed @> '[{"what": "taken"}]' THEN
          RAISE EXCEPTION 'another has its unique key' USING ERRCODE = 'CB409';
        END IF;
      END IF;
      PERFORM bus.tell($1, $2, its_kind, coalesce(events, '[]'));
    END IF;

    WITH added AS (
      INSERT INTO command AS c (tenant_id, domain, command_id, type, schema_version, payload, fingerprint, not_before,
        expires_at, priority, ordering_key, max_attempts, correlation, causation, change_id, sender, sent_at, seq, state,
        epoch, attempt, crashes, due_at, rank, version, entity, effective_date, reply_to, unique_key, on_unique)
      SELECT $1, i.domain, i.id, i.type, i.schema_version, i.payload, i.fingerprint, i.not_before, i.expires_at,
             i.priority, i.ordering_key, i.max_attempts, coalesce(i.correlation, gen_random_uuid()), i.causation,
             i.change, $2, now(), i.seq, 'pending', 1, 0, 0, i.due_at, i.due_at - i.priority * interval '1 minute', 1,
             i.entity, i.effective_date, i.reply_to, i.unique_key, i.on_unique
        FROM (SELECT g.*, coalesce(g.not_before, now()) AS due_at, nextval('command_seq') AS seq
                FROM (SELECT * FROM bus.given($3) ORDER BY n) AS g) AS i
       WHERE NOT EXISTS (SELECT FROM command_purged p WHERE p.tenant_id = $1 AND p.domain = i.domain
                                                        AND p.command_id = i.id AND p.known_until > now())
         AND NOT EXISTS (SELECT FROM jsonb_to_recordset(keyed) AS k (domain text, id text, what text)
                          WHERE k.what = 'instead' AND k.domain = i.domain AND k.id = i.id)
       ORDER BY i.domain, i.id, i.seq
      ON CONFLICT DO NOTHING
      RETURNING c.domain || '/' || c.command_id AS name)
    SELECT coalesce(array_agg(a.name), '{}') INTO fresh FROM added a;
    IF EXISTS (SELECT FROM bus.given($3) g JOIN command c
                 ON c.tenant_id = $1 AND c.domain = g.domain AND c.command_id = g.id AND c.fingerprint <> g.fingerprint)
      OR EXISTS (SELECT FROM bus.given($3) g JOIN command_purged p
                 ON p.tenant_id = $1 AND p.domain = g.domain AND p.command_id = g.id AND p.fingerprint <> g.fingerprint
                AND p.known_until > now()) THEN
      RAISE EXCEPTION 'one says something else' USING ERRCODE = 'CB409';
    END IF;
  EXCEPTION WHEN SQLSTATE 'CB409' THEN
    RETURN QUERY
      SELECT k.n, false, false, false, NULL::text[], k.domain || '/' || k.other, k.id, NULL::uuid, coalesce(c.state, 'pending'),
             NULL::text, 0, NULL::jsonb
        FROM jsonb_to_recordset(keyed) AS k (n int, domain text, id text, what text, other text)
        LEFT JOIN command c ON c.tenant_id = $1 AND c.domain = k.domain AND c.command_id = k.other
       WHERE k.what = 'taken'
       ORDER BY k.n;
    IF FOUND THEN
      RETURN;
    END IF;
    RETURN QUERY
      SELECT g.n, true, false, o.purged, CASE WHEN o.purged THEN '{}' ELSE array_remove(ARRAY[
               CASE WHEN o.type IS DISTINCT FROM g.type THEN 'type' END,
               CASE WHEN o.schema_version IS DISTINCT FROM g.schema_version THEN 'schema_version' END,
               CASE WHEN o.payload IS DISTINCT FROM g.payload THEN 'payload' END,
               CASE WHEN o.not_before IS DISTINCT FROM g.not_before THEN 'not_before' END,
               CASE WHEN o.expires_at IS DISTINCT FROM g.expires_at THEN 'expires_at' END,
               CASE WHEN o.priority IS DISTINCT FROM g.priority THEN 'priority' END,
               CASE WHEN o.ordering_key IS DISTINCT FROM g.ordering_key THEN 'ordering_key' END,
               CASE WHEN o.max_attempts IS DISTINCT FROM g.max_attempts THEN 'max_attempts' END,
               CASE WHEN o.entity IS DISTINCT FROM g.entity THEN 'entity' END,
               CASE WHEN o.effective_date IS DISTINCT FROM g.effective_date THEN 'effective_date' END,
               CASE WHEN o.reply_to IS DISTINCT FROM g.reply_to THEN 'reply_to' END,
               CASE WHEN o.unique_key IS DISTINCT FROM g.unique_key THEN 'unique_key' END,
               CASE WHEN o.on_unique IS DISTINCT FROM g.on_unique THEN 'on_unique' END], NULL) END,
             NULL::text, g.id, NULL::uuid, o.state, NULL::text, 0, NULL::jsonb
        FROM bus.given($3) g
        CROSS JOIN LATERAL (
          SELECT c.fingerprint, c.type, c.schema_version, c.payload, c.not_before, c.expires_at, c.priority, c.ordering_key,
                 c.max_attempts, c.state, c.entity, c.effective_date, c.reply_to, c.unique_key, c.on_unique, false AS purged
            FROM command c WHERE c.tenant_id = $1 AND c.domain = g.domain AND c.command_id = g.id
          UNION ALL
          SELECT p.fingerprint, p.type, NULL, NULL, NULL, NULL, NULL, NULL, NULL, p.state, NULL, NULL, NULL, NULL, NULL, true
            FROM command_purged p
           WHERE p.tenant_id = $1 AND p.domain = g.domain AND p.command_id = g.id AND p.known_until > now()
          UNION ALL
          SELECT f.fingerprint, f.type, f.schema_version, f.payload, f.not_before, f.expires_at, f.priority, f.ordering_key,
                 f.max_attempts, 'pending', f.entity, f.effective_date, f.reply_to, f.unique_key, f.on_unique, false
            FROM bus.given($3) f WHERE f.domain = g.domain AND f.id = g.id AND f.n < g.n
          LIMIT 1) AS o
       WHERE o.fingerprint <> g.fingerprint
       ORDER BY g.n;
    RETURN;
  END;

  SELECT jsonb_agg(jsonb_build_object(
           'action', 'command:record:sent', 'name', c.domain || '/' || c.command_id, 'outcome', 'success',
           'change_id', c.change_id, 'after', '{"causation":' || bus.said(c.causation) || ',"correlation":'
           || bus.said(c.correlation::text) || ',"fingerprint":' || bus.said(c.fingerprint) || ',"schema_version":'
           || c.schema_version || ',"type":' || bus.said(c.type) || '}') ORDER BY c.seq)
    INTO events
    FROM command c
   WHERE c.tenant_id = $1 AND (c.domain, c.command_id) IN (SELECT g.domain, g.id FROM bus.given($3) g)
     AND c.domain || '/' || c.command_id = ANY (fresh);
  PERFORM bus.tell($1, $2, its_kind, coalesce(events, '[]'));

  RETURN QUERY
    SELECT g.n, k.other IS NULL AND (NOT (g.domain || '/' || g.id = ANY (fresh)) OR EXISTS (
             SELECT FROM bus.given($3) f WHERE f.domain = g.domain AND f.id = g.id AND f.n < g.n)),
           k.other IS NOT NULL, c.command_id IS NULL, NULL::text[], NULL::text, coalesce(k.other, g.id),
           coalesce(c.correlation, p.correlation), coalesce(c.state, p.state), c.parked, coalesce(c.attempt, p.attempt),
           CASE WHEN k.other IS NULL OR c.sender = $2 THEN c.result END
      FROM bus.given($3) g
      LEFT JOIN jsonb_to_recordset(keyed) AS k (domain text, id text, what text, other text)
        ON k.what = 'instead' AND k.domain = g.domain AND k.id = g.id
      LEFT JOIN command c ON c.tenant_id = $1 AND c.domain = g.domain AND c.command_id = coalesce(k.other, g.id)
      LEFT JOIN command_purged p ON p.tenant_id = $1 AND p.domain = g.domain AND p.command_id = g.id AND c.command_id IS NULL
     ORDER BY g.n;
END $$;
COMMENT ON FUNCTION bus.send_v2 IS
  'one row for each command; rows that differ or whose unique key is taken are conflicts, and then nothing was sent';
GRANT EXECUTE ON FUNCTION bus.send_v2 TO changegate_app, changegate_sender;

-- Clients that know none of this send as they did.
CREATE OR REPLACE FUNCTION bus.send_v1(tenant uuid, actor uuid, commands jsonb)
RETURNS TABLE (n int, replayed boolean, differs text[], correlation uuid, state text, parked text, attempt int, result jsonb)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = bus, public, pg_temp AS $$
  SELECT s.n, s.replayed, s.differs, s.correlation, s.state, s.parked, s.attempt, s.result
    FROM bus.send_v2($1, $2, (
           SELECT coalesce(jsonb_agg(e.one - ARRAY['reply_to', 'unique_key', 'on_unique'] ORDER BY e.nth), '[]')
             FROM jsonb_array_elements($3) WITH ORDINALITY AS e (one, nth))) AS s
   ORDER BY s.n
$$;
RESET ROLE;

SET LOCAL ROLE changegate_owner;
REVOKE CREATE ON SCHEMA bus FROM changegate_bus;
RESET ROLE;

-- Taking old commands away is nobody's right but that of two functions: what is over, in the tenant that is bound.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'changegate_purger') THEN
    CREATE ROLE changegate_purger NOLOGIN NOSUPERUSER NOBYPASSRLS;
  END IF;
  EXECUTE format('GRANT changegate_purger TO %I', current_user);
END $$;
GRANT USAGE, CREATE ON SCHEMA public TO changegate_purger;

SET LOCAL ROLE changegate_owner;
CREATE INDEX command_operation_of ON command_operation (tenant_id, domain, command_id);
GRANT SELECT, DELETE ON command TO changegate_purger;
GRANT SELECT, INSERT, UPDATE, DELETE ON command_purged TO changegate_purger;
CREATE POLICY purges ON command TO changegate_purger
  USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid AND ended_at IS NOT NULL);
CREATE POLICY purges ON command_purged TO changegate_purger
  USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid);
GRANT SELECT (sent_at) ON command TO changegate_relay;
GRANT SELECT (tenant_id, known_until) ON command_purged TO changegate_relay;
CREATE POLICY relay ON command_purged FOR SELECT TO changegate_relay USING (true);
RESET ROLE;

SET LOCAL ROLE changegate_purger;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- What another table points to, as what somebody decided about it, stays with that.
CREATE FUNCTION purge_commands(keys jsonb, known interval) RETURNS SETOF command_purged
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  gone command;
  remains command_purged;
BEGIN
  FOR gone IN
    SELECT c.* FROM command c JOIN jsonb_to_recordset(keys) AS k (domain text, command_id text) USING (domain, command_id)
     WHERE c.tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid AND c.ended_at < now() - interval '1 day'
     ORDER BY c.domain, c.command_id LIMIT 1000
  LOOP
    BEGIN
      DELETE FROM command c
       WHERE c.tenant_id = gone.tenant_id AND c.domain = gone.domain AND c.command_id = gone.command_id;
      CONTINUE WHEN NOT FOUND;
      INSERT INTO command_purged AS p
        VALUES (gone.tenant_id, gone.domain, gone.command_id, gone.type, gone.fingerprint, gone.state, gone.correlation, gone.sender,
                gone.sent_at, gone.ended_at, gone.epoch, gone.attempt, now(), now() + known)
        ON CONFLICT (tenant_id, domain, command_id) DO UPDATE
          SET type = excluded.type, fingerprint = excluded.fingerprint, state = excluded.state, sender = excluded.sender,
              correlation = excluded.correlation, sent_at = excluded.sent_at, ended_at = excluded.ended_at,
              epoch = excluded.epoch, attempt = excluded.attempt, purged_at = excluded.purged_at,
              known_until = excluded.known_until
        RETURNING p.* INTO remains;
      RETURN NEXT remains;
    EXCEPTION WHEN foreign_key_violation THEN
      NULL;
    END;
  END LOOP;
END $$;

CREATE FUNCTION forget_purged_commands(most int) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  forgotten int;
BEGIN
  DELETE FROM command_purged p
   USING (SELECT o.tenant_id, o.domain, o.command_id FROM command_purged o
           WHERE o.tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid AND o.known_until <= now()
           ORDER BY o.known_until LIMIT most) AS over
   WHERE p.tenant_id = over.tenant_id AND p.domain = over.domain AND p.command_id = over.command_id;
  GET DIAGNOSTICS forgotten = ROW_COUNT;
  RETURN forgotten;
END $$;
GRANT EXECUTE ON FUNCTION purge_commands, forget_purged_commands TO changegate_app;
RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM changegate_purger;

GRANT CREATE ON SCHEMA public TO changegate_relay;
SET LOCAL ROLE changegate_relay;
-- From tenant to tenant by the index, however many commands one has.
CREATE FUNCTION find_old_commands(age interval) RETURNS TABLE (tenant_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH RECURSIVE home AS (
    (SELECT c.tenant_id FROM command c ORDER BY c.tenant_id LIMIT 1)
    UNION ALL
    SELECT (SELECT c.tenant_id FROM command c WHERE c.tenant_id > h.tenant_id ORDER BY c.tenant_id LIMIT 1)
      FROM home h WHERE h.tenant_id IS NOT NULL)
  SELECT h.tenant_id FROM home h
   WHERE EXISTS (SELECT FROM command c WHERE c.tenant_id = h.tenant_id AND c.sent_at < now() - age)
  UNION
  SELECT p.tenant_id FROM command_purged p WHERE p.known_until <= now()
$$;
REVOKE ALL ON FUNCTION find_old_commands FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_old_commands TO changegate_app;
RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM changegate_relay;
