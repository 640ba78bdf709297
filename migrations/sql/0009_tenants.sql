SET LOCAL ROLE changegate_owner;

-- Tenants that are there already were made by whoever runs the installation: they are roots, without limits.
ALTER TABLE tenant
  ADD COLUMN tier         text NOT NULL DEFAULT 'enterprise' CHECK (tier IN ('free', 'pro', 'enterprise')),
  ADD COLUMN quotas       jsonb NOT NULL DEFAULT '{}',
  ADD COLUMN labels       jsonb NOT NULL DEFAULT '{}',
  ADD COLUMN parent       uuid REFERENCES tenant,
  ADD COLUMN ancestors    uuid[] NOT NULL DEFAULT '{}',
  ADD COLUMN suspended_at timestamptz,
  ADD COLUMN deleted_at   timestamptz,
  ADD COLUMN version      bigint NOT NULL DEFAULT 1,
  ADD CONSTRAINT parent_is_the_last_ancestor CHECK (parent IS NOT DISTINCT FROM ancestors[cardinality(ancestors)]);
CREATE INDEX tenant_below ON tenant USING gin (ancestors);
GRANT UPDATE (name, tier, quotas, labels, suspended_at, deleted_at, version) ON tenant TO changegate_app;

-- Who is bound to a tenant sees the tenants below it, and of these nothing but this row.
CREATE POLICY subtree ON tenant FOR SELECT TO changegate_app
  USING (ancestors @> ARRAY[NULLIF(current_setting('app.tenant_id', true), '')::uuid]);

CREATE TABLE tenant_version (
  tenant_id  uuid NOT NULL REFERENCES tenant,
  version    bigint NOT NULL CHECK (version > 0),
  record     jsonb NOT NULL,
  request    uuid,
  written_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, version),
  UNIQUE (tenant_id, request)
);

CREATE TABLE tenant_template (
  tenant_id  uuid NOT NULL REFERENCES tenant,
  name       text NOT NULL,
  version    bigint NOT NULL CHECK (version > 0),
  content    jsonb NOT NULL,
  written_by uuid,
  written_at timestamptz NOT NULL DEFAULT now(),
  reason     text NOT NULL,
  request    uuid,
  PRIMARY KEY (tenant_id, name, version),
  UNIQUE (tenant_id, request)
);

-- What a tenant says of a setting for all below it; no lock is one that was let go. What it does there are entries.
CREATE TABLE tenant_lock (
  tenant_id   uuid NOT NULL REFERENCES tenant,
  environment environment NOT NULL,
  key         text NOT NULL,
  version     bigint NOT NULL CHECK (version > 0),
  lock        jsonb,
  written_by  uuid,
  written_at  timestamptz NOT NULL DEFAULT now(),
  reason      text NOT NULL,
  request     uuid,
  PRIMARY KEY (tenant_id, environment, key, version),
  UNIQUE (tenant_id, request)
);

-- How many of each thing there are, and how many there may be at most: null is as many as you like.
CREATE TABLE tenant_use (
  tenant_id uuid NOT NULL REFERENCES tenant,
  quota     text NOT NULL,
  used      bigint NOT NULL DEFAULT 0,
  most      bigint,
  PRIMARY KEY (tenant_id, quota)
);

DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['tenant_version', 'tenant_template', 'tenant_lock', 'tenant_use']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format($p$CREATE POLICY own_tenant ON %I TO changegate_app
      USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)
      WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)$p$, t);
    EXECUTE format('GRANT SELECT, INSERT ON %I TO changegate_app', t);
  END LOOP;
END $$;
GRANT UPDATE (most) ON tenant_use TO changegate_app;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON tenant_version FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON tenant_template FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON tenant_lock FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();

