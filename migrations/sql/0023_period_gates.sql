-- The guard sees every tenant's gates and does nothing but judge. Posters may ask it; modules may register journals.
DO $$
DECLARE r text;
BEGIN
  FOREACH r IN ARRAY ARRAY['changegate_guard', 'changegate_poster', 'changegate_module'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r) THEN
      EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS', r);
    END IF;
  END LOOP;
  EXECUTE format('GRANT changegate_guard TO %I', current_user);
END $$;
GRANT USAGE ON SCHEMA public TO changegate_guard;

SET LOCAL ROLE changegate_owner;
CREATE SCHEMA fiscal;
GRANT USAGE ON SCHEMA fiscal TO changegate_app, changegate_guard, changegate_poster, changegate_module;
GRANT CREATE ON SCHEMA fiscal TO changegate_guard;

CREATE TABLE entity_books (
  tenant_id    uuid NOT NULL,
  entity       text NOT NULL,
  calendar_id  uuid NOT NULL,
  late_entries text NOT NULL DEFAULT 'reject' CHECK (late_entries IN ('reject', 'sweep', 'exception')),
  most_open    int CHECK (most_open > 0),
  opens_itself boolean NOT NULL DEFAULT false,
  version      bigint NOT NULL CHECK (version > 0),
  PRIMARY KEY (tenant_id, entity),
  FOREIGN KEY (tenant_id, entity) REFERENCES legal_entity,
  FOREIGN KEY (tenant_id, calendar_id) REFERENCES fiscal_calendar
);

CREATE TABLE posting_scope (
  tenant_id  uuid NOT NULL REFERENCES tenant,
  code       text NOT NULL CHECK (code ~ '^[A-Z][A-Z0-9_]{0,19}$'),
  name       text NOT NULL,
  ledger     boolean NOT NULL DEFAULT false,
  sequential boolean NOT NULL DEFAULT false,
  version    bigint NOT NULL CHECK (version > 0),
  PRIMARY KEY (tenant_id, code)
);

-- A gate that has no row is pending, at epoch 0.
CREATE TABLE period_gate (
  tenant_id  uuid NOT NULL,
  entity     text NOT NULL,
  period_id  uuid NOT NULL,
  scope      text NOT NULL,
  status     text NOT NULL CHECK (status IN ('pending', 'open', 'closed', 'locked')),
  posting    text NOT NULL CHECK (posting IN ('all', 'adjust_only', 'none')),
  epoch      bigint NOT NULL CHECK (epoch > 0),
  changed_by uuid,
  changed_at timestamptz NOT NULL,
  reason     text NOT NULL,
  PRIMARY KEY (tenant_id, entity, period_id, scope),
  FOREIGN KEY (tenant_id, entity) REFERENCES entity_books,
  FOREIGN KEY (tenant_id, period_id) REFERENCES fiscal_period,
  FOREIGN KEY (tenant_id, scope) REFERENCES posting_scope,
  CONSTRAINT only_an_open_gate_lets_in CHECK (status = 'open' OR posting = 'none')
);
CREATE INDEX period_gate_by_period ON period_gate (tenant_id, period_id);

CREATE TABLE period_gate_history (
  tenant_id  uuid NOT NULL,
  entity     text NOT NULL,
  period_id  uuid NOT NULL,
  scope      text NOT NULL,
  status     text NOT NULL,
  posting    text NOT NULL,
  epoch      bigint NOT NULL,
  changed_by uuid,
  changed_at timestamptz NOT NULL,
  reason     text NOT NULL,
  PRIMARY KEY (tenant_id, entity, period_id, scope, epoch)
);

