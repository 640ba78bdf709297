SET LOCAL ROLE changegate_owner;

-- A window in closed periods: asked for, opened by votes, shut by its end.
CREATE TABLE period_reopening (
  tenant_id    uuid NOT NULL,
  reopening_id uuid NOT NULL,
  entity       text NOT NULL,
  period_id    uuid NOT NULL,
  period_code  text NOT NULL,
  scopes       text[] NOT NULL CHECK (cardinality(scopes) > 0),
  wish         jsonb NOT NULL,
  requester    uuid NOT NULL,
  approval     uuid NOT NULL,
  asked_at     timestamptz NOT NULL,
  state        text NOT NULL CHECK (state IN ('ASKED', 'OPEN', 'SHUT', 'ENDED', 'REJECTED', 'TIMED_OUT', 'ABORTED',
    'FAILED_OPERATOR')),
  over         boolean NOT NULL
    GENERATED ALWAYS AS (state IN ('ENDED', 'REJECTED', 'TIMED_OUT', 'ABORTED', 'FAILED_OPERATOR')) STORED,
  cascade      text[] NOT NULL DEFAULT '{}',
  stale        text[] NOT NULL DEFAULT '{}',
  opened_at    timestamptz,
  open_until   timestamptz,
  closure      uuid,
  why          text NOT NULL DEFAULT '',
  started      boolean NOT NULL DEFAULT false,
  PRIMARY KEY (tenant_id, reopening_id),
  FOREIGN KEY (tenant_id, entity) REFERENCES legal_entity,
  FOREIGN KEY (tenant_id, period_id) REFERENCES fiscal_period,
  FOREIGN KEY (tenant_id, approval) REFERENCES approval,
  FOREIGN KEY (tenant_id, closure) REFERENCES closure_run,
  CONSTRAINT window_is_known CHECK ((opened_at IS NOT NULL) = (state IN ('OPEN', 'SHUT', 'ENDED'))
    AND (opened_at IS NOT NULL) = (open_until IS NOT NULL))
);
CREATE UNIQUE INDEX one_reopening_at_a_time ON period_reopening (tenant_id, entity, period_id) WHERE NOT over;
CREATE INDEX period_reopening_newest ON period_reopening (tenant_id, entity, asked_at DESC, reopening_id DESC);
COMMENT ON COLUMN period_reopening.cascade IS 'later periods that open with it, newest first';
COMMENT ON COLUMN period_reopening.stale IS 'later periods that stay closed, on balances that may move';

-- Until when each gate that a window opened is open: what the guard asks, whether or not anybody has shut it by then.
CREATE TABLE reopened_gate (
  tenant_id    uuid NOT NULL,
  entity       text NOT NULL,
  period_id    uuid NOT NULL,
  scope        text NOT NULL,
  opened_at    timestamptz NOT NULL,
  reopening_id uuid NOT NULL,
  open_until   timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, entity, period_id, scope, opened_at),
  FOREIGN KEY (tenant_id, reopening_id) REFERENCES period_reopening
);

DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['period_reopening', 'reopened_gate'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format($p$CREATE POLICY own_tenant ON %I TO changegate_app
      USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)
      WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)$p$, t);
    EXECUTE format('GRANT SELECT, INSERT ON %I TO changegate_app', t);
  END LOOP;
END $$;
GRANT UPDATE (state, stale, opened_at, open_until, closure, why, started) ON period_reopening TO changegate_app;
GRANT UPDATE (open_until) ON reopened_gate TO changegate_app;
CREATE POLICY guard ON reopened_gate FOR SELECT TO changegate_guard USING (true);
GRANT SELECT ON reopened_gate TO changegate_guard;

CREATE FUNCTION over_reopening_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.over AND (NEW.state, NEW.stale, NEW.opened_at, NEW.open_until, NEW.closure, NEW.why)
      IS DISTINCT FROM (OLD.state, OLD.stale, OLD.opened_at, OLD.open_until, OLD.closure, OLD.why) THEN
    RAISE EXCEPTION 'a reopening that is over does not change' USING ERRCODE = 'check_violation',
      CONSTRAINT = 'over_reopening_is_final';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER over_reopening_is_final BEFORE UPDATE ON period_reopening
  FOR EACH ROW EXECUTE FUNCTION over_reopening_is_final();

