SET LOCAL ROLE changegate_owner;

-- Several changes may wait for one target; what excludes is the lock, and it is taken when a rollout is about to start.
DROP INDEX one_open_rollout;
CREATE INDEX rollout_waiting ON rollout (state) WHERE state IN ('QUEUED', 'BLOCKED');

-- What an open rollout wants to write. A row with a token holds its place, one without waits for it.
CREATE TABLE target_lock (
  tenant_id     uuid NOT NULL REFERENCES tenant,
  rollout_id    uuid NOT NULL,
  environment   environment NOT NULL,
  kind          text NOT NULL,
  key           text NOT NULL,
  scope         text NOT NULL DEFAULT '',
  priority      int NOT NULL DEFAULT 0,
  queued_at     timestamptz,
  token         bigint,
  taken_at      timestamptz,
  superseded_by uuid,
  PRIMARY KEY (tenant_id, rollout_id, environment, kind, key, scope),
  CHECK ((token IS NULL) = (taken_at IS NULL))
);
CREATE UNIQUE INDEX one_holder ON target_lock (tenant_id, environment, kind, key, scope) WHERE token IS NOT NULL;
CREATE INDEX target_lock_by_place ON target_lock (environment, kind, key);
COMMENT ON COLUMN target_lock.queued_at IS 'since when it stands in the queue: when its change was approved';
CREATE SEQUENCE target_lock_token;
GRANT USAGE ON SEQUENCE target_lock_token TO changegate_app;

CREATE TABLE release_freeze (
  tenant_id   uuid NOT NULL REFERENCES tenant,
  freeze_id   uuid NOT NULL,
  kind        text NOT NULL CHECK (kind IN ('freeze', 'block')),
  environment environment,
  kinds       text[] NOT NULL DEFAULT '{}',
  prefix      text NOT NULL DEFAULT '',
  tag         text,
  starts      timestamptz NOT NULL,
  ends        timestamptz NOT NULL,
  running     text NOT NULL CHECK (running IN ('continue', 'pause')),
  owner       text NOT NULL,
  reason      text NOT NULL,
  created_by  uuid NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now(),
  lifted_at   timestamptz,
  lifted_by   uuid,
  PRIMARY KEY (tenant_id, freeze_id),
  CHECK (ends > starts AND ends <= starts + interval '90 days'),
  CHECK ((lifted_at IS NULL) = (lifted_by IS NULL))
);
CREATE INDEX release_freeze_standing ON release_freeze (tenant_id, ends) WHERE lifted_at IS NULL;

-- Windows in which rollouts may start, and what an environment asks of them: every version, the newest holds.
CREATE TABLE release_rule (
  tenant_id  uuid NOT NULL REFERENCES tenant,
  kind       text NOT NULL CHECK (kind IN ('window', 'policy')),
  name       text NOT NULL,
  version    bigint NOT NULL CHECK (version > 0),
  content    jsonb NOT NULL,
  written_by uuid NOT NULL,
  written_at timestamptz NOT NULL DEFAULT now(),
  reason     text NOT NULL,
  request    uuid,
  PRIMARY KEY (tenant_id, kind, name, version),
  UNIQUE (tenant_id, request)
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON release_rule
  FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();

-- What is under way holds its targets already. Forced policies show not even the owner what is there.
ALTER TABLE rollout NO FORCE ROW LEVEL SECURITY;
ALTER TABLE change_set NO FORCE ROW LEVEL SECURITY;
ALTER TABLE tenant NO FORCE ROW LEVEL SECURITY;
INSERT INTO target_lock (tenant_id, rollout_id, environment, kind, key, scope, token, taken_at)
  SELECT o.tenant_id, o.rollout_id, o.environment, o.kind, o.key, o.scope,
         CASE WHEN o.held THEN nextval('target_lock_token') END, CASE WHEN o.held THEN now() END
    FROM (SELECT DISTINCT r.tenant_id, r.rollout_id, (t ->> 'environment')::environment AS environment, t ->> 'kind' AS kind,
                 CASE WHEN t ->> 'kind' = 'setting' THEN t -> 'content' ->> 'key' ELSE t ->> 'key' END AS key,
                 CASE WHEN t ->> 'kind' = 'setting' THEN t -> 'content' ->> 'scope' ELSE '' END AS scope,
                 r.state NOT IN ('AWAITING_APPROVAL', 'SCHEDULED', 'QUEUED') AS held
            FROM rollout r JOIN change_set c ON (c.tenant_id, c.change_id) = (r.tenant_id, r.rollout_id)
           CROSS JOIN jsonb_array_elements(c.content -> 'targets') AS t
           WHERE NOT r.terminal) AS o
  ON CONFLICT DO NOTHING;
ALTER TABLE rollout FORCE ROW LEVEL SECURITY;
ALTER TABLE change_set FORCE ROW LEVEL SECURITY;
ALTER TABLE tenant FORCE ROW LEVEL SECURITY;

DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['target_lock', 'release_freeze', 'release_rule']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format($p$CREATE POLICY own_tenant ON %I TO changegate_app
      USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)
      WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)$p$, t);
    EXECUTE format('GRANT SELECT, INSERT ON %I TO changegate_app', t);
  END LOOP;
