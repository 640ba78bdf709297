SET LOCAL ROLE changegate_owner;

-- Every table with a tenant: row-level security, forced on the owner as well, closed while no tenant is bound.
DO $$
DECLARE t text;
BEGIN
  FOR t IN SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
           WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
             AND a.attname = 'tenant_id' AND NOT a.attisdropped
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format($p$CREATE POLICY own_tenant ON %I TO changegate_app
      USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)
      WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)$p$, t);
    EXECUTE format('GRANT SELECT, INSERT ON %I TO changegate_app', t);
  END LOOP;
END $$;

GRANT UPDATE (roles, email) ON principal TO changegate_app;
GRANT UPDATE (revision, bucketing, metadata, evaluators) ON flag_set TO changegate_app;
GRANT UPDATE (version, definition, origin, written_by, written_at) ON flag TO changegate_app;
GRANT UPDATE (policy) ON approval_policy TO changegate_app;
GRANT UPDATE (status, revision) ON change_set TO changegate_app;
GRANT UPDATE (standing, level_opened_at, closed_at) ON approval TO changegate_app;
GRANT UPDATE (dropped_at, dropped) ON approval_vote TO changegate_app;
GRANT UPDATE (state, terminal, stage, phase, cause, verdict, live_version, revision, started) ON rollout TO changegate_app;
GRANT UPDATE (state, attempts, last_error, not_before, settled_at) ON notice TO changegate_app;
GRANT UPDATE (closed_at) ON review TO changegate_app;
GRANT UPDATE (status, body, claimed_at), DELETE ON idempotency_key TO changegate_app;

-- History is written once.
CREATE FUNCTION refuse_rewrite() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_event FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON audit_event FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewrite();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON flag_version FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON rollout_transition FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON gate_check FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();

-- Four eyes, where no code can forget them.
CREATE FUNCTION vote_is_allowed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE request approval%ROWTYPE;
BEGIN
  SELECT * INTO request FROM approval
   WHERE tenant_id = NEW.tenant_id AND approval_id = NEW.approval_id FOR UPDATE;
  IF request.standing <> 'PENDING' THEN
    RAISE EXCEPTION 'approval is closed' USING ERRCODE = 'check_violation', CONSTRAINT = 'approval_is_open';
  END IF;
  IF NEW.voter = ANY (request.authors) OR NEW.behalf = ANY (request.authors) THEN
    RAISE EXCEPTION 'an author does not vote' USING ERRCODE = 'check_violation', CONSTRAINT = 'author_does_not_vote';
  END IF;
  IF NEW.digest <> request.digest THEN
    RAISE EXCEPTION 'vote is for other content' USING ERRCODE = 'check_violation', CONSTRAINT = 'vote_binds_digest';
  END IF;
  IF EXISTS (SELECT FROM approval_vote v WHERE v.tenant_id = NEW.tenant_id AND v.approval_id = NEW.approval_id
              AND v.dropped_at IS NULL
              AND (v.voter IN (NEW.voter, NEW.behalf) OR v.behalf IN (NEW.voter, NEW.behalf))) THEN
    RAISE EXCEPTION 'one person, one vote' USING ERRCODE = 'unique_violation', CONSTRAINT = 'one_vote_each';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER four_eyes BEFORE INSERT ON approval_vote FOR EACH ROW EXECUTE FUNCTION vote_is_allowed();

-- A terminal state never changes, and the content of a change never does (no UPDATE is granted on it).
CREATE FUNCTION terminal_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.terminal AND (NEW.state <> OLD.state OR NOT NEW.terminal) THEN
    RAISE EXCEPTION 'a terminal rollout does not change' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER terminal_is_final BEFORE UPDATE ON rollout FOR EACH ROW EXECUTE FUNCTION terminal_is_final();

-- News of a flag change reaches every API process; changes of flags are rare, so NOTIFY in the transaction is cheap.
CREATE FUNCTION announce_flag_set() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('changegate_flags', NEW.tenant_id || ' ' || NEW.environment || ' ' || NEW.revision);
  RETURN NULL;
END $$;
CREATE TRIGGER announce AFTER UPDATE OF revision ON flag_set FOR EACH ROW EXECUTE FUNCTION announce_flag_set();
