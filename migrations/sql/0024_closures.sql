SET LOCAL ROLE changegate_owner;

-- What is done at every close of a kind: tasks, and which of them wait for which. A version is written once.
CREATE TABLE closure_template (
  tenant_id  uuid NOT NULL REFERENCES tenant,
  code       text NOT NULL CHECK (code <> ''),
  version    bigint NOT NULL CHECK (version > 0),
  content    jsonb NOT NULL,
  written_by uuid NOT NULL,
  written_at timestamptz NOT NULL DEFAULT now(),
  reason     text NOT NULL,
  PRIMARY KEY (tenant_id, code, version)
);

-- One attempt at closing one period of one entity.
CREATE TABLE closure_run (
  tenant_id   uuid NOT NULL,
  run_id      uuid NOT NULL,
  entity      text NOT NULL,
  period_id   uuid NOT NULL,
  period_code text NOT NULL,
  scopes      text[] NOT NULL CHECK (cardinality(scopes) > 0),
  mode        text NOT NULL CHECK (mode IN ('soft', 'hard', 'year_end')),
  attempt     int NOT NULL CHECK (attempt > 0),
  requester   uuid NOT NULL,
  state       text NOT NULL CHECK (state IN ('INITIATED', 'PRECHECK', 'FREEZING', 'TASKS', 'VALIDATING', 'REMEDIATING',
    'AWAITING_APPROVAL', 'CLOSING', 'NOTIFYING', 'CLOSED', 'ABORTED', 'REJECTED', 'TIMED_OUT', 'FAILED_OPERATOR')),
  over        boolean NOT NULL
    GENERATED ALWAYS AS (state IN ('CLOSED', 'ABORTED', 'REJECTED', 'TIMED_OUT', 'FAILED_OPERATOR')) STORED,
  template    text,
  opened_at   timestamptz NOT NULL,
  due_at      timestamptz,
  closed_at   timestamptz,
  prior       jsonb NOT NULL DEFAULT '[]',
  snapshot    text,
  approval    uuid,
  supersedes  uuid,
  started     boolean NOT NULL DEFAULT false,
  PRIMARY KEY (tenant_id, run_id),
  CONSTRAINT one_attempt_of_a_number UNIQUE (tenant_id, entity, period_id, attempt),
  FOREIGN KEY (tenant_id, entity) REFERENCES legal_entity,
  FOREIGN KEY (tenant_id, period_id) REFERENCES fiscal_period,
  FOREIGN KEY (tenant_id, approval) REFERENCES approval,
  FOREIGN KEY (tenant_id, supersedes) REFERENCES closure_run,
  CONSTRAINT closed_at_is_known CHECK ((closed_at IS NOT NULL) = (state IN ('NOTIFYING', 'CLOSED')))
);
CREATE UNIQUE INDEX one_run_at_a_time ON closure_run (tenant_id, entity, period_id) WHERE NOT over;
CREATE INDEX closure_run_newest ON closure_run (tenant_id, opened_at DESC, run_id DESC);
COMMENT ON COLUMN closure_run.prior IS 'the gates as the freeze found them: to these it goes back when the close does not come about';
COMMENT ON COLUMN closure_run.snapshot IS 'digest of what was validated: nothing else is closed';

CREATE TABLE closure_step (
  tenant_id  uuid NOT NULL,
  run_id     uuid NOT NULL,
  seq        bigint NOT NULL CHECK (seq > 0),
  step       text NOT NULL,
  from_state text,
  to_state   text NOT NULL,
  cause      text NOT NULL,
  at         timestamptz NOT NULL,
  actor      uuid,
  reason     text,
  PRIMARY KEY (tenant_id, run_id, seq),
  CONSTRAINT one_step_of_a_name UNIQUE (tenant_id, run_id, step),
  FOREIGN KEY (tenant_id, run_id) REFERENCES closure_run
);

CREATE TABLE closure_task (
  tenant_id    uuid NOT NULL,
  run_id       uuid NOT NULL,
  task_id      uuid NOT NULL,
  key          text NOT NULL CHECK (key <> ''),
  place        int NOT NULL,
  plan         jsonb NOT NULL,
  owner        uuid NOT NULL,
  reviewer     uuid,
  due_at       timestamptz,
  state        text NOT NULL,
  evidence     uuid[] NOT NULL DEFAULT '{}',
  ready_at     timestamptz,
  started_at   timestamptz,
  ended_at     timestamptz,
  returns      int NOT NULL DEFAULT 0,
  waived_by    uuid,
  remark       text NOT NULL DEFAULT '',
  PRIMARY KEY (tenant_id, run_id, key),
  UNIQUE (tenant_id, task_id),
  FOREIGN KEY (tenant_id, run_id) REFERENCES closure_run,
  CONSTRAINT reviewer_is_another CHECK (reviewer <> owner)
);