END $$;
GRANT DELETE, UPDATE (priority, queued_at, token, taken_at, superseded_by) ON target_lock TO changegate_app;
GRANT UPDATE (lifted_at, lifted_by) ON release_freeze TO changegate_app;
GRANT UPDATE (base_version) ON rollout TO changegate_app;

GRANT SELECT ON target_lock, release_freeze TO changegate_relay;
CREATE POLICY relay ON target_lock FOR SELECT TO changegate_relay USING (true);
CREATE POLICY relay ON release_freeze FOR SELECT TO changegate_relay USING (true);
RESET ROLE;
GRANT CREATE ON SCHEMA public TO changegate_relay;
SET LOCAL ROLE changegate_relay;

-- Who wants or holds the same things here, above or below the tenant that asks.
CREATE FUNCTION find_rivals(environments environment[], kinds text[], keys text[])
RETURNS TABLE (tenant_id uuid, rollout_id uuid, environment environment, kind text, key text, scope text,
  priority int, queued_at timestamptz, token bigint, superseded_by uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT DISTINCT l.tenant_id, l.rollout_id, l.environment, l.kind, l.key, l.scope,
         l.priority, l.queued_at, l.token, l.superseded_by
    FROM unnest(environments, kinds, keys) AS w (environment, kind, key)
    JOIN target_lock l USING (environment, kind, key)
    JOIN tenant t ON t.tenant_id = l.tenant_id
    JOIN tenant me ON me.tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid
   WHERE l.tenant_id = me.tenant_id OR l.tenant_id = ANY (me.ancestors) OR me.tenant_id = ANY (t.ancestors)
$$;

-- What a tenant froze is frozen for all below it; who did so, and why, stays with that tenant.
CREATE FUNCTION find_freezes(ending_after timestamptz)
RETURNS TABLE (tenant_id uuid, freeze_id uuid, kind text, environment environment, kinds text[], prefix text,
  tag text, starts timestamptz, ends timestamptz, running text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT f.tenant_id, f.freeze_id, f.kind, f.environment, f.kinds, f.prefix, f.tag, f.starts, f.ends, f.running
    FROM tenant me JOIN release_freeze f ON f.tenant_id = ANY (me.ancestors || me.tenant_id)
   WHERE me.tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid
     AND f.lifted_at IS NULL AND f.ends > ending_after
$$;

-- Each kind has a share of its own, and no order: what waits for ever hides nobody.
CREATE FUNCTION find_turns() RETURNS TABLE (kind text, tenant_id uuid, id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  (SELECT 'queued', r.tenant_id, r.rollout_id FROM rollout r
    WHERE r.state = 'QUEUED' AND NOT EXISTS (
      SELECT FROM target_lock mine JOIN target_lock held USING (tenant_id, environment, kind, key, scope)
       WHERE mine.tenant_id = r.tenant_id AND mine.rollout_id = r.rollout_id
         AND held.rollout_id <> r.rollout_id AND held.token IS NOT NULL AND held.superseded_by IS NULL)
    ORDER BY random() LIMIT 500)
  UNION ALL
  (SELECT 'blocked', r.tenant_id, r.rollout_id FROM rollout r
    WHERE r.state = 'BLOCKED' ORDER BY random() LIMIT 500)
  UNION ALL
  (SELECT DISTINCT 'superseded', l.tenant_id, l.rollout_id
     FROM target_lock l JOIN rollout r USING (tenant_id, rollout_id)
    WHERE l.token IS NOT NULL AND l.superseded_by IS NOT NULL AND r.state IN ('RUNNING', 'PAUSED', 'BAKING')
    LIMIT 500)
$$;

REVOKE ALL ON FUNCTION find_rivals(environment[], text[], text[]), find_freezes(timestamptz), find_turns() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_rivals(environment[], text[], text[]), find_freezes(timestamptz), find_turns()
  TO changegate_app;
RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM changegate_relay;
