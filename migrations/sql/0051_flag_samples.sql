SET LOCAL ROLE changegate_owner;

-- What is kept of the contexts that flags are evaluated for; a capacity of 0 keeps nothing. The secret keys the hashes.
CREATE TABLE flag_sampling (
  tenant_id   uuid NOT NULL REFERENCES tenant,
  environment environment NOT NULL,
  version     bigint NOT NULL CHECK (version > 0),
  plain       text[] NOT NULL,
  hashed      text[] NOT NULL,
  capacity    int NOT NULL CHECK (capacity BETWEEN 0 AND 1000),
  secret      bytea NOT NULL CHECK (octet_length(secret) = CASE WHEN capacity = 0 THEN 0 ELSE 32 END),
  written_by  uuid NOT NULL,
  written_at  timestamptz NOT NULL,
  request     uuid,
  PRIMARY KEY (tenant_id, environment),
  CHECK (NOT plain && hashed)
);

-- Contexts as they were sampled; the same one is one row, however many processes saw it.
CREATE TABLE flag_sample (
  tenant_id   uuid NOT NULL,
  environment environment NOT NULL,
  mark        bytea NOT NULL CHECK (octet_length(mark) = 16),
  context     jsonb NOT NULL CHECK (jsonb_typeof(context) = 'object'),
  seen_at     timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, environment, mark),
  FOREIGN KEY (tenant_id, environment) REFERENCES flag_sampling
) WITH (fillfactor = 70);
CREATE INDEX flag_sample_seen ON flag_sample (seen_at);

ALTER TABLE flag_sampling ENABLE ROW LEVEL SECURITY;
ALTER TABLE flag_sampling FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON flag_sampling TO changegate_app
  USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid);
ALTER TABLE flag_sample ENABLE ROW LEVEL SECURITY;
ALTER TABLE flag_sample FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON flag_sample TO changegate_app
  USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE (version, plain, hashed, capacity, secret, written_by, written_at, request)
  ON flag_sampling TO changegate_app;
GRANT SELECT, INSERT, UPDATE (seen_at), DELETE ON flag_sample TO changegate_app;

-- Every process that evaluates hears that another choice holds, as it hears of flags.
CREATE FUNCTION announce_flag_sampling() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('changegate_flags', NEW.tenant_id || ' ' || NEW.environment || ' sampling ' || NEW.version);
  RETURN NULL;
END $$;
CREATE TRIGGER announce AFTER INSERT OR UPDATE OF version ON flag_sampling
  FOR EACH ROW EXECUTE FUNCTION announce_flag_sampling();

-- Contexts are forgotten in time, also where nobody evaluates flags any more: who has old ones, and nothing of them.
GRANT SELECT (tenant_id, seen_at) ON flag_sample TO changegate_relay;
CREATE POLICY relay ON flag_sample FOR SELECT TO changegate_relay USING (true);
RESET ROLE;
GRANT CREATE ON SCHEMA public TO changegate_relay;
SET LOCAL ROLE changegate_relay;
CREATE FUNCTION find_old_flag_samples(before timestamptz) RETURNS TABLE (tenant_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT DISTINCT s.tenant_id FROM flag_sample s WHERE s.seen_at < before
$$;
REVOKE ALL ON FUNCTION find_old_flag_samples FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_old_flag_samples TO changegate_app;
RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM changegate_relay;
