SET LOCAL ROLE changegate_owner;
-- What was uploaded, piece by piece: it counts for nothing until an import names it, and it goes when its time is over.
CREATE TABLE upload (
  tenant_id  uuid NOT NULL REFERENCES tenant,
  upload_id  uuid NOT NULL,
  owner      uuid NOT NULL,
  bytes      bigint,
  digest     text,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, upload_id),
  FOREIGN KEY (tenant_id, owner) REFERENCES principal,
  CHECK ((bytes IS NULL) = (digest IS NULL))
);
COMMENT ON COLUMN upload.bytes IS 'null until the last piece is there';

CREATE TABLE upload_piece (
  tenant_id uuid NOT NULL,
  upload_id uuid NOT NULL,
  number    int NOT NULL CHECK (number >= 0),
  content   bytea NOT NULL CHECK (octet_length(content) <= 1048576),
  PRIMARY KEY (tenant_id, upload_id, number),
  FOREIGN KEY (tenant_id, upload_id) REFERENCES upload
);

CREATE TABLE bundle_import (
  tenant_id   uuid NOT NULL,
  import_id   uuid NOT NULL,
  upload_id   uuid NOT NULL,
  environment environment NOT NULL,
  requester   uuid NOT NULL,
  options     jsonb NOT NULL,
  reason      text NOT NULL,
  state       text NOT NULL CHECK (state IN
                ('RUNNING', 'AWAITING_APPROVAL', 'APPLIED', 'UNCHANGED', 'PLANNED', 'REJECTED', 'FAILED', 'CANCELLED')),
  change_id   uuid,
  outcome     jsonb,
  started     boolean NOT NULL DEFAULT false,
  created_at  timestamptz NOT NULL DEFAULT now(),
  ended_at    timestamptz,
  PRIMARY KEY (tenant_id, import_id),
  FOREIGN KEY (tenant_id, requester) REFERENCES principal,
  CHECK ((state IN ('RUNNING', 'AWAITING_APPROVAL')) = (ended_at IS NULL))
);
CREATE INDEX bundle_import_newest ON bundle_import (tenant_id, created_at DESC, import_id);
CREATE INDEX bundle_import_unstarted ON bundle_import (created_at) WHERE NOT started AND ended_at IS NULL;
CREATE INDEX bundle_import_of_upload ON bundle_import (tenant_id, upload_id) WHERE ended_at IS NULL;

-- Apart from the import: whoever applies it holds its row, and others want to see how far it is meanwhile.
CREATE TABLE bundle_import_progress (
  tenant_id uuid NOT NULL,
  import_id uuid NOT NULL,
  phase     text NOT NULL,
  done      int NOT NULL,
  total     int NOT NULL,
  at        timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (tenant_id, import_id),
  FOREIGN KEY (tenant_id, import_id) REFERENCES bundle_import
);

CREATE TABLE bundle_sync (
  tenant_id   uuid NOT NULL REFERENCES tenant,
  sync_id     uuid NOT NULL,
  environment environment NOT NULL,
  checksum    text NOT NULL,
  content     bytea NOT NULL,
  change_id   uuid,
  synced_by   uuid NOT NULL,
  synced_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (tenant_id, sync_id)
);
CREATE INDEX bundle_sync_newest ON bundle_sync (tenant_id, environment, synced_at DESC);
COMMENT ON COLUMN bundle_sync.change_id IS 'counts from when the rollout of this change has succeeded';

DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['upload', 'upload_piece', 'bundle_import', 'bundle_import_progress', 'bundle_sync']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format($p$CREATE POLICY own_tenant ON %I TO changegate_app
      USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)
      WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)$p$, t);
    EXECUTE format('GRANT SELECT, INSERT ON %I TO changegate_app', t);
  END LOOP;
END $$;
GRANT UPDATE (bytes, digest, expires_at), DELETE ON upload TO changegate_app;
GRANT DELETE ON upload_piece TO changegate_app;
GRANT UPDATE (state, change_id, outcome, started, ended_at) ON bundle_import TO changegate_app;
GRANT UPDATE (phase, done, total, at) ON bundle_import_progress TO changegate_app;
GRANT DELETE ON bundle_sync TO changegate_app;

CREATE FUNCTION ended_import_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.ended_at IS NOT NULL AND (NEW.state, NEW.outcome, NEW.ended_at) IS DISTINCT FROM (OLD.state, OLD.outcome, OLD.ended_at) THEN
    RAISE EXCEPTION 'an import that has ended does not change' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER ended_import_is_final BEFORE UPDATE ON bundle_import FOR EACH ROW EXECUTE FUNCTION ended_import_is_final();

-- What was committed and may not have reached Temporal, of every tenant.
GRANT SELECT (tenant_id, import_id, started, created_at, ended_at) ON bundle_import TO changegate_relay;
CREATE POLICY relay ON bundle_import FOR SELECT TO changegate_relay USING (true);
RESET ROLE;
GRANT CREATE ON SCHEMA public TO changegate_relay;
SET LOCAL ROLE changegate_relay;
CREATE FUNCTION find_waiting_imports() RETURNS TABLE (tenant_id uuid, id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT i.tenant_id, i.import_id FROM bundle_import i
   WHERE NOT i.started AND i.ended_at IS NULL AND i.created_at < now() - interval '2 seconds'
   ORDER BY random() LIMIT 1000
$$;
REVOKE ALL ON FUNCTION find_waiting_imports() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_waiting_imports() TO changegate_app;
RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM changegate_relay;