CREATE TABLE closure_task_dependency (
  tenant_id uuid NOT NULL,
  run_id    uuid NOT NULL,
  key       text NOT NULL,
  place     int NOT NULL,
  after     text NOT NULL CHECK (after <> key),
  PRIMARY KEY (tenant_id, run_id, key, after),
  FOREIGN KEY (tenant_id, run_id, key) REFERENCES closure_task,
  FOREIGN KEY (tenant_id, run_id, after) REFERENCES closure_task
);

-- Who signed what they had seen. What they saw may move: then the signature rests, and is kept.
CREATE TABLE task_signoff (
  tenant_id         uuid NOT NULL,
  run_id            uuid NOT NULL,
  key               text NOT NULL,
  seq               bigint NOT NULL CHECK (seq > 0),
  role              text NOT NULL CHECK (role IN ('preparer', 'reviewer')),
  who               uuid NOT NULL,
  at                timestamptz NOT NULL,
  basis             text NOT NULL,
  statement_balance numeric,
  book_balance      numeric,
  suspended_at      timestamptz,
  superseded_at     timestamptz,
  PRIMARY KEY (tenant_id, run_id, key, seq),
  FOREIGN KEY (tenant_id, run_id, key) REFERENCES closure_task
);

CREATE TABLE closure_evidence (
  tenant_id      uuid NOT NULL,
  evidence_id    uuid NOT NULL,
  run_id         uuid NOT NULL,
  task           text NOT NULL,
  name           text NOT NULL CHECK (name <> ''),
  media_type     text NOT NULL,
  size           bigint NOT NULL,
  sha256         text NOT NULL,
  content        bytea NOT NULL CHECK (octet_length(content) BETWEEN 1 AND 10485760),
  basis          text NOT NULL,
  added_by       uuid NOT NULL,
  added_at       timestamptz NOT NULL,
  retained_until timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, evidence_id),
  FOREIGN KEY (tenant_id, run_id, task) REFERENCES closure_task,
  CONSTRAINT digest_is_of_evidence CHECK (sha256 = encode(sha256(content), 'hex') AND size = octet_length(content))
);
CREATE INDEX closure_evidence_of ON closure_evidence (tenant_id, run_id, task);

-- What was found each time that the close was looked at; only what people said of it is added later.
CREATE TABLE check_result (
  tenant_id       uuid NOT NULL,
  run_id          uuid NOT NULL,
  round           int NOT NULL CHECK (round >= 0),
  check_code      text NOT NULL,
  severity        text NOT NULL CHECK (severity IN ('critical', 'error', 'warning')),
  ok              boolean NOT NULL,
  measured        jsonb NOT NULL,
  found_at        timestamptz NOT NULL DEFAULT now(),
  waived_by       uuid,
  waiver_reason   text,
  acknowledged_by uuid,
  PRIMARY KEY (tenant_id, run_id, round, check_code),
  FOREIGN KEY (tenant_id, run_id) REFERENCES closure_run,
  CONSTRAINT waived_for_a_reason CHECK ((waived_by IS NULL) = (waiver_reason IS NULL)),
  CONSTRAINT critical_is_never_waived CHECK (waived_by IS NULL OR severity <> 'critical')
);

-- What was certified: a chain for each period of each entity, of which no link is ever rewritten.
CREATE TABLE closure_certificate (
  tenant_id uuid NOT NULL,
  entity    text NOT NULL,
  period_id uuid NOT NULL,
  number    int NOT NULL CHECK (number > 0),
  run_id    uuid NOT NULL,
  content   jsonb NOT NULL,
  digest    text NOT NULL,
  previous  text,
  closed_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, entity, period_id, number),
  CONSTRAINT one_certificate_of_a_run UNIQUE (tenant_id, run_id),
  FOREIGN KEY (tenant_id, run_id) REFERENCES closure_run
);

DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['closure_template', 'closure_run', 'closure_step', 'closure_task', 'closure_task_dependency',
                           'task_signoff', 'closure_evidence', 'check_result', 'closure_certificate']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format($p$CREATE POLICY own_tenant ON %I TO changegate_app
      USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)
      WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)$p$, t);
    EXECUTE format('GRANT SELECT, INSERT ON %I TO changegate_app', t);
  END LOOP;
  FOREACH t IN ARRAY ARRAY['closure_template', 'closure_step', 'closure_task_dependency', 'closure_certificate']
  LOOP
    EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON %I
      FOR EACH ROW EXECUTE FUNCTION refuse_rewrite()', t);
  END LOOP;
