SET LOCAL ROLE changegate_owner;

-- An emergency goes past an approval, and owes a look at why.
ALTER TABLE approval DROP CONSTRAINT approval_standing_check;
ALTER TABLE approval ADD CONSTRAINT approval_standing_check CHECK (standing IN
  ('PENDING', 'APPROVED', 'REJECTED', 'EXPIRED', 'WITHDRAWN', 'INVALIDATED', 'BYPASSED'));
ALTER TABLE review
  ADD COLUMN cause text NOT NULL DEFAULT 'kill-switch' CHECK (cause IN ('kill-switch', 'emergency')),
  ADD COLUMN change uuid,
  ADD COLUMN incident text,
  ADD COLUMN finding text,
  ADD COLUMN closed_by uuid,
  ADD COLUMN escalated_at timestamptz,
  ADD CHECK ((cause = 'emergency') = (incident IS NOT NULL)),
  ADD CONSTRAINT another_person_reviews CHECK (closed_by <> opened_by);
GRANT UPDATE (closed_at, closed_by, finding, escalated_at) ON review TO changegate_app;
CREATE INDEX review_open ON review (due_at) WHERE closed_at IS NULL;

-- Half of the time is over and nobody has answered: the fallback of a level may vote, too.
ALTER TABLE approval ADD COLUMN escalated int[] NOT NULL DEFAULT '{}';
GRANT UPDATE (escalated) ON approval TO changegate_app;
ALTER TABLE approval_vote ADD COLUMN escalated boolean NOT NULL DEFAULT false;

-- What is lent can be asked back; that it was lent stays.
ALTER TABLE delegation ADD COLUMN revoked_at timestamptz;
GRANT UPDATE (revoked_at) ON delegation TO changegate_app;

CREATE TABLE people_group (
  tenant_id  uuid NOT NULL REFERENCES tenant,
  name       text NOT NULL CHECK (name ~ '^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,99}$'),
  version    bigint NOT NULL CHECK (version > 0),
  members    uuid[] NOT NULL,
  PRIMARY KEY (tenant_id, name)
);
CREATE INDEX people_group_member ON people_group USING gin (members);

CREATE TABLE approval_comment (
  tenant_id   uuid NOT NULL,
  comment_id  uuid NOT NULL,
  approval_id uuid NOT NULL,
  author      uuid NOT NULL,
  words       text NOT NULL,
  written_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (tenant_id, comment_id),
  FOREIGN KEY (tenant_id, approval_id) REFERENCES approval,
  FOREIGN KEY (tenant_id, author) REFERENCES principal
);
CREATE INDEX approval_comment_of ON approval_comment (tenant_id, approval_id, written_at);

-- Every policy that ever held: who changed whom is asked for a yes, and to what a policy goes back.
CREATE TABLE approval_policy_version (
  tenant_id   uuid NOT NULL REFERENCES tenant,
  environment environment NOT NULL,
  kind        text NOT NULL,
  version     bigint NOT NULL CHECK (version > 0),
  policy      jsonb NOT NULL,
  written_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, environment, kind, version)
);
ALTER TABLE approval_policy NO FORCE ROW LEVEL SECURITY;
INSERT INTO approval_policy_version (tenant_id, environment, kind, version, policy)
  SELECT tenant_id, environment, kind, version, policy FROM approval_policy;
ALTER TABLE approval_policy FORCE ROW LEVEL SECURITY;

DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['people_group', 'approval_comment', 'approval_policy_version']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format($p$CREATE POLICY own_tenant ON %I TO changegate_app
      USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)
      WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)$p$, t);
    EXECUTE format('GRANT SELECT, INSERT ON %I TO changegate_app', t);
  END LOOP;
END $$;
GRANT UPDATE (members, version) ON people_group TO changegate_app;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON approval_comment
  FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON approval_policy_version
  FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();

-- A policy is a target of changes, as what it governs is.
ALTER TABLE rollout DROP CONSTRAINT rollout_kind_check;
ALTER TABLE rollout ADD CONSTRAINT rollout_kind_check
  CHECK (kind IN ('flag', 'setting', 'setting-definition', 'setting-rules', 'policy'));

GRANT SELECT (tenant_id, review_id, due_at, closed_at, escalated_at) ON review TO changegate_relay;
GRANT SELECT (emergency) ON rollout TO changegate_relay;
CREATE POLICY relay ON review FOR SELECT TO changegate_relay USING (true);
RESET ROLE;
GRANT CREATE ON SCHEMA public TO changegate_relay;
SET LOCAL ROLE changegate_relay;

CREATE FUNCTION find_overdue_reviews()
RETURNS TABLE (tenant_id uuid, review_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT r.tenant_id, r.review_id FROM review r
   WHERE r.closed_at IS NULL AND r.escalated_at IS NULL AND r.due_at <= now()
   ORDER BY r.due_at LIMIT 500
$$;

CREATE FUNCTION find_unheard_emergencies()
RETURNS TABLE (rollout_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  -- It went past its approval, and still waits for it: nobody told its process.
  SELECT r.rollout_id FROM rollout r WHERE r.state = 'AWAITING_APPROVAL' AND r.emergency IS NOT NULL LIMIT 500
$$;

REVOKE ALL ON FUNCTION find_overdue_reviews(), find_unheard_emergencies() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_overdue_reviews(), find_unheard_emergencies() TO changegate_app;
RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM changegate_relay;
