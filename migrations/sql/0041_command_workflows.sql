SET LOCAL ROLE changegate_owner;

-- How far the execution of a long command has come, in the words of its handler: the newest, which the next attempt is given.
CREATE TABLE command_progress (
  tenant_id  uuid NOT NULL REFERENCES tenant,
  domain     text NOT NULL,
  command_id text NOT NULL,
  epoch      int NOT NULL CHECK (epoch > 0),
  attempt    int NOT NULL CHECK (attempt > 0),
  said       jsonb NOT NULL CHECK (octet_length(said::text) <= 8192),
  told_at    timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, domain, command_id),
  FOREIGN KEY (tenant_id, domain, command_id) REFERENCES command ON DELETE CASCADE
);
ALTER TABLE command_progress SET (fillfactor = 70);
ALTER TABLE command_progress ENABLE ROW LEVEL SECURITY;
ALTER TABLE command_progress FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON command_progress TO changegate_app
  USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE (epoch, attempt, said, told_at) ON command_progress TO changegate_app;

-- Whether somebody has asked that a command be canceled while it is executed.
CREATE INDEX command_cancel_asked ON command_operation (tenant_id, domain, command_id, epoch) WHERE act = 'cancel';

-- How many stand where, over all tenants, and for how long the first has been due: of what they carry nothing.
GRANT SELECT (domain) ON command_lease TO changegate_relay;
RESET ROLE;
GRANT CREATE ON SCHEMA public TO changegate_relay;
SET LOCAL ROLE changegate_relay;
CREATE FUNCTION count_commands(domains text[])
RETURNS TABLE (domain text, states jsonb, leases bigint, lag double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH standing AS (
    SELECT c.domain, c.state, count(*) AS many, min(c.due_at) FILTER (WHERE c.state IN ('pending', 'retry-wait')) AS first_due
      FROM command c
     WHERE c.domain = ANY (domains) AND c.state IN ('pending', 'retry-wait', 'dispatched', 'running', 'parked')
     GROUP BY c.domain, c.state)
  SELECT s.domain, jsonb_object_agg(s.state, s.many),
         (SELECT count(*) FROM command_lease l WHERE l.domain = s.domain),
         greatest(coalesce(extract(epoch FROM now() - min(s.first_due)), 0), 0)::double precision
    FROM standing s GROUP BY s.domain ORDER BY s.domain
$$;
REVOKE ALL ON FUNCTION count_commands(text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION count_commands(text[]) TO changegate_app;
RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM changegate_relay;
