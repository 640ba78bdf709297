SET LOCAL ROLE changegate_owner;

-- A module whose books are in another database: it keeps its gates itself, and its speaker says when it has set one.
CREATE TABLE remote_module (
  tenant_id  uuid NOT NULL REFERENCES tenant,
  code       text NOT NULL CHECK (code <> ''),
  name       text NOT NULL,
  scope      text NOT NULL,
  speaker    uuid NOT NULL,
  entities   text[] NOT NULL DEFAULT '{}',
  in_service boolean NOT NULL DEFAULT true,
  version    bigint NOT NULL CHECK (version > 0),
  PRIMARY KEY (tenant_id, code),
  FOREIGN KEY (tenant_id, scope) REFERENCES posting_scope,
  FOREIGN KEY (tenant_id, speaker) REFERENCES principal
);
COMMENT ON COLUMN remote_module.entities IS 'empty: it keeps books of every entity';

-- A gate at one epoch, as one module is to set it. What the gate was then is in its history.
CREATE TABLE module_fence (
  tenant_id       uuid NOT NULL,
  fence_id        uuid NOT NULL,
  module          text NOT NULL,
  entity          text NOT NULL,
  period_id       uuid NOT NULL,
  scope           text NOT NULL,
  epoch           bigint NOT NULL CHECK (epoch > 0),
  period_code     text NOT NULL,
  run             uuid,
  asked_at        timestamptz NOT NULL,
  attempts        int NOT NULL CHECK (attempts > 0),
  state           text NOT NULL CHECK (state IN ('asked', 'acknowledged', 'overdue', 'excluded', 'superseded')),
  acknowledgement jsonb,
  settled_at      timestamptz,
  settled_by      uuid,
  reason          text,
  PRIMARY KEY (tenant_id, fence_id),
  CONSTRAINT one_fence_of_an_epoch UNIQUE (tenant_id, module, entity, period_id, scope, epoch),
  FOREIGN KEY (tenant_id, module) REFERENCES remote_module,
  FOREIGN KEY (tenant_id, entity, period_id, scope, epoch)
    REFERENCES period_gate_history (tenant_id, entity, period_id, scope, epoch),
  CONSTRAINT what_was_said_is_kept CHECK ((acknowledgement IS NOT NULL) = (state = 'acknowledged')),
  CONSTRAINT settled_at_is_known CHECK ((settled_at IS NULL) = (state IN ('asked', 'overdue'))),
  CONSTRAINT an_exclusion_has_a_reason CHECK (state <> 'excluded' OR (settled_by IS NOT NULL AND reason IS NOT NULL))
);
CREATE INDEX module_fence_newest ON module_fence (tenant_id, asked_at DESC, fence_id DESC);
CREATE INDEX module_fence_of_run ON module_fence (tenant_id, run) WHERE run IS NOT NULL;
CREATE INDEX module_fence_outstanding ON module_fence (tenant_id, module) WHERE state IN ('asked', 'overdue');
COMMENT ON COLUMN module_fence.run IS 'the close that waits for it, if one does';

DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['remote_module', 'module_fence']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format($p$CREATE POLICY own_tenant ON %I TO changegate_app
      USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)
      WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)$p$, t);
    EXECUTE format('CREATE POLICY guard ON %I FOR SELECT TO changegate_guard USING (true)', t);
    EXECUTE format('GRANT SELECT, INSERT ON %I TO changegate_app', t);
    EXECUTE format('GRANT SELECT ON %I TO changegate_guard', t);
  END LOOP;
END $$;
GRANT UPDATE (name, speaker, entities, in_service, version) ON remote_module TO changegate_app;
GRANT UPDATE (run, state, attempts, acknowledgement, settled_at, settled_by, reason) ON module_fence TO changegate_app;

CREATE FUNCTION settled_fence_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a fence is settled once' USING ERRCODE = 'check_violation', CONSTRAINT = 'settled_fence_stays';
END $$;
CREATE TRIGGER settled_fence_stays BEFORE UPDATE ON module_fence
  FOR EACH ROW WHEN (OLD.settled_at IS NOT NULL
    AND (OLD.state, OLD.attempts, OLD.acknowledgement, OLD.settled_at, OLD.settled_by, OLD.reason)
        IS DISTINCT FROM (NEW.state, NEW.attempts, NEW.acknowledgement, NEW.settled_at, NEW.settled_by, NEW.reason))
  EXECUTE FUNCTION settled_fence_stays();

GRANT CREATE ON SCHEMA fiscal TO changegate_guard;
RESET ROLE;
SET LOCAL ROLE changegate_guard;

-- A ledger asks before it takes in a posting of a module, with the epoch that the module made it under.
CREATE FUNCTION fiscal.assert_epoch_v1(tenant uuid, module text, entity text, period_id uuid, epoch bigint)
RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = fiscal, public, pg_temp AS $$
DECLARE
  its_scope text;
  present bigint;
  facts jsonb;
BEGIN
  IF num_nulls($1, $2, $3, $4, $5) > 0 THEN
    RAISE EXCEPTION 'a posting says whose it is and which epoch it has' USING ERRCODE = 'FP014',
      DETAIL = (SELECT jsonb_build_object('missing', jsonb_agg(m.name ORDER BY m.name))
                  FROM (VALUES ('tenant', $1::text), ('module', $2), ('entity', $3), ('period', $4::text),
                               ('epoch', $5::text)) AS m (name, given) WHERE m.given IS NULL)::text;
  END IF;
  PERFORM fiscal.refuse_other_tenant($1);
  SELECT m.scope INTO its_scope FROM remote_module m
   WHERE m.tenant_id = $1 AND m.code = $2 AND m.in_service AND (m.entities = '{}' OR $3 = ANY (m.entities));
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no such module keeps these books'
      USING ERRCODE = 'FP031', DETAIL = jsonb_build_object('code', $2)::text;
  END IF;
  PERFORM pg_advisory_xact_lock_shared(fiscal.gate_lock($1, $3, $4, its_scope));
  SELECT g.epoch INTO present FROM period_gate g
   WHERE g.tenant_id = $1 AND g.entity = $3 AND g.period_id = $4 AND g.scope = its_scope FOR SHARE;
  present := coalesce(present, 0);
  facts := jsonb_build_object('module', $2, 'entity', $3, 'scope', its_scope, 'epoch', present, 'given', $5);
  IF $5 > present THEN
    RAISE EXCEPTION 'the gate never had this epoch' USING ERRCODE = 'FP030', DETAIL = facts::text;
  ELSIF $5 < present AND (
    SELECT coalesce(max(f.epoch) FILTER (WHERE f.state = 'excluded'), -1)
           > coalesce(max(f.epoch) FILTER (WHERE f.state = 'acknowledged'), -1)
      FROM module_fence f
     WHERE f.tenant_id = $1 AND f.module = $2 AND f.entity = $3 AND f.period_id = $4 AND f.scope = its_scope)
  THEN
    RAISE EXCEPTION 'the gate has moved since' USING ERRCODE = 'FP013', DETAIL = facts::text;
  END IF;
END $$;
COMMENT ON FUNCTION fiscal.assert_epoch_v1 IS 'the gate stays as it is until the transaction ends';
GRANT EXECUTE ON FUNCTION fiscal.assert_epoch_v1 TO changegate_app, changegate_poster;
RESET ROLE;

SET LOCAL ROLE changegate_owner;
REVOKE CREATE ON SCHEMA fiscal FROM changegate_guard;