CREATE TABLE posting_exception (
  tenant_id    uuid NOT NULL,
  exception_id uuid NOT NULL,
  entity       text NOT NULL,
  period_id    uuid NOT NULL,
  scope        text NOT NULL,
  grantee      text NOT NULL CHECK (grantee IN ('person', 'role')),
  who          text NOT NULL CHECK (who <> ''),
  operations   text[] NOT NULL CHECK (cardinality(operations) > 0 AND operations <@ '{transaction,adjustment}'),
  reason       text NOT NULL,
  granted_by   uuid NOT NULL,
  granted_at   timestamptz NOT NULL,
  valid        tstzrange NOT NULL,
  most_entries int CHECK (most_entries > 0),
  used         int NOT NULL DEFAULT 0,
  revoked_at   timestamptz,
  revoked_by   uuid,
  PRIMARY KEY (tenant_id, exception_id),
  FOREIGN KEY (tenant_id, entity) REFERENCES entity_books,
  FOREIGN KEY (tenant_id, period_id) REFERENCES fiscal_period,
  FOREIGN KEY (tenant_id, scope) REFERENCES posting_scope,
  CONSTRAINT exceptions_begin_and_end CHECK
    (lower_inc(valid) AND NOT upper_inc(valid) AND NOT upper_inf(valid) AND upper(valid) < 'infinity'),
  CONSTRAINT used_within_the_most CHECK (used <= most_entries)
);
CREATE INDEX posting_exception_by_gate ON posting_exception (tenant_id, entity, period_id, scope);

CREATE TABLE posting_exception_use (
  tenant_id    uuid NOT NULL,
  exception_id uuid NOT NULL,
  use_id       bigint GENERATED ALWAYS AS IDENTITY,
  used_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  actor        uuid NOT NULL,
  operation    text NOT NULL,
  epoch        bigint NOT NULL,
  xid          xid8 NOT NULL DEFAULT pg_current_xact_id(),
  PRIMARY KEY (tenant_id, exception_id, use_id),
  FOREIGN KEY (tenant_id, exception_id) REFERENCES posting_exception
);

-- Closing entries are let in by a token that nobody else can ever see: it is gone before the transaction ends.
CREATE TABLE run_token (
  tenant_id uuid NOT NULL REFERENCES tenant,
  token     uuid NOT NULL,
  run       uuid NOT NULL,
  entity    text NOT NULL,
  period_id uuid NOT NULL,
  scope     text NOT NULL,
  PRIMARY KEY (tenant_id, token, entity, period_id, scope)
);

-- Who may post adjustments into a period that is closed to everything else: the product's own table of roles says so.
CREATE TABLE fiscal.adjusting_role (role text PRIMARY KEY);
INSERT INTO fiscal.adjusting_role VALUES ('Admin'), ('FinanceController');
GRANT SELECT ON fiscal.adjusting_role TO changegate_app, changegate_guard;

CREATE TABLE fiscal.journal (
  module        text PRIMARY KEY CHECK (module <> ''),
  scope         text NOT NULL,
  journal       regclass NOT NULL,
  columns       jsonb NOT NULL,
  functions     jsonb NOT NULL,
  registered_by name NOT NULL DEFAULT current_user,
  registered_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT ON fiscal.journal TO changegate_app, changegate_module;
GRANT INSERT, UPDATE ON fiscal.journal TO changegate_module;

DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['entity_books', 'posting_scope', 'period_gate', 'period_gate_history', 'posting_exception',
                           'posting_exception_use', 'run_token']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format($p$CREATE POLICY own_tenant ON %I TO changegate_app
      USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)
      WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)$p$, t);
    EXECUTE format('GRANT SELECT, INSERT ON %I TO changegate_app', t);
    EXECUTE format('CREATE POLICY guard ON %I TO changegate_guard USING (true)', t);
    EXECUTE format('GRANT SELECT ON %I TO changegate_guard', t);
  END LOOP;
  FOREACH t IN ARRAY ARRAY['fiscal_period', 'fiscal_year', 'principal'] LOOP
    EXECUTE format('CREATE POLICY guard ON %I FOR SELECT TO changegate_guard USING (true)', t);
  END LOOP;
