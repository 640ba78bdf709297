SET LOCAL ROLE changegate_owner;

-- Closes of many periods, or of many entities, that one request named.
CREATE TABLE closure_series (
  tenant_id    uuid NOT NULL REFERENCES tenant,
  series_id    uuid NOT NULL,
  requester    uuid NOT NULL,
  reason       text NOT NULL,
  asked_at     timestamptz NOT NULL,
  at_once      int NOT NULL CHECK (at_once BETWEEN 1 AND 20),
  state        text NOT NULL CHECK (state IN ('RUNNING', 'ABORTING', 'STOPPED', 'CLOSED', 'ABORTED')),
  over         boolean NOT NULL GENERATED ALWAYS AS (state IN ('CLOSED', 'ABORTED')) STORED,
  why          text NOT NULL DEFAULT '',
  aborted_by   uuid,
  abort_reason text NOT NULL DEFAULT '',
  started      boolean NOT NULL DEFAULT false,
  changed_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (tenant_id, series_id)
);
CREATE INDEX closure_series_newest ON closure_series (tenant_id, asked_at DESC, series_id DESC);
CREATE INDEX closure_series_at_work ON closure_series (changed_at) WHERE state IN ('RUNNING', 'ABORTING');
COMMENT ON COLUMN closure_series.requester IS 'in whose name its closes are begun';

CREATE TABLE closure_series_member (
  tenant_id   uuid NOT NULL,
  series_id   uuid NOT NULL,
  place       int NOT NULL CHECK (place BETWEEN 1 AND 100),
  entity      text NOT NULL,
  period_id   uuid NOT NULL,
  period_code text NOT NULL,
  mode        text NOT NULL CHECK (mode IN ('soft', 'hard', 'year_end')),
  scopes      text[] CHECK (cardinality(scopes) > 0),
  template    text,
  due_at      timestamptz,
  after       text[] NOT NULL DEFAULT '{}',
  state       text NOT NULL CHECK (state IN ('waiting', 'running', 'closed', 'failed')),
  run_id      uuid,
  joined      boolean NOT NULL DEFAULT false,
  why         text NOT NULL DEFAULT '',
  PRIMARY KEY (tenant_id, series_id, place),
  CONSTRAINT one_close_of_a_period_in_a_series UNIQUE (tenant_id, series_id, entity, period_id),
  FOREIGN KEY (tenant_id, series_id) REFERENCES closure_series,
  FOREIGN KEY (tenant_id, entity) REFERENCES legal_entity,
  FOREIGN KEY (tenant_id, period_id) REFERENCES fiscal_period,
  FOREIGN KEY (tenant_id, run_id) REFERENCES closure_run,
  CONSTRAINT what_runs_is_known CHECK (state <> 'running' OR run_id IS NOT NULL)
);
COMMENT ON COLUMN closure_series_member.after IS 'entity/period of those that are closed before it begins';
COMMENT ON COLUMN closure_series_member.joined IS 'somebody else began that close';

DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['closure_series', 'closure_series_member'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format($p$CREATE POLICY own_tenant ON %I TO changegate_app
      USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)
      WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)$p$, t);
    EXECUTE format('GRANT SELECT, INSERT ON %I TO changegate_app', t);
    EXECUTE format('CREATE POLICY relay ON %I FOR SELECT TO changegate_relay USING (true)', t);
  END LOOP;
END $$;
GRANT UPDATE (state, why, requester, aborted_by, abort_reason, started, changed_at) ON closure_series TO changegate_app;
GRANT UPDATE (state, run_id, joined, why) ON closure_series_member TO changegate_app;

CREATE FUNCTION over_series_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.over AND (NEW.state, NEW.why, NEW.requester, NEW.aborted_by, NEW.abort_reason)
      IS DISTINCT FROM (OLD.state, OLD.why, OLD.requester, OLD.aborted_by, OLD.abort_reason) THEN
    RAISE EXCEPTION 'a series that is over does not change' USING ERRCODE = 'check_violation',
      CONSTRAINT = 'over_series_is_final';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER over_series_is_final BEFORE UPDATE ON closure_series
  FOR EACH ROW EXECUTE FUNCTION over_series_is_final();

-- What a series has closed stays so in it, whatever becomes of the series: nothing is closed twice.
CREATE FUNCTION closed_member_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.state = 'closed' AND NEW IS DISTINCT FROM OLD THEN
    RAISE EXCEPTION 'what a series has closed stays closed in it' USING ERRCODE = 'check_violation',
      CONSTRAINT = 'over_series_is_final';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER closed_member_stays BEFORE UPDATE ON closure_series_member
  FOR EACH ROW EXECUTE FUNCTION closed_member_stays();

-- What never reached Temporal, what has not heard that a close of it ended, and what nobody carries on, of every tenant.
GRANT SELECT (tenant_id, series_id, state, started, changed_at) ON closure_series TO changegate_relay;
GRANT SELECT (tenant_id, series_id, state, run_id) ON closure_series_member TO changegate_relay;
RESET ROLE;
GRANT CREATE ON SCHEMA public TO changegate_relay;
SET LOCAL ROLE changegate_relay;
CREATE FUNCTION find_waiting_series() RETURNS TABLE (tenant_id uuid, id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT s.tenant_id, s.series_id FROM closure_series s
   WHERE s.state IN ('RUNNING', 'ABORTING') AND s.changed_at < now() - interval '2 seconds'
     AND (NOT s.started
       OR EXISTS (SELECT FROM closure_series_member m JOIN closure_run r ON (r.tenant_id, r.run_id) = (m.tenant_id, m.run_id)
                   WHERE (m.tenant_id, m.series_id) = (s.tenant_id, s.series_id) AND m.state = 'running' AND r.over)
       OR s.changed_at < now() - interval '1 minute' AND (s.state = 'ABORTING'
         OR NOT EXISTS (SELECT FROM closure_series_member m
                         WHERE (m.tenant_id, m.series_id) = (s.tenant_id, s.series_id) AND m.state = 'running')))
   ORDER BY random() LIMIT 1000
$$;
REVOKE ALL ON FUNCTION find_waiting_series() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_waiting_series() TO changegate_app;
RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM changegate_relay;
