SET LOCAL ROLE changegate_owner;

CREATE EXTENSION IF NOT EXISTS btree_gist;

CREATE TABLE setting_definition (
  tenant_id  uuid NOT NULL REFERENCES tenant,
  key        text NOT NULL CHECK (key ~ '^[a-zA-Z][a-zA-Z0-9_.]{0,199}$'),
  version    bigint NOT NULL CHECK (version > 0),
  definition jsonb NOT NULL,
  written_by uuid,
  written_at timestamptz NOT NULL DEFAULT now(),
  request    uuid,
  PRIMARY KEY (tenant_id, key)
);

CREATE TABLE setting_definition_version (
  tenant_id  uuid NOT NULL,
  key        text NOT NULL,
  version    bigint NOT NULL,
  definition jsonb NOT NULL,
  written_by uuid,
  written_at timestamptz NOT NULL DEFAULT now(),
  request    uuid,
  PRIMARY KEY (tenant_id, key, version),
  UNIQUE (tenant_id, request),
  FOREIGN KEY (tenant_id, key) REFERENCES setting_definition DEFERRABLE INITIALLY DEFERRED
);

-- The rules over several keys, whole: version 0 is the absence of a row.
CREATE TABLE setting_rulebook (
  tenant_id  uuid NOT NULL REFERENCES tenant,
  version    bigint NOT NULL CHECK (version > 0),
  rules      jsonb NOT NULL,
  written_by uuid,
  written_at timestamptz NOT NULL DEFAULT now(),
  request    uuid,
  PRIMARY KEY (tenant_id, version),
  UNIQUE (tenant_id, request)
);

-- One row an environment: its lock orders the writers, because rules look at everything; its epoch tells the caches.
CREATE TABLE setting_space (
  tenant_id   uuid NOT NULL REFERENCES tenant,
  environment environment NOT NULL,
  epoch       bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, environment)
);
-- Forced policies show not even the owner the tenants that are there already.
ALTER TABLE tenant NO FORCE ROW LEVEL SECURITY;
INSERT INTO setting_space (tenant_id, environment)
  SELECT tenant_id, environment FROM tenant CROSS JOIN unnest(enum_range(NULL::environment)) AS environment;
ALTER TABLE tenant FORCE ROW LEVEL SECURITY;

CREATE TABLE setting_entry (
  tenant_id   uuid NOT NULL,
  environment environment NOT NULL,
  key         text NOT NULL,
  scope       text NOT NULL,
  version     bigint NOT NULL CHECK (version > 0),
  state       text NOT NULL CHECK (state IN ('set', 'unset')),
  value       jsonb,
  enforced    boolean NOT NULL,
  narrowing   jsonb,
  since       timestamptz NOT NULL,
  valid       tstzrange NOT NULL,
  meant_until timestamptz,
  origin      text NOT NULL,
  change      uuid,
  reason      text NOT NULL,
  written_by  uuid,
  written_at  timestamptz NOT NULL DEFAULT now(),
  request     uuid,
  PRIMARY KEY (tenant_id, environment, key, scope, version),
  FOREIGN KEY (tenant_id, environment) REFERENCES setting_space,
  FOREIGN KEY (tenant_id, key) REFERENCES setting_definition,
  CHECK ((state = 'set') = (value IS NOT NULL)),
  CHECK (isempty(valid) OR (lower(valid) IS NOT DISTINCT FROM since AND lower_inc(valid) AND NOT upper_inc(valid))),
  CONSTRAINT one_value_at_a_time EXCLUDE USING gist
    (tenant_id WITH =, environment WITH =, key WITH =, scope WITH =, valid WITH &&)
);
CREATE INDEX setting_entry_by_scope ON setting_entry (tenant_id, environment, scope);
CREATE INDEX setting_entry_by_request ON setting_entry (tenant_id, request) WHERE request IS NOT NULL;
COMMENT ON COLUMN setting_entry.value IS 'SQL null is no value; an explicit null is the JSON null';
COMMENT ON COLUMN setting_entry.valid IS 'empty: cancelled before it began';
COMMENT ON COLUMN setting_entry.meant_until IS 'when it was to end, had nothing taken its place';

DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['setting_definition', 'setting_definition_version', 'setting_rulebook', 'setting_space', 'setting_entry']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format($p$CREATE POLICY own_tenant ON %I TO changegate_app
      USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)
      WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)$p$, t);
    EXECUTE format('GRANT SELECT, INSERT ON %I TO changegate_app', t);
  END LOOP;
END $$;
GRANT UPDATE (version, definition, written_by, written_at, request) ON setting_definition TO changegate_app;
GRANT UPDATE (epoch) ON setting_space TO changegate_app;
GRANT UPDATE (valid) ON setting_entry TO changegate_app;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON setting_definition_version
  FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON setting_rulebook
  FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();

-- What held at a past instant is never told differently: a value only ends sooner than it would have, and not in the past.
CREATE FUNCTION validity_only_shrinks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' OR NOT NEW.valid <@ OLD.valid
     OR (isempty(NEW.valid) AND NOT isempty(OLD.valid) AND OLD.since < now())
     OR (NOT isempty(NEW.valid) AND upper(NEW.valid) < now()) THEN
    RAISE EXCEPTION 'the past of a setting does not change' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER validity_only_shrinks BEFORE UPDATE OR DELETE ON setting_entry
  FOR EACH ROW EXECUTE FUNCTION validity_only_shrinks();

CREATE FUNCTION no_value_begins_in_the_past() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.since < now() THEN
    RAISE EXCEPTION 'the past of a setting does not change' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER no_value_begins_in_the_past BEFORE INSERT ON setting_entry
  FOR EACH ROW EXECUTE FUNCTION no_value_begins_in_the_past();