END $$;
GRANT UPDATE (calendar_id, late_entries, most_open, opens_itself, version) ON entity_books TO changegate_app;
GRANT UPDATE (name, ledger, sequential, version) ON posting_scope TO changegate_app;
GRANT UPDATE (status, posting, epoch, changed_by, changed_at, reason) ON period_gate TO changegate_app;
GRANT UPDATE (revoked_at, revoked_by) ON posting_exception TO changegate_app;
GRANT DELETE ON run_token TO changegate_app;
GRANT SELECT ON fiscal_period, fiscal_year TO changegate_guard;
GRANT SELECT (tenant_id, principal_id, roles) ON principal TO changegate_guard;
-- FOR SHARE asks for the right to update; the guard never updates a gate.
GRANT UPDATE (epoch) ON period_gate TO changegate_guard;
GRANT UPDATE (used) ON posting_exception TO changegate_guard;
GRANT INSERT ON period_gate_history, posting_exception_use TO changegate_guard;

CREATE FUNCTION fiscal.gate_lock(tenant uuid, entity text, period_id uuid, scope text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT hashtextextended('period/' || tenant::text || '/' || period_id::text || '/' || scope || '/' || entity, 0)
$$;

-- Whoever moves gates takes their locks first, in one order, and sees whatever was posted until it had them.
CREATE FUNCTION fiscal.hold_gates_v1(tenant uuid, entities text[], periods uuid[], scopes text[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM fiscal.refuse_snapshot();
  FOR i IN 1 .. coalesce(cardinality(entities), 0) LOOP
    PERFORM pg_advisory_xact_lock(fiscal.gate_lock(tenant, entities[i], periods[i], scopes[i]));
  END LOOP;
END $$;

CREATE FUNCTION fiscal.refuse_snapshot() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'gates move at READ COMMITTED only' USING ERRCODE = 'FP020';
  END IF;
END $$;

CREATE FUNCTION fiscal.refuse_unheld(lock_key bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (
    SELECT FROM pg_locks l WHERE l.locktype = 'advisory' AND l.pid = pg_backend_pid() AND l.granted
       AND l.mode = 'ExclusiveLock' AND l.objsubid = 1 AND ((l.classid::bigint << 32) | l.objid::bigint) = lock_key) THEN
    RAISE EXCEPTION 'whoever moves a gate holds its lock' USING ERRCODE = 'FP021';
  END IF;
END $$;

CREATE FUNCTION fiscal.gate_moves() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE before bigint := 0;
BEGIN
  PERFORM fiscal.refuse_snapshot();
  PERFORM fiscal.refuse_unheld(fiscal.gate_lock(NEW.tenant_id, NEW.entity, NEW.period_id, NEW.scope));
  IF TG_OP = 'UPDATE' THEN
    before := OLD.epoch;
    IF OLD.status = 'locked' OR NEW.status = 'pending' THEN
      RAISE EXCEPTION 'a gate neither leaves locked nor returns to pending' USING ERRCODE = 'check_violation',
        CONSTRAINT = 'locked_is_final';
    END IF;
  ELSE
    -- Waits for whoever gives these books another calendar; nobody does once a gate is there.
    PERFORM FROM entity_books b JOIN fiscal_period p ON p.tenant_id = b.tenant_id AND p.calendar_id = b.calendar_id
      WHERE b.tenant_id = NEW.tenant_id AND b.entity = NEW.entity AND p.period_id = NEW.period_id FOR SHARE OF b;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'the period is of another calendar' USING ERRCODE = 'check_violation',
        CONSTRAINT = 'gate_is_of_its_books';
    END IF;
  END IF;
  IF NEW.epoch <> before + 1 THEN
    RAISE EXCEPTION 'the gate has moved since' USING ERRCODE = 'check_violation', CONSTRAINT = 'epochs_follow',
      DETAIL = jsonb_build_object('epoch', before, 'expected', NEW.epoch - 1)::text;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER gate_moves BEFORE UPDATE ON period_gate FOR EACH ROW EXECUTE FUNCTION fiscal.gate_moves();
CREATE TRIGGER gate_comes AFTER INSERT ON period_gate FOR EACH ROW EXECUTE FUNCTION fiscal.gate_moves();

CREATE FUNCTION fiscal.books_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM period_gate g WHERE g.tenant_id = NEW.tenant_id AND g.entity = NEW.entity) THEN
    RAISE EXCEPTION 'books stay with their calendar' USING ERRCODE = 'check_violation', CONSTRAINT = 'books_stay';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER books_stay BEFORE UPDATE ON entity_books
  FOR EACH ROW WHEN (OLD.calendar_id <> NEW.calendar_id) EXECUTE FUNCTION fiscal.books_stay();

CREATE FUNCTION fiscal.written_by_the_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF current_user <> 'changegate_guard' THEN
    RAISE EXCEPTION '% is written by the guard', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION fiscal.token_is_dropped() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM run_token t WHERE t.tenant_id = NEW.tenant_id AND t.token = NEW.token) THEN
    RAISE EXCEPTION 'a run token does not outlive its transaction' USING ERRCODE = 'check_violation',
      CONSTRAINT = 'token_is_dropped';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER token_is_dropped AFTER INSERT ON run_token
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fiscal.token_is_dropped();

CREATE FUNCTION fiscal.token_is_of_the_closer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM fiscal.refuse_unheld(fiscal.gate_lock(NEW.tenant_id, NEW.entity, NEW.period_id, NEW.scope));
  RETURN NULL;
END $$;
CREATE TRIGGER token_is_of_the_closer AFTER INSERT ON run_token
  FOR EACH ROW EXECUTE FUNCTION fiscal.token_is_of_the_closer();

-- Changes of these are rare; a posting changes none of them, or its NOTIFY would make commits wait for each other.
CREATE FUNCTION fiscal.tell_periods() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('changegate_periods', coalesce(NEW.tenant_id, OLD.tenant_id)::text);
  RETURN NULL;
END $$;
CREATE TRIGGER tell AFTER INSERT OR UPDATE ON period_gate FOR EACH ROW EXECUTE FUNCTION fiscal.tell_periods();
CREATE TRIGGER tell AFTER INSERT OR UPDATE ON entity_books FOR EACH ROW EXECUTE FUNCTION fiscal.tell_periods();
CREATE TRIGGER tell AFTER INSERT OR UPDATE ON posting_scope FOR EACH ROW EXECUTE FUNCTION fiscal.tell_periods();
CREATE TRIGGER tell AFTER INSERT OR UPDATE OF revoked_at ON posting_exception
  FOR EACH ROW EXECUTE FUNCTION fiscal.tell_periods();
CREATE TRIGGER tell AFTER INSERT OR DELETE ON fiscal_year FOR EACH ROW EXECUTE FUNCTION fiscal.tell_periods();
CREATE TRIGGER tell AFTER UPDATE OF time_zone ON legal_entity FOR EACH ROW EXECUTE FUNCTION fiscal.tell_periods();

DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['period_gate_history', 'posting_exception_use'] LOOP
    EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON %I
      FOR EACH ROW EXECUTE FUNCTION refuse_rewrite()', t);
    EXECUTE format('CREATE TRIGGER by_the_guard AFTER INSERT ON %I
      FOR EACH ROW EXECUTE FUNCTION fiscal.written_by_the_guard()', t);
  END LOOP;
  FOREACH t IN ARRAY ARRAY['period_gate', 'period_gate_history', 'posting_exception', 'posting_exception_use'] LOOP
    EXECUTE format('CREATE TRIGGER no_truncate BEFORE TRUNCATE ON %I
      FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewrite()', t);
  END LOOP;
END $$;
CREATE TRIGGER gates_stay BEFORE DELETE ON period_gate FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();

REVOKE ALL ON FUNCTION fiscal.hold_gates_v1, fiscal.refuse_snapshot, fiscal.refuse_unheld, fiscal.gate_lock,
  fiscal.gate_moves, fiscal.books_stay, fiscal.written_by_the_guard, fiscal.token_is_dropped,
  fiscal.token_is_of_the_closer, fiscal.tell_periods FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fiscal.hold_gates_v1, fiscal.refuse_snapshot, fiscal.refuse_unheld TO changegate_app;
GRANT EXECUTE ON FUNCTION fiscal.gate_lock TO changegate_app, changegate_guard;
