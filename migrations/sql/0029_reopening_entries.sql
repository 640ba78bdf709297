SET LOCAL ROLE changegate_owner;

-- How many entries a window lets in, through all its gates together, and how many it has; none of it without a limit.
CREATE TABLE window_limit (
  tenant_id    uuid NOT NULL,
  reopening_id uuid NOT NULL,
  most_entries int NOT NULL CHECK (most_entries > 0),
  used         int NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, reopening_id),
  FOREIGN KEY (tenant_id, reopening_id) REFERENCES period_reopening,
  CONSTRAINT used_within_the_most CHECK (used BETWEEN 0 AND most_entries)
);

CREATE TABLE window_entry (
  tenant_id    uuid NOT NULL,
  reopening_id uuid NOT NULL,
  entry_id     bigint GENERATED ALWAYS AS IDENTITY,
  posted_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  actor        uuid NOT NULL,
  operation    text NOT NULL,
  period_id    uuid NOT NULL,
  scope        text NOT NULL,
  epoch        bigint NOT NULL,
  xid          xid8 NOT NULL DEFAULT pg_current_xact_id(),
  PRIMARY KEY (tenant_id, reopening_id, entry_id),
  FOREIGN KEY (tenant_id, reopening_id) REFERENCES window_limit
);

DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['window_limit', 'window_entry'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format($p$CREATE POLICY own_tenant ON %I TO changegate_app
      USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)
      WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)$p$, t);
    EXECUTE format('CREATE POLICY guard ON %I TO changegate_guard USING (true)', t);
    EXECUTE format('GRANT SELECT, INSERT ON %I TO changegate_app', t);
    EXECUTE format('GRANT SELECT ON %I TO changegate_guard', t);
    EXECUTE format('CREATE TRIGGER no_truncate BEFORE TRUNCATE ON %I
      FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewrite()', t);
  END LOOP;
END $$;
GRANT INSERT ON window_entry TO changegate_guard;
GRANT UPDATE (used) ON window_limit TO changegate_guard;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON window_entry FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();
CREATE TRIGGER by_the_guard AFTER INSERT ON window_entry FOR EACH ROW EXECUTE FUNCTION fiscal.written_by_the_guard();
-- Once in the life of a window: whoever advises from memory looks again.
CREATE TRIGGER tell AFTER UPDATE OF used ON window_limit
  FOR EACH ROW WHEN (NEW.used = NEW.most_entries) EXECUTE FUNCTION fiscal.tell_periods();

-- How each period of it is certified anew, oldest first.
ALTER TABLE period_reopening ADD COLUMN recertified jsonb NOT NULL DEFAULT '[]';
GRANT UPDATE (recertified) ON period_reopening TO changegate_app;
CREATE OR REPLACE FUNCTION over_reopening_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.over AND (NEW.state, NEW.stale, NEW.opened_at, NEW.open_until, NEW.closure, NEW.why, NEW.recertified)
      IS DISTINCT FROM (OLD.state, OLD.stale, OLD.opened_at, OLD.open_until, OLD.closure, OLD.why, OLD.recertified) THEN
    RAISE EXCEPTION 'a reopening that is over does not change' USING ERRCODE = 'check_violation',
      CONSTRAINT = 'over_reopening_is_final';
  END IF;
  RETURN NEW;
END $$;

-- What may not have reached Temporal, and windows that are used up and not shut yet, of every tenant.
GRANT SELECT (state) ON period_reopening TO changegate_relay;
GRANT SELECT ON window_limit TO changegate_relay;
CREATE POLICY relay ON window_limit FOR SELECT TO changegate_relay USING (true);
GRANT CREATE ON SCHEMA fiscal TO changegate_guard;
RESET ROLE;
GRANT CREATE ON SCHEMA public TO changegate_relay;
SET LOCAL ROLE changegate_relay;
CREATE OR REPLACE FUNCTION find_waiting_reopenings() RETURNS TABLE (tenant_id uuid, id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT r.tenant_id, r.reopening_id FROM period_reopening r LEFT JOIN window_limit l USING (tenant_id, reopening_id)
   WHERE NOT r.over AND ((NOT r.started AND r.asked_at < now() - interval '2 seconds')
                         OR (r.state = 'OPEN' AND l.used = l.most_entries))
   ORDER BY random() LIMIT 1000
$$;
RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM changegate_relay;

SET LOCAL ROLE changegate_guard;
-- The newest window of a gate governs it; NULL where none does.
CREATE FUNCTION fiscal.limited_by(gate period_gate) RETURNS uuid LANGUAGE sql STABLE AS $$
  SELECT l.reopening_id FROM (
    SELECT w.reopening_id FROM reopened_gate w
     WHERE gate.epoch > 2 AND w.tenant_id = gate.tenant_id AND w.entity = gate.entity AND w.period_id = gate.period_id
       AND w.scope = gate.scope
     ORDER BY w.opened_at DESC LIMIT 1) AS newest
    JOIN window_limit l ON l.tenant_id = gate.tenant_id AND l.reopening_id = newest.reopening_id
$$;

-- One entry of a limited window, or why not. Its row stays locked until the posting has ended, so that the last one is
-- used once; rows of an entry that was let in already use nothing.
CREATE FUNCTION fiscal.spend(gate period_gate, op text, person uuid, counted boolean) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE reopening uuid := CASE WHEN op <> 'closing' THEN fiscal.limited_by(gate) END;
BEGIN
  IF reopening IS NULL OR (NOT counted AND EXISTS (
      SELECT FROM window_entry e WHERE e.tenant_id = gate.tenant_id AND e.reopening_id = reopening
         AND e.period_id = gate.period_id AND e.scope = gate.scope AND e.operation = op AND e.actor = person
         AND e.xid = pg_current_xact_id_if_assigned())) THEN
    RETURN NULL;
  END IF;
  UPDATE window_limit l SET used = l.used + 1
   WHERE l.tenant_id = gate.tenant_id AND l.reopening_id = reopening AND l.used < l.most_entries;
  IF NOT FOUND THEN RETURN 'FP005'; END IF;
  INSERT INTO window_entry (tenant_id, reopening_id, actor, operation, period_id, scope, epoch)
  VALUES (gate.tenant_id, reopening, person, op, gate.period_id, gate.scope, gate.epoch);
  RETURN NULL;
END $$;

CREATE FUNCTION fiscal.window_spent(gate period_gate) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT FROM window_limit l WHERE l.tenant_id = gate.tenant_id
     AND l.reopening_id = fiscal.limited_by(gate) AND l.used = l.most_entries)
$$;
REVOKE ALL ON FUNCTION fiscal.limited_by, fiscal.spend, fiscal.window_spent FROM PUBLIC;

-- First the shared lock, which waits for a close that is under way; then, with a snapshot of after that wait, the row,
-- which stays as it is until this transaction ends, and which a transaction with an older snapshot fails to lock.
CREATE OR REPLACE FUNCTION fiscal.admit(tenant uuid, of_entity text, of_scope text, op text, day date, who uuid, run_token uuid,
  adjusting int, counted boolean, OUT in_period uuid, OUT at_epoch bigint)
LANGUAGE plpgsql AS $$
DECLARE
  calendar uuid;
  place record;
  gate period_gate;
  why text;
BEGIN
  IF num_nulls(tenant, of_entity, of_scope, op, day, who) > 0 THEN
    RAISE EXCEPTION 'a posting says whose books, which scope, what, on which day and by whom' USING ERRCODE = 'FP014',
      DETAIL = (SELECT jsonb_build_object('missing', jsonb_agg(m.name ORDER BY m.name))
                  FROM (VALUES ('tenant', tenant::text), ('entity', of_entity), ('scope', of_scope), ('operation', op),
                               ('date', day::text), ('actor', who::text)) AS m (name, given) WHERE m.given IS NULL)::text;
  ELSIF op NOT IN ('transaction', 'adjustment', 'closing', 'reporting') THEN
    RAISE EXCEPTION 'no such operation' USING ERRCODE = 'FP011', DETAIL = '{}';
  END IF;
  PERFORM fiscal.refuse_other_tenant(tenant);
  SELECT b.calendar_id INTO calendar FROM entity_books b WHERE b.tenant_id = tenant AND b.entity = of_entity;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no books' USING ERRCODE = 'FP009', DETAIL = jsonb_build_object('entity', of_entity)::text;
  END IF;
  IF NOT EXISTS (SELECT FROM posting_scope s WHERE s.tenant_id = tenant AND s.code = of_scope) THEN
    RAISE EXCEPTION 'no scope' USING ERRCODE = 'FP010', DETAIL = jsonb_build_object('scope', of_scope)::text;
  END IF;
  SELECT * INTO place FROM fiscal.period_of_day(tenant, calendar, day);
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no period has this day' USING ERRCODE = 'FP008',
      DETAIL = fiscal.periods_beside(tenant, calendar, day)::text;
  END IF;
  IF adjusting IS NOT NULL THEN
    SELECT p.period_id, place.year AS year, p.number, p.name INTO place FROM fiscal_period p
     WHERE p.tenant_id = tenant AND p.year_id = place.year_id AND p.number = adjusting AND p.kind = 'adjusting';
    IF NOT FOUND THEN
      RAISE EXCEPTION 'no adjusting period has this number' USING ERRCODE = 'FP008',
        DETAIL = jsonb_build_object('date', day, 'number', adjusting)::text;
    END IF;
  END IF;
  in_period := place.period_id;
  IF op = 'reporting' THEN
    SELECT coalesce(max(g.epoch), 0) INTO at_epoch FROM period_gate g
     WHERE g.tenant_id = tenant AND g.entity = of_entity AND g.period_id = in_period AND g.scope = of_scope;
    RETURN;
  END IF;
  PERFORM pg_advisory_xact_lock_shared(fiscal.gate_lock(tenant, of_entity, in_period, of_scope));
  SELECT * INTO gate FROM period_gate g
   WHERE g.tenant_id = tenant AND g.entity = of_entity AND g.period_id = in_period AND g.scope = of_scope FOR SHARE;
  at_epoch := coalesce(gate.epoch, 0);
  why := coalesce(fiscal.why_not(gate, op, who, run_token), fiscal.spend(gate, op, who, counted));
  IF why IS NULL OR (gate.status IN ('open', 'closed') AND op IN ('transaction', 'adjustment')
                     AND fiscal.excepted(gate, op, who, counted)) THEN
    RETURN;
  END IF;
  RAISE EXCEPTION '%', format(CASE why
      WHEN 'FP001' THEN 'Period ''%s'' is closed and cannot be modified.'
      WHEN 'FP002' THEN 'Period ''%s'' is locked for good.'
      WHEN 'FP003' THEN 'Period ''%s'' is not open yet.'
      WHEN 'FP004' THEN 'Period ''%s'' is locked.'
      WHEN 'FP005' THEN 'Period ''%s'' is locked and does not allow adjustments.'
      WHEN 'FP006' THEN 'Period ''%s'' takes adjustments only from people who may make them.'
      ELSE 'Closing entries of period ''%s'' are posted by the close itself.' END, place.name)
    USING ERRCODE = why, DETAIL = jsonb_build_object('entity', of_entity, 'scope', of_scope,
      'period', jsonb_build_object('year', place.year, 'number', place.number, 'name', place.name),
      'gate', coalesce(gate.status, 'pending'), 'posting', coalesce(gate.posting, 'none'), 'epoch', at_epoch)::text;
END $$;

-- Advice: nothing is held. `next_open` is the first day from `day` on whose gate lets such an operation in.
CREATE OR REPLACE FUNCTION fiscal.late_entry_v1(tenant uuid, entity text, scope text, operation text, day date, OUT mode text,
  OUT next_open date)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = fiscal, public, pg_temp AS $$
DECLARE calendar uuid;
BEGIN
  PERFORM fiscal.refuse_other_tenant(tenant);
  SELECT b.late_entries, b.calendar_id INTO mode, calendar FROM entity_books b
   WHERE b.tenant_id = tenant AND b.entity = late_entry_v1.entity;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no books' USING ERRCODE = 'FP009', DETAIL = jsonb_build_object('entity', entity)::text;
  END IF;
  SELECT min(greatest(lower(p.span), day)) INTO next_open
    FROM fiscal_period p JOIN period_gate g ON g.tenant_id = p.tenant_id AND g.period_id = p.period_id
   WHERE p.tenant_id = tenant AND p.calendar_id = calendar AND p.kind = 'standard' AND upper(p.span) > day
     AND g.entity = late_entry_v1.entity AND g.scope = late_entry_v1.scope AND g.status = 'open'
     AND (g.posting = 'all' OR (g.posting = 'adjust_only' AND operation = 'adjustment'))
     AND NOT fiscal.window_over(g) AND NOT fiscal.window_spent(g);
END $$;
RESET ROLE;
SET LOCAL ROLE changegate_owner;
REVOKE CREATE ON SCHEMA fiscal FROM changegate_guard;
RESET ROLE;
