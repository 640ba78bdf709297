SET LOCAL ROLE changegate_owner;

-- A gate keeps its past in its own evidence; what it reads of tenants are counts, and of many at once.
GRANT SELECT (tenant_id, environment, key, window_end, requests, errors, bounds, counts) ON telemetry
  TO changegate_relay;
CREATE POLICY relay ON telemetry FOR SELECT TO changegate_relay USING (true);

RESET ROLE;
GRANT CREATE ON SCHEMA public TO changegate_relay;
SET LOCAL ROLE changegate_relay;

-- How much was counted first at which of the instants, and with a bound how many requests took up to so many seconds:
-- of the tenant that asks and those below it; what is asked of any other tenant counts nothing.
CREATE FUNCTION count_telemetry(of_tenants uuid[], of_environment text, of_key text, instants timestamptz[])
RETURNS TABLE (tenant_id uuid, instant int, bound double precision, requests bigint, errors bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH counted AS (
    SELECT s.tenant_id, width_bucket(s.window_end - interval '1 microsecond', instants) AS instant,
           s.requests, s.errors, s.bounds, s.counts
      FROM unnest(of_tenants) AS w (tenant_id)
      JOIN tenant t ON t.tenant_id = w.tenant_id
       AND NULLIF(current_setting('app.tenant_id', true), '')::uuid = ANY (t.ancestors || t.tenant_id)
      JOIN telemetry s ON s.tenant_id = w.tenant_id
     WHERE s.environment = CAST(of_environment AS environment) AND s.key = of_key
       AND s.window_end <= instants[cardinality(instants)]
  )
  SELECT c.tenant_id, c.instant, NULL::double precision, sum(c.requests)::bigint, sum(c.errors)::bigint
    FROM counted c GROUP BY c.tenant_id, c.instant
  UNION ALL
  SELECT c.tenant_id, c.instant, b.bound, sum(b.count)::bigint, NULL::bigint
    FROM counted c CROSS JOIN LATERAL unnest(c.bounds, c.counts) AS b (bound, count)
   GROUP BY c.tenant_id, c.instant, b.bound
$$;

REVOKE ALL ON FUNCTION count_telemetry(uuid[], text, text, timestamptz[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION count_telemetry(uuid[], text, text, timestamptz[]) TO changegate_app;
RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM changegate_relay;
