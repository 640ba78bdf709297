SET LOCAL ROLE changegate_owner;

-- Rules of calendars and books of entities are targets of changes, where policy asks for approval.
ALTER TABLE rollout DROP CONSTRAINT rollout_kind_check;
ALTER TABLE rollout ADD CONSTRAINT rollout_kind_check CHECK
  (kind IN ('flag', 'setting', 'setting-definition', 'setting-rules', 'policy', 'fiscal-calendar', 'entity-books'));

-- The books as they ever were: what a change is compared with, and to what it goes back.
CREATE TABLE entity_books_version (
  tenant_id    uuid NOT NULL,
  entity       text NOT NULL,
  version      bigint NOT NULL,
  calendar_id  uuid NOT NULL,
  late_entries text NOT NULL,
  most_open    int,
  opens_itself boolean NOT NULL,
  PRIMARY KEY (tenant_id, entity, version),
  FOREIGN KEY (tenant_id, entity) REFERENCES legal_entity
);
ALTER TABLE entity_books NO FORCE ROW LEVEL SECURITY;
INSERT INTO entity_books_version (tenant_id, entity, version, calendar_id, late_entries, most_open, opens_itself)
  SELECT tenant_id, entity, version, calendar_id, late_entries, most_open, opens_itself FROM entity_books;
ALTER TABLE entity_books FORCE ROW LEVEL SECURITY;

ALTER TABLE entity_books_version ENABLE ROW LEVEL SECURITY;
ALTER TABLE entity_books_version FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON entity_books_version TO changegate_app
  USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid);
GRANT SELECT, INSERT ON entity_books_version TO changegate_app;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON entity_books_version
  FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();

-- Kept by the table itself, so that an installation of before that still writes books writes their past, too.
CREATE FUNCTION fiscal.books_are_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO entity_books_version (tenant_id, entity, version, calendar_id, late_entries, most_open, opens_itself)
    VALUES (NEW.tenant_id, NEW.entity, NEW.version, NEW.calendar_id, NEW.late_entries, NEW.most_open, NEW.opens_itself);
  RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION fiscal.books_are_kept FROM PUBLIC;
CREATE TRIGGER books_are_kept AFTER INSERT OR UPDATE ON entity_books
  FOR EACH ROW EXECUTE FUNCTION fiscal.books_are_kept();