-- Forced policies show not even the owner what is there already.
ALTER TABLE tenant NO FORCE ROW LEVEL SECURITY;
ALTER TABLE flag NO FORCE ROW LEVEL SECURITY;
ALTER TABLE principal NO FORCE ROW LEVEL SECURITY;
ALTER TABLE setting_definition NO FORCE ROW LEVEL SECURITY;
ALTER TABLE setting_entry NO FORCE ROW LEVEL SECURITY;
ALTER TABLE tenant_use NO FORCE ROW LEVEL SECURITY;
INSERT INTO tenant_use (tenant_id, quota, used)
  SELECT t.tenant_id, q.quota, coalesce(c.used, 0)
    FROM tenant t
   CROSS JOIN unnest(ARRAY['flags', 'setting_definitions', 'setting_values', 'people', 'tenants', 'templates']) AS q (quota)
    LEFT JOIN (
      SELECT tenant_id, 'flags' AS quota, count(*) AS used FROM flag WHERE key <> '$evaluators' GROUP BY tenant_id
      UNION ALL SELECT tenant_id, 'people', count(*) FROM principal GROUP BY tenant_id
      UNION ALL SELECT tenant_id, 'setting_definitions', count(*) FROM setting_definition GROUP BY tenant_id
      UNION ALL SELECT tenant_id, 'setting_values', count(*) FROM setting_entry WHERE version = 1 GROUP BY tenant_id
    ) AS c USING (tenant_id, quota);
ALTER TABLE tenant FORCE ROW LEVEL SECURITY;
ALTER TABLE flag FORCE ROW LEVEL SECURITY;
ALTER TABLE principal FORCE ROW LEVEL SECURITY;
ALTER TABLE setting_definition FORCE ROW LEVEL SECURITY;
ALTER TABLE setting_entry FORCE ROW LEVEL SECURITY;
ALTER TABLE tenant_use FORCE ROW LEVEL SECURITY;

CREATE FUNCTION begin_to_count() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO tenant_use (tenant_id, quota)
    SELECT NEW.tenant_id,
           unnest(ARRAY['flags', 'setting_definitions', 'setting_values', 'people', 'tenants', 'templates']);
  RETURN NULL;
END $$;
CREATE TRIGGER begin_to_count AFTER INSERT ON tenant FOR EACH ROW EXECUTE FUNCTION begin_to_count();

-- What a statement added is remembered until the transaction ends: who took the counter's row sooner would hold it while
-- waiting for rows that others hold, who wait for the counter.
CREATE FUNCTION remember_growth(of_tenant uuid, of_quota text, added bigint) RETURNS void LANGUAGE sql AS $$
  SELECT set_config('app.grown', (g.grown || jsonb_build_object(g.place, coalesce((g.grown ->> g.place)::bigint, 0) + added))::text, true)
    FROM (SELECT coalesce(nullif(current_setting('app.grown', true), ''), '{}')::jsonb AS grown,
                 of_tenant || '/' || of_quota AS place) AS g
$$;

CREATE FUNCTION grown() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM remember_growth(tenant_id, TG_ARGV[0], count(*)) FROM added GROUP BY tenant_id;
  RETURN NULL;
END $$;
CREATE FUNCTION grown_by_flags() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM remember_growth(tenant_id, 'flags', count(*)) FROM added WHERE key <> '$evaluators' GROUP BY tenant_id;
  RETURN NULL;
END $$;
CREATE FUNCTION grown_by_firsts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM remember_growth(tenant_id, TG_ARGV[0], count(*)) FROM added WHERE version = 1 GROUP BY tenant_id;
  RETURN NULL;
END $$;
CREATE FUNCTION grown_by_children() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM remember_growth(parent, 'tenants', count(*)) FROM added WHERE parent IS NOT NULL GROUP BY parent;
  RETURN NULL;
END $$;
CREATE TRIGGER grown AFTER INSERT ON flag REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION grown_by_flags();
CREATE TRIGGER grown AFTER INSERT ON principal REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION grown('people');
CREATE TRIGGER grown AFTER INSERT ON setting_definition REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION grown('setting_definitions');
CREATE TRIGGER grown AFTER INSERT ON setting_entry REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION grown_by_firsts('setting_values');
CREATE TRIGGER grown AFTER INSERT ON tenant_template REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION grown_by_firsts('templates');
CREATE TRIGGER grown AFTER INSERT ON tenant REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION grown_by_children();

GRANT SELECT (tenant_id, quota, used, most), UPDATE (used) ON tenant_use TO changegate_relay;
GRANT SELECT (ancestors, suspended_at, deleted_at) ON tenant TO changegate_relay;
CREATE POLICY relay ON tenant_use TO changegate_relay USING (true);
RESET ROLE;
GRANT CREATE ON SCHEMA public TO changegate_relay;
SET LOCAL ROLE changegate_relay;

