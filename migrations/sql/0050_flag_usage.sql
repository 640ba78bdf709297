SET LOCAL ROLE changegate_owner;

-- How often flags were evaluated within each hour; the variant is empty where the application's own default held.
CREATE TABLE flag_usage (
  tenant_id   uuid NOT NULL REFERENCES tenant,
  environment environment NOT NULL,
  key         text NOT NULL,
  hour        timestamptz NOT NULL,
  variant     text NOT NULL,
  reason      text NOT NULL CHECK (reason ~ '^[A-Z_]{1,40}$'),
  times       bigint NOT NULL CHECK (times > 0),
  PRIMARY KEY (tenant_id, environment, key, hour, variant, reason)
) WITH (fillfactor = 70);
CREATE INDEX flag_usage_hour ON flag_usage (tenant_id, hour);

-- When each variant was given first and last, which outlives the hours.
CREATE TABLE flag_given (
  tenant_id   uuid NOT NULL REFERENCES tenant,
  environment environment NOT NULL,
  key         text NOT NULL,
  variant     text NOT NULL,
  first_at    timestamptz NOT NULL,
  last_at     timestamptz NOT NULL CHECK (first_at <= last_at),
  PRIMARY KEY (tenant_id, environment, key, variant)
) WITH (fillfactor = 70);

-- Which sources were searched for the keys of an environment, and what names them: paths and lines, no source text.
CREATE TABLE flag_scan (
  tenant_id   uuid NOT NULL REFERENCES tenant,
  environment environment NOT NULL,
  repository  text NOT NULL CHECK (repository ~ '^[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,99}$'),
  revision    text CHECK (revision ~ '^[0-9a-f]{7,64}$'),
  scanned_at  timestamptz NOT NULL,
  scanned_by  uuid NOT NULL,
  PRIMARY KEY (tenant_id, environment, repository)
);
CREATE TABLE flag_reference (
  tenant_id   uuid NOT NULL,
  environment environment NOT NULL,
  repository  text NOT NULL,
  key         text NOT NULL,
  path        text NOT NULL CHECK (char_length(path) BETWEEN 1 AND 1000),
  lines       int[] NOT NULL CHECK (cardinality(lines) > 0 AND 0 < ALL (lines)),
  PRIMARY KEY (tenant_id, environment, key, repository, path),
  FOREIGN KEY (tenant_id, environment, repository) REFERENCES flag_scan
);
CREATE INDEX flag_reference_repository ON flag_reference (tenant_id, environment, repository);

ALTER TABLE flag_usage ENABLE ROW LEVEL SECURITY;
ALTER TABLE flag_usage FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON flag_usage TO changegate_app
  USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid);
ALTER TABLE flag_given ENABLE ROW LEVEL SECURITY;
ALTER TABLE flag_given FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON flag_given TO changegate_app
  USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid);
ALTER TABLE flag_scan ENABLE ROW LEVEL SECURITY;
ALTER TABLE flag_scan FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON flag_scan TO changegate_app
  USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid);
ALTER TABLE flag_reference ENABLE ROW LEVEL SECURITY;
ALTER TABLE flag_reference FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON flag_reference TO changegate_app
  USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE (times), DELETE ON flag_usage TO changegate_app;
GRANT SELECT, INSERT, UPDATE (first_at, last_at) ON flag_given TO changegate_app;
GRANT SELECT, INSERT, UPDATE (revision, scanned_at, scanned_by) ON flag_scan TO changegate_app;
GRANT SELECT, INSERT, DELETE ON flag_reference TO changegate_app;
RESET ROLE;
