SET LOCAL ROLE changegate_owner;

-- A sealed secret never changes; the wrapped copy of its data key does, and stands here, so that a rotation touches
-- neither a value, nor its past, nor what waits for approval. `seal` names nonce and ciphertext.
CREATE TABLE sealed_key (
  tenant_id uuid NOT NULL REFERENCES tenant,
  seal      text NOT NULL CHECK (seal ~ '^[0-9a-f]{32}$'),
  kek       text NOT NULL CHECK (kek ~ '^[A-Za-z0-9_-]{1,100}$'),
  wrapped   bytea NOT NULL CHECK (length(wrapped) > 0),
  PRIMARY KEY (tenant_id, seal)
);
CREATE INDEX sealed_key_by_kek ON sealed_key (kek, tenant_id);
ALTER TABLE sealed_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE sealed_key FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON sealed_key TO changegate_app
  USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE (kek, wrapped) ON sealed_key TO changegate_app;

-- A seal of the first format carries its wrapped key in its text: v1.<kek>.<wrapped>.<nonce>.<ciphertext>. Its key is
-- kept here as well, from when it is written, be it by a process of the version before.
CREATE FUNCTION adopt_sealed_key(of_tenant uuid, sealed text) RETURNS void LANGUAGE sql AS $$
  INSERT INTO sealed_key (tenant_id, seal, kek, wrapped)
  SELECT of_tenant, left(encode(sha256(convert_to(part[4] || '.' || part[5], 'UTF8')), 'hex'), 32), part[2],
         decode(translate(part[3], '-_', '+/') || repeat('=', (4 - length(part[3]) % 4) % 4), 'base64')
    FROM string_to_array(sealed, '.') AS part
  ON CONFLICT DO NOTHING
$$;
CREATE FUNCTION adopt_sealed_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM setting_definition d
              WHERE d.tenant_id = NEW.tenant_id AND d.key = NEW.key AND d.definition ->> 'type' = 'secret') THEN
    PERFORM adopt_sealed_key(NEW.tenant_id, NEW.value ->> '$sealed');
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER adopt_sealed_key AFTER INSERT ON setting_entry
  FOR EACH ROW WHEN (NEW.value ->> '$sealed' LIKE 'v1.%') EXECUTE FUNCTION adopt_sealed_key();

-- Forced policies show not even the owner what is there already.
ALTER TABLE tenant NO FORCE ROW LEVEL SECURITY;
ALTER TABLE setting_entry NO FORCE ROW LEVEL SECURITY;
ALTER TABLE setting_definition NO FORCE ROW LEVEL SECURITY;
ALTER TABLE sealed_key NO FORCE ROW LEVEL SECURITY;
SELECT adopt_sealed_key(e.tenant_id, e.value ->> '$sealed')
  FROM setting_entry e JOIN setting_definition d USING (tenant_id, key)
 WHERE d.definition ->> 'type' = 'secret' AND e.value ->> '$sealed' LIKE 'v1.%';
ALTER TABLE sealed_key FORCE ROW LEVEL SECURITY;
ALTER TABLE setting_definition FORCE ROW LEVEL SECURITY;
ALTER TABLE setting_entry FORCE ROW LEVEL SECURITY;
ALTER TABLE tenant FORCE ROW LEVEL SECURITY;

-- How much is under which key, of every tenant: whoever rotates must know, and learns nothing else.
GRANT SELECT (tenant_id, kek) ON sealed_key TO changegate_relay;
CREATE POLICY relay ON sealed_key FOR SELECT TO changegate_relay USING (true);
RESET ROLE;
GRANT CREATE ON SCHEMA public TO changegate_relay;
SET LOCAL ROLE changegate_relay;
CREATE FUNCTION count_sealed_keys() RETURNS TABLE (tenant_id uuid, kek text, found bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT k.tenant_id, k.kek, count(*) FROM sealed_key k GROUP BY k.tenant_id, k.kek ORDER BY k.tenant_id, k.kek
$$;
REVOKE ALL ON FUNCTION count_sealed_keys() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION count_sealed_keys() TO changegate_app;
RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM changegate_relay;