-- Counters are taken last of all locks and always in one order, and only here: nothing but growth moves them.
CREATE FUNCTION settle_growth() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  grown text := nullif(current_setting('app.grown', true), '');
  one record;
  full_at tenant_use%ROWTYPE;
BEGIN
  IF grown IS NULL OR grown = '{}' THEN
    RETURN NULL;
  END IF;
  PERFORM set_config('app.grown', '{}', true);
  FOR one IN SELECT key, value::bigint AS added FROM jsonb_each_text(grown::jsonb) ORDER BY key
  LOOP
    UPDATE tenant_use u SET used = u.used + one.added
     WHERE u.tenant_id = split_part(one.key, '/', 1)::uuid AND u.quota = split_part(one.key, '/', 2)
    RETURNING u.tenant_id, u.quota, u.used, u.most INTO full_at;
    IF full_at.used > full_at.most THEN
      RAISE EXCEPTION 'quota exceeded' USING ERRCODE = 'check_violation', CONSTRAINT = 'quota_is_kept',
        DETAIL = json_build_object('quota', full_at.quota, 'limit', full_at.most, 'used', full_at.used - one.added)::text;
    END IF;
  END LOOP;
  RETURN NULL;
END $$;

CREATE FUNCTION standing_of(wanted uuid) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT CASE WHEN bool_or(a.deleted_at IS NOT NULL) THEN 'deleted'
              WHEN bool_or(a.suspended_at IS NOT NULL) THEN 'suspended' ELSE 'active' END
    FROM tenant t JOIN tenant a ON a.tenant_id = ANY (t.ancestors || t.tenant_id)
   WHERE t.tenant_id = wanted
$$;

-- A tenant that is deleted, or below one that is, has no members.
DROP FUNCTION find_memberships(text, text);
CREATE FUNCTION find_memberships(of_issuer text, of_subject text)
RETURNS TABLE (tenant_id uuid, slug text, name text, principal_id uuid, standing text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT t.tenant_id, t.slug, t.name, p.principal_id, s.standing
    FROM principal p JOIN tenant t USING (tenant_id), standing_of(t.tenant_id) AS s (standing)
   WHERE p.issuer = of_issuer AND p.subject = of_subject AND s.standing <> 'deleted'
   ORDER BY t.slug
$$;

CREATE FUNCTION ancestors_are_true() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF NEW.parent IS NOT NULL
     AND NEW.ancestors IS DISTINCT FROM (SELECT t.ancestors || t.tenant_id FROM tenant t WHERE t.tenant_id = NEW.parent) THEN
    RAISE EXCEPTION 'a tenant stands below its parent' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;

REVOKE ALL ON FUNCTION standing_of(uuid), find_memberships(text, text), settle_growth(), ancestors_are_true()
  FROM PUBLIC;
GRANT EXECUTE ON FUNCTION standing_of(uuid), find_memberships(text, text) TO changegate_app;
GRANT EXECUTE ON FUNCTION settle_growth(), ancestors_are_true() TO changegate_owner;
RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM changegate_relay;
SET LOCAL ROLE changegate_owner;

CREATE TRIGGER ancestors_are_true BEFORE INSERT ON tenant FOR EACH ROW EXECUTE FUNCTION ancestors_are_true();
-- Whoever remembers callers hears at once that a tenant was closed; a closing has no environment, news has.
CREATE FUNCTION announce_closing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('changegate_tenants', NEW.tenant_id || ' production ' || NEW.version);
  RETURN NULL;
END $$;
CREATE TRIGGER announce_closing AFTER UPDATE OF deleted_at ON tenant
  FOR EACH ROW WHEN (NEW.deleted_at IS DISTINCT FROM OLD.deleted_at) EXECUTE FUNCTION announce_closing();
DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['flag', 'principal', 'setting_definition', 'setting_entry', 'tenant_template', 'tenant']
  LOOP
    EXECUTE format('CREATE CONSTRAINT TRIGGER settle_growth AFTER INSERT ON %I DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW EXECUTE FUNCTION settle_growth()', t);
  END LOOP;
END $$;
