SET LOCAL ROLE changegate_owner;

-- Who posted beneath a close that goes on, until that close is told. Each transaction has a row of its own, and a row
-- refers to nothing: whoever posts waits neither for others who post nor for the close.
CREATE TABLE moved_books (
  tenant_id uuid NOT NULL,
  run_id    uuid NOT NULL,
  xid       xid8 NOT NULL DEFAULT pg_current_xact_id(),
  PRIMARY KEY (tenant_id, run_id, xid)
);
ALTER TABLE moved_books ENABLE ROW LEVEL SECURITY;
ALTER TABLE moved_books FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON moved_books TO changegate_app
  USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid);
CREATE POLICY guard ON moved_books FOR INSERT TO changegate_guard WITH CHECK (true);
CREATE POLICY relay ON moved_books FOR SELECT TO changegate_relay USING (true);
GRANT SELECT, INSERT, DELETE ON moved_books TO changegate_app;
GRANT INSERT ON moved_books TO changegate_guard;
GRANT SELECT ON moved_books TO changegate_relay;

GRANT SELECT (tenant_id, run_id, entity, period_id, state, over) ON closure_run TO changegate_guard;
CREATE POLICY guard ON closure_run FOR SELECT TO changegate_guard USING (true);
GRANT SELECT (entity, period_code) ON closure_run TO changegate_relay;
GRANT CREATE ON SCHEMA fiscal TO changegate_guard;
RESET ROLE;

SET LOCAL ROLE changegate_guard;
-- Before the freeze nobody has signed or checked anything that could move.
CREATE FUNCTION fiscal.tell_close(tenant uuid, of_entity text, of_period uuid, op text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO moved_books (tenant_id, run_id)
  SELECT r.tenant_id, r.run_id FROM closure_run r
   WHERE r.tenant_id = tenant AND r.entity = of_entity AND r.period_id = of_period AND NOT r.over
     AND r.state IN ('FREEZING', 'TASKS', 'VALIDATING', 'REMEDIATING', 'AWAITING_APPROVAL')
     AND op IN ('transaction', 'adjustment')
  ON CONFLICT DO NOTHING;
END $$;
REVOKE ALL ON FUNCTION fiscal.tell_close FROM PUBLIC;

CREATE OR REPLACE FUNCTION fiscal.assert_postable_v1(tenant uuid, entity text, scope text, operation text, day date,
  actor uuid, run_token uuid DEFAULT NULL, period int DEFAULT NULL, OUT period_id uuid, OUT epoch bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = fiscal, public, pg_temp AS $$
BEGIN
  SELECT a.in_period, a.at_epoch INTO period_id, epoch
    FROM fiscal.admit(tenant, entity, scope, operation, day, actor, run_token, period, true) AS a;
  PERFORM fiscal.tell_close(tenant, entity, period_id, operation);
END $$;

-- Arguments: the scope, then the columns tenant, entity, date, operation, posted, period_id, epoch and maybe period.
-- Each row asks: a setting that remembers the answer could be written by whoever is to be refused.
CREATE OR REPLACE FUNCTION fiscal.backstop() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = fiscal, public, pg_temp AS $$
DECLARE
  old_row jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
  new_row jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
  asks text[] := TG_ARGV[1:4] || TG_ARGV[8:8];
  each jsonb;
  answer record;
  in_period uuid;
  at_epoch bigint;
BEGIN
  -- A draft is free; whatever is not said to be one counts as posted.
  IF (old_row ->> TG_ARGV[5])::boolean IS FALSE THEN old_row := NULL; END IF;
  IF (new_row ->> TG_ARGV[5])::boolean IS FALSE THEN new_row := NULL; END IF;
  IF new_row IS NOT NULL
     AND (SELECT bool_and((old_row -> c) IS NOT DISTINCT FROM (new_row -> c)) FROM unnest(asks) AS c) THEN
    old_row := NULL;
  END IF;
  FOREACH each IN ARRAY ARRAY[old_row, new_row] LOOP
    CONTINUE WHEN each IS NULL;
    IF each ->> TG_ARGV[4] = 'reporting' THEN
      RAISE EXCEPTION 'a report is no entry' USING ERRCODE = 'FP011', DETAIL = '{}';
    END IF;
    answer := fiscal.admit((each ->> TG_ARGV[1])::uuid, each ->> TG_ARGV[2], TG_ARGV[0], each ->> TG_ARGV[4],
      (each ->> TG_ARGV[3])::date, NULLIF(current_setting('fiscal.actor', true), '')::uuid,
      NULLIF(current_setting('fiscal.run_token', true), '')::uuid, (each ->> TG_ARGV[8])::int, false);
    PERFORM fiscal.tell_close((each ->> TG_ARGV[1])::uuid, each ->> TG_ARGV[2], answer.in_period, each ->> TG_ARGV[4]);
  END LOOP;
  IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
  IF new_row IS NOT NULL THEN
    in_period := answer.in_period;
    at_epoch := answer.at_epoch;
  END IF;
  RETURN jsonb_populate_record(NEW, jsonb_build_object(TG_ARGV[6], in_period, TG_ARGV[7], at_epoch));
END $$;
RESET ROLE;
SET LOCAL ROLE changegate_owner;
REVOKE CREATE ON SCHEMA fiscal FROM changegate_guard;
RESET ROLE;

GRANT CREATE ON SCHEMA public TO changegate_relay;
SET LOCAL ROLE changegate_relay;
-- What goes on here, of every tenant: whoever asks looks whether their processes run.
CREATE FUNCTION find_open_closures() RETURNS TABLE (tenant_id uuid, id uuid, entity text, period text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT r.tenant_id, r.run_id, r.entity, r.period_code FROM closure_run r
   WHERE r.started AND NOT r.over ORDER BY random() LIMIT 2000
$$;
CREATE FUNCTION find_open_reopenings() RETURNS TABLE (tenant_id uuid, id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT r.tenant_id, r.reopening_id FROM period_reopening r
   WHERE r.started AND NOT r.over ORDER BY random() LIMIT 2000
$$;

-- Closes beneath which something was posted. What `seen` sees had been committed by now, and nothing else is taken away
-- once the close was told.
CREATE FUNCTION find_moved_books() RETURNS TABLE (tenant_id uuid, id uuid, seen pg_snapshot)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT found.tenant_id, found.run_id, pg_current_snapshot()
    FROM (SELECT DISTINCT m.tenant_id, m.run_id FROM moved_books m) AS found ORDER BY random() LIMIT 1000
$$;
REVOKE ALL ON FUNCTION find_open_closures(), find_open_reopenings(), find_moved_books() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_open_closures(), find_open_reopenings(), find_moved_books() TO changegate_app;
RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM changegate_relay;