-- A window is shut sooner than was approved, and never later.
CREATE FUNCTION window_only_shrinks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.open_until > OLD.open_until THEN
    RAISE EXCEPTION 'a window is not made longer than was approved' USING ERRCODE = 'check_violation',
      CONSTRAINT = 'window_only_shrinks';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER window_only_shrinks BEFORE UPDATE ON reopened_gate
  FOR EACH ROW EXECUTE FUNCTION window_only_shrinks();

-- What was committed and may not have reached Temporal, of every tenant.
GRANT SELECT (tenant_id, reopening_id, started, asked_at, over) ON period_reopening TO changegate_relay;
CREATE POLICY relay ON period_reopening FOR SELECT TO changegate_relay USING (true);
GRANT CREATE ON SCHEMA fiscal TO changegate_guard;
RESET ROLE;
GRANT CREATE ON SCHEMA public TO changegate_relay;
SET LOCAL ROLE changegate_relay;
CREATE FUNCTION find_waiting_reopenings() RETURNS TABLE (tenant_id uuid, id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT r.tenant_id, r.reopening_id FROM period_reopening r
   WHERE NOT r.started AND NOT r.over AND r.asked_at < now() - interval '2 seconds'
   ORDER BY random() LIMIT 1000
$$;
REVOKE ALL ON FUNCTION find_waiting_reopenings() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_waiting_reopenings() TO changegate_app;
RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM changegate_relay;

SET LOCAL ROLE changegate_guard;
-- A gate is closed before it is reopened: none is below its third epoch. The window of the newest reopening governs
-- until the gate is closed again, however the gate is moved within it.
CREATE FUNCTION fiscal.window_over(gate period_gate) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  RETURN gate.epoch > 2 AND coalesce((
    SELECT w.open_until <= clock_timestamp() FROM reopened_gate w
     WHERE w.tenant_id = gate.tenant_id AND w.entity = gate.entity AND w.period_id = gate.period_id
       AND w.scope = gate.scope
     ORDER BY w.opened_at DESC LIMIT 1), false);
END $$;
REVOKE ALL ON FUNCTION fiscal.window_over FROM PUBLIC;

CREATE OR REPLACE FUNCTION fiscal.why_not(gate period_gate, op text, person uuid, given_token uuid) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
  IF gate.status = 'closed' THEN RETURN 'FP001';
  ELSIF gate.status = 'locked' THEN RETURN 'FP002';
  ELSIF gate.status IS DISTINCT FROM 'open' THEN RETURN 'FP003';
  ELSIF op = 'closing' THEN
    RETURN CASE WHEN NOT EXISTS (
      SELECT FROM run_token t WHERE t.tenant_id = gate.tenant_id AND t.token = given_token
         AND (t.entity, t.period_id, t.scope) = (gate.entity, gate.period_id, gate.scope)) THEN 'FP007' END;
  ELSIF fiscal.window_over(gate) THEN RETURN 'FP005';
  ELSIF gate.posting = 'all' THEN RETURN NULL;
  ELSIF gate.posting IS DISTINCT FROM 'adjust_only' THEN RETURN 'FP005';
  ELSIF op = 'transaction' THEN RETURN 'FP004';
  END IF;
  RETURN CASE WHEN op IS DISTINCT FROM 'adjustment' OR NOT EXISTS (
    SELECT FROM principal p JOIN fiscal.adjusting_role r ON r.role = ANY (p.roles)
     WHERE p.tenant_id = gate.tenant_id AND p.principal_id = person) THEN 'FP006' END;
END $$;
RESET ROLE;
SET LOCAL ROLE changegate_owner;
REVOKE CREATE ON SCHEMA fiscal FROM changegate_guard;
RESET ROLE;
