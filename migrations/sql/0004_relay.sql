-- The few questions that cross tenants are functions of a role that can do nothing else.
SET LOCAL ROLE changegate_owner;
GRANT SELECT (tenant_id, slug, name) ON tenant TO changegate_relay;
GRANT SELECT (tenant_id, principal_id, issuer, subject) ON principal TO changegate_relay;
GRANT SELECT (tenant_id, rollout_id, created_at, started, terminal, state, environment, key, live_version) ON rollout TO changegate_relay;
GRANT SELECT (tenant_id, notice_id, not_before, state) ON notice TO changegate_relay;
GRANT SELECT (tenant_id, environment, key, version) ON flag TO changegate_relay;
CREATE POLICY relay ON tenant FOR SELECT TO changegate_relay USING (true);
CREATE POLICY relay ON principal FOR SELECT TO changegate_relay USING (true);
CREATE POLICY relay ON rollout FOR SELECT TO changegate_relay USING (true);
CREATE POLICY relay ON notice FOR SELECT TO changegate_relay USING (true);
CREATE POLICY relay ON flag FOR SELECT TO changegate_relay USING (true);
RESET ROLE;
GRANT CREATE ON SCHEMA public TO changegate_relay;
SET LOCAL ROLE changegate_relay;

CREATE FUNCTION find_tenant(wanted text) RETURNS TABLE (tenant_id uuid, slug text, name text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT t.tenant_id, t.slug, t.name FROM tenant t WHERE t.slug = wanted
$$;

CREATE FUNCTION find_memberships(of_issuer text, of_subject text)
RETURNS TABLE (tenant_id uuid, slug text, name text, principal_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT t.tenant_id, t.slug, t.name, p.principal_id
    FROM principal p JOIN tenant t USING (tenant_id)
   WHERE p.issuer = of_issuer AND p.subject = of_subject
   ORDER BY t.slug
$$;

CREATE FUNCTION find_waiting()
RETURNS TABLE (kind text, tenant_id uuid, id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  -- Each kind has a share of its own, and no order: letters hide no kill, and what fails for ever hides nothing.
  (SELECT 'killed', r.tenant_id, r.rollout_id
     FROM rollout r JOIN flag f USING (tenant_id, environment, key)
    WHERE NOT r.terminal AND r.state IN ('RUNNING', 'PAUSED', 'BAKING') AND f.version > r.live_version
    ORDER BY random() LIMIT 1000)
  UNION ALL
  (SELECT 'rollout', r.tenant_id, r.rollout_id FROM rollout r
    WHERE NOT r.started AND r.created_at < now() - interval '2 seconds'
    ORDER BY random() LIMIT 5000)
  UNION ALL
  (SELECT 'notice', n.tenant_id, n.notice_id FROM notice n
    WHERE n.state = 'due' AND n.not_before <= now()
    ORDER BY random() LIMIT 10000)
$$;

REVOKE ALL ON FUNCTION find_tenant(text), find_memberships(text, text), find_waiting() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_tenant(text), find_memberships(text, text), find_waiting() TO changegate_app;
RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM changegate_relay;
