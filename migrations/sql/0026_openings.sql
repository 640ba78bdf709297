-- Periods that open by themselves are looked for over all tenants, by the role that can do nothing else.
SET LOCAL ROLE changegate_owner;
GRANT SELECT (tenant_id, entity, calendar_id, opens_itself) ON entity_books TO changegate_relay;
GRANT SELECT (tenant_id, code) ON posting_scope TO changegate_relay;
GRANT SELECT (tenant_id, calendar_id, period_id, kind, span) ON fiscal_period TO changegate_relay;
GRANT SELECT (tenant_id, entity, period_id, scope) ON period_gate TO changegate_relay;
CREATE POLICY relay ON entity_books FOR SELECT TO changegate_relay USING (true);
CREATE POLICY relay ON posting_scope FOR SELECT TO changegate_relay USING (true);
CREATE POLICY relay ON fiscal_period FOR SELECT TO changegate_relay USING (true);
CREATE POLICY relay ON period_gate FOR SELECT TO changegate_relay USING (true);
CREATE INDEX entity_books_that_open ON entity_books (tenant_id, entity) WHERE opens_itself;
RESET ROLE;
GRANT CREATE ON SCHEMA public TO changegate_relay;
SET LOCAL ROLE changegate_relay;

CREATE FUNCTION find_openings()
RETURNS TABLE (tenant_id uuid, entity text, scope text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  -- It is today somewhere on earth: whether it is there is asked of the entity's own clocks, one entity at a time.
  SELECT b.tenant_id, b.entity, s.code
    FROM entity_books b
    JOIN posting_scope s USING (tenant_id)
    JOIN fiscal_period p ON p.tenant_id = b.tenant_id AND p.calendar_id = b.calendar_id AND p.kind = 'standard'
     AND p.span && daterange((now() AT TIME ZONE 'UTC' - interval '12 hours')::date,
                             (now() AT TIME ZONE 'UTC' + interval '14 hours')::date, '[]')
   WHERE b.opens_itself AND NOT EXISTS (
     SELECT FROM period_gate g
      WHERE g.tenant_id = b.tenant_id AND g.entity = b.entity AND g.period_id = p.period_id AND g.scope = s.code)
   GROUP BY b.tenant_id, b.entity, s.code ORDER BY random() LIMIT 1000
$$;

REVOKE ALL ON FUNCTION find_openings() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_openings() TO changegate_app;
RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM changegate_relay;
