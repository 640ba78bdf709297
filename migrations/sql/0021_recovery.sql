-- Rollouts that are open here, of every tenant: whoever asks looks whether their processes run.
GRANT CREATE ON SCHEMA public TO changegate_relay;
SET LOCAL ROLE changegate_relay;
CREATE FUNCTION find_open_rollouts() RETURNS TABLE (tenant_id uuid, id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  -- All that are exposed, and of those that only wait so many at a time: what nobody is served can be found later.
  (SELECT r.tenant_id, r.rollout_id FROM rollout r
    WHERE r.started AND NOT r.terminal
      AND r.state IN ('RUNNING', 'PAUSED', 'BAKING', 'ROLLING_BACK', 'ROLLBACK_INCOMPLETE')
    ORDER BY random() LIMIT 2000)
  UNION ALL
  (SELECT r.tenant_id, r.rollout_id FROM rollout r
    WHERE r.started AND NOT r.terminal
      AND r.state NOT IN ('RUNNING', 'PAUSED', 'BAKING', 'ROLLING_BACK', 'ROLLBACK_INCOMPLETE')
    ORDER BY random() LIMIT 2000)
$$;
REVOKE ALL ON FUNCTION find_open_rollouts() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_open_rollouts() TO changegate_app;
RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM changegate_relay;
SET LOCAL ROLE changegate_owner;
