SET LOCAL ROLE changegate_owner;

-- Where a tenant wants to be told, besides by mail to each person. The address may be a secret: it is sealed.
CREATE TABLE destination (
  tenant_id     uuid NOT NULL REFERENCES tenant,
  name          text NOT NULL CHECK (name ~ '^[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?$'),
  version       bigint NOT NULL CHECK (version > 0),
  kind          text NOT NULL CHECK (kind IN ('webhook', 'slack', 'email-list')),
  sealed        text NOT NULL,
  shown         text NOT NULL,
  events        text[] NOT NULL,
  environments  text[] NOT NULL,
  enabled       boolean NOT NULL,
  owner         uuid NOT NULL,
  request       uuid,
  written_at    timestamptz NOT NULL DEFAULT now(),
  failing_since timestamptz,
  last_error    text,
  PRIMARY KEY (tenant_id, name),
  FOREIGN KEY (tenant_id, owner) REFERENCES principal
);
COMMENT ON COLUMN destination.shown IS 'what people see of the address: its host, or how many addresses a list has';

ALTER TABLE notice ADD COLUMN destination text, ADD COLUMN place text;
COMMENT ON COLUMN notice.place IS 'which address of a list, by its digest: no address of a person stands here';

-- A system outside that votes on the levels that name it, and nowhere else, as a principal of its own.
CREATE TABLE approval_system (
  tenant_id  uuid NOT NULL REFERENCES tenant,
  name       text NOT NULL CHECK (name ~ '^[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?$'),
  version    bigint NOT NULL CHECK (version > 0),
  url        text NOT NULL,
  mapping    jsonb NOT NULL,
  sealed     text NOT NULL,
  principal  uuid NOT NULL,
  owner      uuid NOT NULL,
  request    uuid,
  written_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, name),
  FOREIGN KEY (tenant_id, principal) REFERENCES principal,
  FOREIGN KEY (tenant_id, owner) REFERENCES principal
);

-- One level of one request, as it is asked elsewhere: bound to the content that was asked about.
CREATE TABLE approval_ticket (
  tenant_id    uuid NOT NULL,
  ticket_id    uuid NOT NULL,
  approval_id  uuid NOT NULL,
  level        int NOT NULL CHECK (level >= 0),
  system       text NOT NULL,
  digest       text NOT NULL,
  state        text NOT NULL DEFAULT 'due' CHECK (state IN ('due', 'open', 'answered', 'closed')),
  external_key text,
  answer       text CHECK (answer IN ('approve', 'reject')),
  attempts     int NOT NULL DEFAULT 0,
  not_before   timestamptz NOT NULL DEFAULT now(),
  claim        uuid,
  last_error   text,
  created_at   timestamptz NOT NULL DEFAULT now(),
  ended_at     timestamptz,
  PRIMARY KEY (tenant_id, ticket_id),
  FOREIGN KEY (tenant_id, approval_id) REFERENCES approval,
  CHECK ((state IN ('answered', 'closed')) = (ended_at IS NOT NULL)),
  CHECK ((state = 'answered') = (answer IS NOT NULL))
);
CREATE INDEX approval_ticket_due ON approval_ticket (not_before) WHERE state IN ('due', 'open');
CREATE INDEX approval_ticket_of ON approval_ticket (tenant_id, approval_id);

-- Every message that was taken: none counts twice.
CREATE TABLE ticket_answer (
  tenant_id uuid NOT NULL,
  system    text NOT NULL,
  message   text NOT NULL,
  ticket_id uuid NOT NULL,
  answer    text NOT NULL,
  taken_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (tenant_id, system, message),
  FOREIGN KEY (tenant_id, ticket_id) REFERENCES approval_ticket
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON ticket_answer FOR EACH ROW EXECUTE FUNCTION refuse_rewrite();

DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['destination', 'approval_system', 'approval_ticket', 'ticket_answer']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format($p$CREATE POLICY own_tenant ON %I TO changegate_app
      USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)
      WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)$p$, t);
    EXECUTE format('GRANT SELECT, INSERT ON %I TO changegate_app', t);
  END LOOP;
END $$;
GRANT UPDATE (version, kind, sealed, shown, events, environments, enabled, owner, request, written_at, failing_since,
  last_error), DELETE ON destination TO changegate_app;
GRANT UPDATE (version, url, mapping, sealed, owner, request, written_at), DELETE ON approval_system TO changegate_app;
GRANT UPDATE (state, external_key, answer, attempts, not_before, claim, last_error, ended_at)
  ON approval_ticket TO changegate_app;

-- What waits to leave, of every tenant: a share of each lane, so that what hangs in one hides nothing in another.
GRANT SELECT (recipient, destination) ON notice TO changegate_relay;
GRANT SELECT (tenant_id, ticket_id, system, state, not_before) ON approval_ticket TO changegate_relay;
CREATE POLICY relay ON approval_ticket FOR SELECT TO changegate_relay USING (true);
RESET ROLE;
GRANT CREATE ON SCHEMA public TO changegate_relay;
SET LOCAL ROLE changegate_relay;
CREATE FUNCTION find_errands() RETURNS TABLE (kind text, tenant_id uuid, id uuid, lane text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  -- Tenants take turns on a lane that they share.
  WITH due AS (
    SELECT 'notice' AS kind, n.tenant_id, n.notice_id AS id, n.not_before,
           CASE WHEN n.destination IS NOT NULL THEN n.tenant_id || '/' || n.destination
                WHEN n.recipient IS NULL THEN n.tenant_id || '/' ELSE 'mail' END AS lane
      FROM notice n WHERE n.state = 'due' AND n.not_before <= now()
    UNION ALL
    SELECT 'ticket', t.tenant_id, t.ticket_id, t.not_before, t.tenant_id || '//' || t.system
      FROM approval_ticket t WHERE t.state IN ('due', 'open') AND t.not_before <= now()
  ), turns AS (
    SELECT d.*, row_number() OVER (PARTITION BY d.lane, d.tenant_id ORDER BY d.not_before) AS turn FROM due d
  ), places AS (
    SELECT t.*, row_number() OVER (PARTITION BY t.lane ORDER BY t.turn, t.not_before) AS place FROM turns t
  )
  SELECT p.kind, p.tenant_id, p.id, p.lane FROM places p WHERE p.place <= 64 ORDER BY p.place LIMIT 2000
$$;
REVOKE ALL ON FUNCTION find_errands() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_errands() TO changegate_app;
RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM changegate_relay;
