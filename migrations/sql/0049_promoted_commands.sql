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
   WHERE EXISTS (SELECT FROM command c
                  WHERE c.tenant_id = l.tenant_id AND c.domain = l.domain AND c.state IN ('pending', 'retry-wait')
                    AND c.rank <= now() AND c.due_at <= now())
     AND standing_of(l.tenant_id) = 'active'
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
   WHERE EXISTS (SELECT FROM command c
                  WHERE c.tenant_id = l.tenant_id AND c.domain = l.domain AND c.alone
                    AND c.state IN ('pending', 'retry-wait') AND c.rank <= now() AND c.due_at <= now())
$$;
REVOKE ALL ON FUNCTION find_due_alone() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_due_alone() TO changegate_app;
RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM changegate_relay;
