SET LOCAL ROLE changegate_owner;

-- What each running process of an application last said that it holds; null where it follows nothing of the kind.
CREATE TABLE instance (
  tenant_id   uuid NOT NULL REFERENCES tenant,
  environment environment NOT NULL,
  name        text NOT NULL CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$'),
  flags       bigint CHECK (flags >= 0),
  settings    bigint CHECK (settings >= 0),
  seen_at     timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, environment, name)
) WITH (fillfactor = 70);
CREATE INDEX instance_seen ON instance (tenant_id, seen_at);

ALTER TABLE instance ENABLE ROW LEVEL SECURITY;
ALTER TABLE instance FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON instance TO changegate_app
  USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE (flags, settings, seen_at), DELETE ON instance TO changegate_app;
GRANT SELECT (tenant_id, environment, flags, settings, seen_at) ON instance TO changegate_relay;
CREATE POLICY relay ON instance FOR SELECT TO changegate_relay USING (true);

-- What a deployment's move was: from where to where, by which gate.
ALTER TABLE event ADD COLUMN facts jsonb;

RESET ROLE;
GRANT CREATE ON SCHEMA public TO changegate_relay;
SET LOCAL ROLE changegate_relay;

-- Two numbers over the tenant that asks and those below it; what is asked of any other tenant counts nothing.
CREATE FUNCTION count_converged(
  of_tenants uuid[], of_environments text[], of_flags bigint[], of_settings bigint[], since timestamptz)
RETURNS TABLE (live bigint, holding bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT count(*), count(*) FILTER (WHERE coalesce(i.flags >= w.flags, true) AND coalesce(i.settings >= w.settings, true))
    FROM unnest(of_tenants, of_environments, of_flags, of_settings) AS w (tenant_id, environment, flags, settings)
    JOIN tenant t ON t.tenant_id = w.tenant_id
     AND NULLIF(current_setting('app.tenant_id', true), '')::uuid = ANY (t.ancestors || t.tenant_id)
    JOIN instance i ON i.tenant_id = w.tenant_id AND i.environment = CAST(w.environment AS environment)
   WHERE i.seen_at >= since
     AND (w.flags IS NOT NULL AND i.flags IS NOT NULL OR w.settings IS NOT NULL AND i.settings IS NOT NULL)
$$;

REVOKE ALL ON FUNCTION count_converged(uuid[], text[], bigint[], bigint[], timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION count_converged(uuid[], text[], bigint[], bigint[], timestamptz) TO changegate_app;
RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM changegate_relay;
