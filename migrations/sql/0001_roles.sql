-- Three roles, none of which can log in: who owns, who works for one tenant, who looks across tenants.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'changegate_owner') THEN
    CREATE ROLE changegate_owner NOLOGIN NOSUPERUSER NOBYPASSRLS;
  END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'changegate_app') THEN
    CREATE ROLE changegate_app NOLOGIN NOSUPERUSER NOBYPASSRLS;
  END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'changegate_relay') THEN
    CREATE ROLE changegate_relay NOLOGIN NOSUPERUSER NOBYPASSRLS;
  END IF;
  EXECUTE format('GRANT changegate_owner, changegate_relay TO %I', current_user);
  EXECUTE format('GRANT CREATE ON DATABASE %I TO changegate_owner', current_database());
END $$;
GRANT USAGE, CREATE ON SCHEMA public TO changegate_owner;
GRANT USAGE ON SCHEMA public TO changegate_app, changegate_relay;
