SET LOCAL ROLE changegate_owner;

-- On what commands of a type depend, by the word of its newest handler; where they go to many receivers, the member of
-- the payload that names theirs.
CREATE TABLE command_dependency (
  type       text PRIMARY KEY,
  dependency text NOT NULL CHECK (dependency ~ '^[a-z][a-z0-9-]{0,39}$'),
  scope      text NOT NULL CHECK (scope IN ('tenant', 'everywhere')),
  apart      text CHECK (apart ~ '^(/[A-Za-z_][A-Za-z0-9_-]*)+$'),
  CONSTRAINT parts_are_a_tenants_own CHECK (apart IS NULL OR scope = 'tenant')
);
INSERT INTO command_dependency (type, dependency, scope)
  SELECT DISTINCT ON (type) type, policy ->> 'depends_on', policy ->> 'limit_scope' FROM command_type
   WHERE policy ->> 'depends_on' IS NOT NULL ORDER BY type, schema_version DESC;
GRANT SELECT, INSERT, UPDATE (dependency, scope, apart), DELETE ON command_dependency TO changegate_app;
GRANT SELECT ON command_dependency TO changegate_bus;

-- The receiver of a command, as webhook:crm; empty where its type has no such. Whoever sends or edits, it is so.
ALTER TABLE command ADD COLUMN dependency text NOT NULL DEFAULT '';
CREATE FUNCTION command_depends() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  its command_dependency;
  receiver jsonb;
  said text;
BEGIN
  NEW.dependency := '';
  SELECT * INTO its FROM command_dependency d WHERE d.type = NEW.type AND d.apart IS NOT NULL;
  IF FOUND THEN
    receiver := coalesce(NEW.edited_payload, NEW.payload) #> string_to_array(substr(its.apart, 2), '/');
    said := CASE WHEN jsonb_typeof(receiver) = 'string' THEN receiver #>> '{}' END;
    NEW.dependency := its.dependency || CASE
      WHEN said ~ '^[a-z0-9][a-z0-9._-]{0,39}$' THEN ':' || said
      WHEN char_length(said) BETWEEN 1 AND 80 THEN ':~' || left(encode(sha256(convert_to(said, 'UTF8')), 'hex'), 32)
      ELSE '' END;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER depends BEFORE INSERT OR UPDATE OF edited_payload ON command
  FOR EACH ROW EXECUTE FUNCTION command_depends();

-- Of a lane the lease goes from receiver to receiver: those without room are passed over, however many wait for them.
DROP INDEX command_due_by_type;
CREATE INDEX command_due_by_type ON command (tenant_id, domain, type, dependency, rank, command_id)
  WHERE state IN ('pending', 'retry-wait');

-- Each receiver has a breaker of its own; a lease asks for those that are not closed.
ALTER TABLE command_breaker DROP CONSTRAINT command_breaker_dependency_check;
ALTER TABLE command_breaker ADD CONSTRAINT command_breaker_dependency_check
  CHECK (dependency ~ '^[a-z][a-z0-9-]{0,39}(:(~[0-9a-f]{32}|[a-z0-9][a-z0-9._-]{0,39}))?$');
CREATE INDEX command_breaker_troubled ON command_breaker (tenant_id, dependency) WHERE state <> 'closed' OR failures > 0;
RESET ROLE;
