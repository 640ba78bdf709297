-- Who owns the books, and who writes to them; neither logs in. Both ask the posting guard, and the owner registers journals.
DO $$
DECLARE r text;
BEGIN
  FOREACH r IN ARRAY ARRAY['ledger_owner', 'ledger_writer'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r) THEN
      EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS', r);
    END IF;
    EXECUTE format('GRANT changegate_poster TO %I', r);
  END LOOP;
  EXECUTE format('GRANT ledger_owner TO %I', current_user);
END $$;
GRANT changegate_module TO ledger_owner;

CREATE SCHEMA ledger AUTHORIZATION ledger_owner;
GRANT USAGE ON SCHEMA ledger TO ledger_writer, changegate_app;