END $$;
GRANT UPDATE (state, due_at, closed_at, prior, snapshot, approval, started) ON closure_run TO changegate_app;
GRANT UPDATE (state, due_at, evidence, ready_at, started_at, ended_at, returns, waived_by, remark)
  ON closure_task TO changegate_app;
GRANT UPDATE (suspended_at, superseded_at) ON task_signoff TO changegate_app;
GRANT UPDATE (waived_by, waiver_reason, acknowledged_by) ON check_result TO changegate_app;
GRANT DELETE ON closure_evidence TO changegate_app;

CREATE FUNCTION over_run_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.over AND (NEW.state, NEW.closed_at, NEW.prior, NEW.snapshot, NEW.approval)
      IS DISTINCT FROM (OLD.state, OLD.closed_at, OLD.prior, OLD.snapshot, OLD.approval) THEN
    RAISE EXCEPTION 'a close that is over does not change' USING ERRCODE = 'check_violation', CONSTRAINT = 'over_run_is_final';
  END IF;
  IF OLD.closed_at IS NOT NULL AND (NEW.closed_at IS DISTINCT FROM OLD.closed_at OR NEW.state NOT IN ('NOTIFYING', 'CLOSED')) THEN
    RAISE EXCEPTION 'what was closed stays closed' USING ERRCODE = 'check_violation', CONSTRAINT = 'over_run_is_final';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER over_run_is_final BEFORE UPDATE ON closure_run FOR EACH ROW EXECUTE FUNCTION over_run_is_final();

-- A waiver is somebody else's: never of whoever asked for the close.
CREATE FUNCTION waiver_is_anothers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.waived_by IS NOT NULL AND EXISTS (SELECT FROM closure_run r
      WHERE r.tenant_id = NEW.tenant_id AND r.run_id = NEW.run_id AND r.requester = NEW.waived_by) THEN
    RAISE EXCEPTION 'nobody waives a check of a close that they asked for' USING ERRCODE = 'check_violation',
      CONSTRAINT = 'waiver_is_anothers';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER waiver_is_anothers BEFORE INSERT OR UPDATE ON check_result FOR EACH ROW EXECUTE FUNCTION waiver_is_anothers();

-- Evidence stays as long as it was promised to.
CREATE FUNCTION evidence_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.retained_until > clock_timestamp() THEN
    RAISE EXCEPTION 'evidence is retained' USING ERRCODE = 'check_violation', CONSTRAINT = 'evidence_is_retained';
  END IF;
  RETURN OLD;
END $$;
CREATE TRIGGER evidence_is_kept BEFORE DELETE ON closure_evidence FOR EACH ROW EXECUTE FUNCTION evidence_is_kept();
CREATE TRIGGER append_only BEFORE UPDATE ON closure_evidence FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();

CREATE FUNCTION certificates_are_a_chain() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE before text;
BEGIN
  SELECT digest INTO before FROM closure_certificate c
   WHERE c.tenant_id = NEW.tenant_id AND c.entity = NEW.entity AND c.period_id = NEW.period_id AND c.number = NEW.number - 1;
  IF (NEW.number > 1 AND before IS NULL) OR NEW.previous IS DISTINCT FROM before THEN
    RAISE EXCEPTION 'a certificate names the one before it' USING ERRCODE = 'check_violation',
      CONSTRAINT = 'certificates_are_a_chain';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER certificates_are_a_chain BEFORE INSERT ON closure_certificate
  FOR EACH ROW EXECUTE FUNCTION certificates_are_a_chain();

-- What was committed and may not have reached Temporal, of every tenant.
GRANT SELECT (tenant_id, run_id, started, opened_at, over) ON closure_run TO changegate_relay;
CREATE POLICY relay ON closure_run FOR SELECT TO changegate_relay USING (true);
RESET ROLE;
GRANT CREATE ON SCHEMA public TO changegate_relay;
SET LOCAL ROLE changegate_relay;
CREATE FUNCTION find_waiting_closures() RETURNS TABLE (tenant_id uuid, id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT r.tenant_id, r.run_id FROM closure_run r
   WHERE NOT r.started AND NOT r.over AND r.opened_at < now() - interval '2 seconds'
   ORDER BY random() LIMIT 1000
$$;
REVOKE ALL ON FUNCTION find_waiting_closures() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_waiting_closures() TO changegate_app;
RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM changegate_relay;
