-- Written by the guard's own role: what it defines sees every tenant, and nobody may call what is not granted here.
SET LOCAL ROLE changegate_guard;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

CREATE FUNCTION fiscal.keep_gate_history() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = fiscal, public, pg_temp AS $$
BEGIN
  INSERT INTO period_gate_history
    (tenant_id, entity, period_id, scope, status, posting, epoch, changed_by, changed_at, reason)
  VALUES (NEW.tenant_id, NEW.entity, NEW.period_id, NEW.scope, NEW.status, NEW.posting, NEW.epoch, NEW.changed_by,
          NEW.changed_at, NEW.reason);
  RETURN NULL;
END $$;

CREATE FUNCTION fiscal.refuse_other_tenant(tenant uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF NULLIF(current_setting('app.tenant_id', true), '')::uuid <> tenant THEN
    RAISE EXCEPTION 'another tenant is bound' USING ERRCODE = 'FP012', DETAIL = '{}';
  END IF;
END $$;

-- The standard period of a day; NULL where none is.
CREATE FUNCTION fiscal.period_of_day(tenant uuid, calendar uuid, day date)
RETURNS TABLE (period_id uuid, year_id uuid, number int, name text, year text, begins date, ends date)
LANGUAGE sql STABLE AS $$
  SELECT p.period_id, p.year_id, p.number, p.name,
         y.number || CASE y.kind WHEN 'transition' THEN 'T' ELSE '' END, lower(p.span), upper(p.span) - 1
    FROM fiscal_period p JOIN fiscal_year y ON y.tenant_id = p.tenant_id AND y.year_id = p.year_id
   WHERE p.tenant_id = tenant AND p.calendar_id = calendar AND p.kind = 'standard' AND p.span @> day
$$;

CREATE FUNCTION fiscal.periods_beside(tenant uuid, calendar uuid, day date) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('date', day,
    'before', (SELECT to_jsonb(b) - 'period_id' - 'year_id' FROM fiscal.period_of_day(tenant, calendar,
       (SELECT max(upper(y.span)) - 1 FROM fiscal_year y
         WHERE y.tenant_id = tenant AND y.calendar_id = calendar AND upper(y.span) <= day)) AS b),
    'after', (SELECT to_jsonb(a) - 'period_id' - 'year_id' FROM fiscal.period_of_day(tenant, calendar,
       (SELECT min(lower(y.span)) FROM fiscal_year y
         WHERE y.tenant_id = tenant AND y.calendar_id = calendar AND lower(y.span) > day)) AS a))
$$;

-- An exception's end is judged by the clock of this moment; its row stays locked until the posting has ended, so that
-- its last use is used once and a revocation waits. `counted`: an entry of its own, not a row of one let in already.
CREATE FUNCTION fiscal.excepted(gate period_gate, op text, person uuid, counted boolean) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE each uuid;
BEGIN
  IF NOT counted AND EXISTS (
    SELECT FROM posting_exception e JOIN posting_exception_use u USING (tenant_id, exception_id)
     WHERE (e.tenant_id, e.entity, e.period_id, e.scope) = (gate.tenant_id, gate.entity, gate.period_id, gate.scope)
       AND op = ANY (e.operations) AND e.revoked_at IS NULL AND e.valid @> clock_timestamp()
       AND u.actor = person AND u.xid = pg_current_xact_id_if_assigned()) THEN
    RETURN true;
  END IF;
  FOR each IN
    SELECT e.exception_id FROM posting_exception e
     WHERE (e.tenant_id, e.entity, e.period_id, e.scope) = (gate.tenant_id, gate.entity, gate.period_id, gate.scope)
       AND op = ANY (e.operations) AND e.revoked_at IS NULL AND e.valid @> clock_timestamp()
       AND CASE e.grantee WHEN 'person' THEN e.who = person::text
           ELSE EXISTS (SELECT FROM principal p WHERE p.tenant_id = gate.tenant_id AND p.principal_id = person
                           AND e.who = ANY (p.roles)) END
     ORDER BY e.most_entries IS NOT NULL, upper(e.valid) DESC, e.exception_id
  LOOP
    UPDATE posting_exception e SET used = e.used + 1
     WHERE e.tenant_id = gate.tenant_id AND e.exception_id = each AND e.revoked_at IS NULL
       AND e.valid @> clock_timestamp() AND (e.most_entries IS NULL OR e.used < e.most_entries);
    IF FOUND THEN
      INSERT INTO posting_exception_use (tenant_id, exception_id, actor, operation, epoch)
      VALUES (gate.tenant_id, each, person, op, gate.epoch);
      RETURN true;
    END IF;
  END LOOP;
  RETURN false;
END $$;

-- Why it may not enter without an exception, as a table; whatever is not known is refused.
CREATE FUNCTION fiscal.why_not(gate period_gate, op text, person uuid, given_token uuid) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
  IF gate.status = 'closed' THEN RETURN 'FP001';
  ELSIF gate.status = 'locked' THEN RETURN 'FP002';
  ELSIF gate.status IS DISTINCT FROM 'open' THEN RETURN 'FP003';
  ELSIF op = 'closing' THEN
    RETURN CASE WHEN NOT EXISTS (
      SELECT FROM run_token t WHERE t.tenant_id = gate.tenant_id AND t.token = given_token
         AND (t.entity, t.period_id, t.scope) = (gate.entity, gate.period_id, gate.scope)) THEN 'FP007' END;
  ELSIF gate.posting = 'all' THEN RETURN NULL;
  ELSIF gate.posting IS DISTINCT FROM 'adjust_only' THEN RETURN 'FP005';
  ELSIF op = 'transaction' THEN RETURN 'FP004';
  END IF;
  RETURN CASE WHEN op IS DISTINCT FROM 'adjustment' OR NOT EXISTS (
    SELECT FROM principal p JOIN fiscal.adjusting_role r ON r.role = ANY (p.roles)
     WHERE p.tenant_id = gate.tenant_id AND p.principal_id = person) THEN 'FP006' END;
END $$;

-- First the shared lock, which waits for a close that is under way; then, with a snapshot of after that wait, the row,
-- which stays as it is until this transaction ends, and which a transaction with an older snapshot fails to lock.
CREATE FUNCTION fiscal.admit(tenant uuid, of_entity text, of_scope text, op text, day date, who uuid, run_token uuid,
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
  why := fiscal.why_not(gate, op, who, run_token);
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

CREATE FUNCTION fiscal.assert_postable_v1(tenant uuid, entity text, scope text, operation text, day date, actor uuid,
  run_token uuid DEFAULT NULL, period int DEFAULT NULL, OUT period_id uuid, OUT epoch bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = fiscal, public, pg_temp AS $$
BEGIN
  SELECT a.in_period, a.at_epoch INTO period_id, epoch
    FROM fiscal.admit(tenant, entity, scope, operation, day, actor, run_token, period, true) AS a;
END $$;
COMMENT ON FUNCTION fiscal.assert_postable_v1 IS 'call it last before the insert: the gate stays as it is until the transaction ends';

-- Arguments: the scope, then the columns tenant, entity, date, operation, posted, period_id, epoch and maybe period.
-- Each row asks: a setting that remembers the answer could be written by whoever is to be refused.
CREATE FUNCTION fiscal.backstop() RETURNS trigger
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
  END LOOP;
  IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
  IF new_row IS NOT NULL THEN
    in_period := answer.in_period;
    at_epoch := answer.at_epoch;
  END IF;
  RETURN jsonb_populate_record(NEW, jsonb_build_object(TG_ARGV[6], in_period, TG_ARGV[7], at_epoch));
END $$;

-- For modules that have no rights on these tables. Both days are within.
CREATE FUNCTION fiscal.period_v1(tenant uuid, period_id uuid, OUT number int, OUT kind text, OUT begins date,
  OUT ends date, OUT year_begins date, OUT year_ends date)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = fiscal, public, pg_temp AS $$
BEGIN
  PERFORM fiscal.refuse_other_tenant(tenant);
  SELECT p.number, p.kind, lower(p.span), upper(p.span) - 1, lower(y.span), upper(y.span) - 1
    INTO number, kind, begins, ends, year_begins, year_ends
    FROM fiscal_period p JOIN fiscal_year y ON y.tenant_id = p.tenant_id AND y.year_id = p.year_id
   WHERE p.tenant_id = tenant AND p.period_id = period_v1.period_id;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no such period' USING ERRCODE = 'FP008', DETAIL = '{}';
  END IF;
END $$;

-- Advice: nothing is held. `next_open` is the first day from `day` on whose gate lets such an operation in.
CREATE FUNCTION fiscal.late_entry_v1(tenant uuid, entity text, scope text, operation text, day date, OUT mode text,
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
     AND (g.posting = 'all' OR (g.posting = 'adjust_only' AND operation = 'adjustment'));
END $$;

GRANT EXECUTE ON FUNCTION fiscal.keep_gate_history() TO changegate_owner;
GRANT EXECUTE ON FUNCTION fiscal.backstop() TO changegate_owner, changegate_module;
GRANT EXECUTE ON FUNCTION fiscal.assert_postable_v1, fiscal.period_v1, fiscal.late_entry_v1
  TO changegate_app, changegate_poster;
RESET ROLE;

SET LOCAL ROLE changegate_owner;
CREATE TRIGGER keep_history AFTER INSERT OR UPDATE ON period_gate
  FOR EACH ROW EXECUTE FUNCTION fiscal.keep_gate_history();

CREATE FUNCTION fiscal.refuse_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is not emptied: its entries are of periods', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;

-- As the owner of the journal, who must be in changegate_module: from then on each row of it asks the guard.
CREATE FUNCTION fiscal.register_journal_v1(module text, scope text, journal regclass, columns jsonb, functions jsonb)
RETURNS void LANGUAGE plpgsql SET search_path = fiscal, public, pg_temp AS $$
DECLARE
  wrong text;
  given text[];
BEGIN
  SELECT string_agg(w.name, ', ' ORDER BY w.name) INTO wrong
    FROM (VALUES ('tenant', 'uuid'), ('entity', NULL), ('date', 'date'), ('operation', NULL), ('posted', 'boolean'),
                 ('period_id', 'uuid'), ('epoch', 'bigint'), ('period', 'integer')) AS w (name, type)
   WHERE (w.name <> 'period' OR columns ? 'period') AND NOT EXISTS (
     SELECT FROM pg_attribute a WHERE a.attrelid = journal AND a.attnum > 0 AND NOT a.attisdropped
        AND a.attname = columns ->> w.name AND format_type(a.atttypid, NULL) = coalesce(w.type, format_type(a.atttypid, NULL)));
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION 'columns of % that are missing or of another type: %', journal, wrong
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  SELECT string_agg(w.name, ', ' ORDER BY w.name) INTO wrong
    FROM (VALUES ('control', true, '(uuid,text,uuid)'), ('unposted', true, '(uuid,text,uuid)'),
                 ('balances', true, '(uuid,text,uuid)'), ('untransferred', false, '(uuid,text,uuid)'),
                 ('close_year', false, '(uuid,text,uuid,uuid,uuid)')) AS w (name, needed, takes)
   WHERE (w.needed OR functions ? w.name)
     AND NOT coalesce(has_function_privilege('changegate_app', to_regprocedure((functions ->> w.name) || w.takes), 'EXECUTE'),
                      false);
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION 'functions of % that are missing or that changegate_app may not call: %', module, wrong
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF EXISTS (SELECT FROM fiscal.journal j WHERE j.module = register_journal_v1.module
                AND NOT pg_has_role(j.registered_by, 'MEMBER')) THEN
    RAISE EXCEPTION '% is the module of somebody else', module USING ERRCODE = 'insufficient_privilege';
  END IF;
  given := ARRAY[scope, columns ->> 'tenant', columns ->> 'entity', columns ->> 'date', columns ->> 'operation',
                 columns ->> 'posted', columns ->> 'period_id', columns ->> 'epoch', columns ->> 'period'];
  -- Rows' triggers go by their names: this one comes last, and sees what the others made of the row.
  EXECUTE format('CREATE OR REPLACE TRIGGER zz_posting_guard BEFORE INSERT OR UPDATE OR DELETE ON %s
    FOR EACH ROW EXECUTE FUNCTION fiscal.backstop(%s)', journal,
    (SELECT string_agg(quote_literal(g), ', ' ORDER BY n) FROM unnest(given) WITH ORDINALITY AS u (g, n) WHERE g IS NOT NULL));
  EXECUTE format('CREATE OR REPLACE TRIGGER zz_no_truncate BEFORE TRUNCATE ON %s
    FOR EACH STATEMENT EXECUTE FUNCTION fiscal.refuse_truncate()', journal);
  INSERT INTO fiscal.journal AS j (module, scope, journal, columns, functions)
  VALUES (module, scope, journal, columns, functions)
  ON CONFLICT ON CONSTRAINT journal_pkey DO UPDATE SET scope = excluded.scope, journal = excluded.journal,
    columns = excluded.columns, functions = excluded.functions, registered_by = current_user, registered_at = now();
END $$;
REVOKE ALL ON FUNCTION fiscal.register_journal_v1, fiscal.refuse_truncate FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fiscal.register_journal_v1, fiscal.refuse_truncate TO changegate_module;
REVOKE CREATE ON SCHEMA fiscal FROM changegate_guard;
RESET ROLE;
