SET LOCAL ROLE changegate_owner;

-- One decision about many parked commands, carried out in stages.
CREATE TABLE command_bulk (
  tenant_id      uuid NOT NULL REFERENCES tenant,
  bulk_id        uuid NOT NULL,
  act            text NOT NULL CHECK (act IN ('retry', 'cancel')),
  requester      uuid NOT NULL,
  reason         text NOT NULL CHECK (char_length(reason) >= 10),
  digest         text NOT NULL CHECK (digest ~ '^sha256:[0-9a-f]{64}$'),
  wanted         jsonb NOT NULL,
  asked_at       timestamptz NOT NULL,
  stages         text[] NOT NULL CHECK (cardinality(stages) BETWEEN 1 AND 20),
  pace           jsonb NOT NULL,
  total          int NOT NULL DEFAULT 0 CHECK (total BETWEEN 0 AND 100000),
  state          text NOT NULL CHECK (state IN ('awaiting-approval', 'running', 'paused', 'stopped', 'aborting', 'done',
                                                'aborted', 'refused')),
  over           boolean NOT NULL GENERATED ALWAYS AS (state IN ('done', 'aborted', 'refused')) STORED,
  why            text NOT NULL DEFAULT '',
  stage          int NOT NULL DEFAULT 0 CHECK (stage >= 0),
  acted          int NOT NULL DEFAULT 0 CHECK (acted >= 0),
  settles_until  timestamptz,
  ended          jsonb NOT NULL DEFAULT '[]',
  approval       uuid,
  version        bigint NOT NULL DEFAULT 1 CHECK (version > 0),
  started        boolean NOT NULL DEFAULT false,
  changed_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (tenant_id, bulk_id)
);
CREATE INDEX command_bulk_newest ON command_bulk (tenant_id, asked_at DESC, bulk_id DESC);
CREATE INDEX command_bulk_at_work ON command_bulk (changed_at) WHERE state IN ('awaiting-approval', 'running', 'aborting');
COMMENT ON COLUMN command_bulk.version IS 'counts its states, and not its progress';

-- What it is about: commands as they were when it was made. One that has moved since is left alone. It refers to no
-- command: to freeze a hundred thousand would lock as many rows.
CREATE TABLE command_bulk_item (
  tenant_id  uuid NOT NULL,
  bulk_id    uuid NOT NULL,
  place      int NOT NULL CHECK (place > 0),
  domain     text NOT NULL,
  command_id text NOT NULL,
  version    bigint NOT NULL,
  cause      text,
  outcome    text NOT NULL DEFAULT 'waiting' CHECK (outcome IN ('waiting', 'retried', 'done', 'failed', 'skipped')),
  stage      int,
  epoch      int,
  why        text NOT NULL DEFAULT '',
  same       boolean NOT NULL DEFAULT false,
  PRIMARY KEY (tenant_id, bulk_id, place),
  FOREIGN KEY (tenant_id, bulk_id) REFERENCES command_bulk,
  CONSTRAINT one_item_of_a_command_in_a_bulk UNIQUE (tenant_id, bulk_id, domain, command_id),
  CONSTRAINT touched_in_a_stage CHECK ((outcome = 'waiting') = (stage IS NULL)),
  CONSTRAINT retried_into_an_epoch CHECK (outcome <> 'retried' OR epoch IS NOT NULL)
);
CREATE INDEX command_bulk_item_by_outcome ON command_bulk_item (tenant_id, bulk_id, outcome, place);
CREATE INDEX command_bulk_item_by_stage ON command_bulk_item (tenant_id, bulk_id, stage) WHERE stage IS NOT NULL;

-- What people did with it: each once.
CREATE TABLE command_bulk_act (
  tenant_id    uuid NOT NULL,
  operation_id uuid NOT NULL,
  bulk_id      uuid NOT NULL,
  act          text NOT NULL CHECK (act IN ('pause', 'resume', 'abort')),
  actor        uuid NOT NULL,
  reason       text NOT NULL CHECK (char_length(reason) >= 10),
  digest       text NOT NULL CHECK (digest ~ '^sha256:[0-9a-f]{64}$'),
  state        text NOT NULL,
  version      bigint NOT NULL,
  at           timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, operation_id),
  FOREIGN KEY (tenant_id, bulk_id) REFERENCES command_bulk
);

DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['command_bulk', 'command_bulk_item', 'command_bulk_act'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format($p$CREATE POLICY own_tenant ON %I TO changegate_app
      USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)
      WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)$p$, t);
    EXECUTE format('GRANT SELECT, INSERT ON %I TO changegate_app', t);
  END LOOP;
END $$;
GRANT UPDATE (total, state, why, stage, acted, settles_until, ended, approval, version, started, changed_at)
  ON command_bulk TO changegate_app;
GRANT UPDATE (outcome, stage, epoch, why, same) ON command_bulk_item TO changegate_app;

CREATE FUNCTION over_bulk_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.over AND (NEW.state, NEW.why, NEW.stage, NEW.total, NEW.ended)
      IS DISTINCT FROM (OLD.state, OLD.why, OLD.stage, OLD.total, OLD.ended) THEN
    RAISE EXCEPTION 'a bulk operation that is over does not change' USING ERRCODE = 'check_violation',
      CONSTRAINT = 'over_bulk_is_final';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER over_bulk_is_final BEFORE UPDATE ON command_bulk
  FOR EACH ROW EXECUTE FUNCTION over_bulk_is_final();

-- Whatever was decided about a command by this operation was decided once.
CREATE FUNCTION touched_item_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a command is decided about once by one bulk operation' USING ERRCODE = 'check_violation',
    CONSTRAINT = 'touched_item_stays';
END $$;
CREATE TRIGGER touched_item_stays BEFORE UPDATE ON command_bulk_item FOR EACH ROW
  WHEN (OLD.outcome IN ('done', 'failed', 'skipped') OR (OLD.outcome = 'retried' AND NEW.outcome NOT IN ('done', 'failed')))
  EXECUTE FUNCTION touched_item_stays();

-- What never reached Temporal and what nobody carries on, of every tenant; who is asked anew looks, and changes nothing.
GRANT SELECT (tenant_id, bulk_id, state, started, changed_at) ON command_bulk TO changegate_relay;
CREATE POLICY relay ON command_bulk FOR SELECT TO changegate_relay USING (true);
RESET ROLE;
GRANT CREATE ON SCHEMA public TO changegate_relay;
SET LOCAL ROLE changegate_relay;
CREATE FUNCTION find_waiting_bulks() RETURNS TABLE (tenant_id uuid, id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT b.tenant_id, b.bulk_id FROM command_bulk b
   WHERE b.state IN ('awaiting-approval', 'running', 'aborting')
     AND b.changed_at < now() - CASE WHEN b.started THEN interval '1 minute' ELSE interval '2 seconds' END
   ORDER BY random() LIMIT 1000
$$;
REVOKE ALL ON FUNCTION find_waiting_bulks() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_waiting_bulks() TO changegate_app;
RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM changegate_relay;
