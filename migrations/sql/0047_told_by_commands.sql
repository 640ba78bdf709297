SET LOCAL ROLE changegate_owner;

-- What carries a delivery to its webhook, or carried it last. Without it a delivery waits until a worker sends it one:
-- because its webhook is off, because somebody wants it again, or because whoever handed it out knew of no commands.
ALTER TABLE webhook_delivery ADD COLUMN command text;
GRANT UPDATE (command) ON webhook_delivery TO changegate_app;
GRANT SELECT (command) ON webhook_delivery TO changegate_relay;
CREATE INDEX webhook_delivery_uncarried ON webhook_delivery (tenant_id, webhook_id, not_before)
  WHERE state = 'due' AND command IS NULL;
INSERT INTO command_dependency (type, dependency, scope, apart)
  VALUES ('changegate.deliver-event', 'webhook', 'tenant', '/webhook');
RESET ROLE;
GRANT CREATE ON SCHEMA public TO changegate_relay;
SET LOCAL ROLE changegate_relay;

-- 'delivery': one of those, with its id for a worker that knows of no commands and delivers it, under the same webhook-id.
CREATE OR REPLACE FUNCTION find_event_work(keep interval)
RETURNS TABLE (kind text, tenant_id uuid, id uuid, webhook_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT DISTINCT 'untold', e.tenant_id, NULL::uuid, NULL::uuid
    FROM event e WHERE e.position IS NULL AND e.at <= now()
  UNION ALL
  (SELECT 'delivery', d.tenant_id, d.delivery_id, d.webhook_id
     FROM webhook w
     CROSS JOIN LATERAL (SELECT each.tenant_id, each.delivery_id, each.webhook_id FROM webhook_delivery each
                          WHERE each.tenant_id = w.tenant_id AND each.webhook_id = w.webhook_id AND each.state = 'due'
                            AND each.command IS NULL AND each.not_before <= now()
                            AND coalesce(each.leased_until <= now(), true)
                          ORDER BY each.not_before LIMIT 10) AS d
    WHERE w.enabled
    ORDER BY random() LIMIT 500)
  UNION ALL
  -- Whoever mends a webhook tries it before it is switched on.
  (SELECT 'delivery', d.tenant_id, d.delivery_id, d.webhook_id
     FROM webhook_delivery d
    WHERE d.state = 'due' AND d.type = 'WebhookTested' AND d.command IS NULL AND d.not_before <= now()
      AND coalesce(d.leased_until <= now(), true)
    LIMIT 100)
  UNION ALL
  -- The first that is kept is the oldest of its tenant: however many others have, none is passed over.
  SELECT 'old', old.tenant_id, NULL::uuid, NULL::uuid
    FROM (SELECT l.tenant_id
            FROM event_line l
            CROSS JOIN LATERAL (SELECT e.told_at FROM event e WHERE e.tenant_id = l.tenant_id AND e.position > l.forgotten
                                 ORDER BY e.position LIMIT 1) AS oldest
           WHERE oldest.told_at < now() - keep
          UNION
          (SELECT d.tenant_id FROM webhook_delivery d
            WHERE d.state <> 'due' AND d.settled_at < now() - greatest(keep, interval '30 days') LIMIT 5000)) AS old
$$;
RESET ROLE;

-- Messages are delivered by commands.
SET LOCAL ROLE changegate_owner;
GRANT CREATE ON SCHEMA bus TO changegate_bus;
RESET ROLE;
SET LOCAL ROLE changegate_bus;

CREATE FUNCTION bus.send_own(tenant uuid, its_type text, its_id text, its_payload jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = bus, public, pg_temp AS $$
DECLARE
  mark text;
  cause uuid := gen_random_uuid();
BEGIN
  SELECT 'sha256:' || encode(sha256(convert_to(
           '{"expires_at":null,"max_attempts":null,"not_before":null,"ordering_key":null,"payload":{'
           || string_agg(bus.said(key) || ':' || bus.said(value), ',' ORDER BY key COLLATE "C")
           || '},"priority":5,"schema_version":1,"type":' || bus.said(its_type) || '}', 'UTF8')), 'hex')
    INTO mark FROM jsonb_each_text(its_payload);
  INSERT INTO command (tenant_id, domain, command_id, type, schema_version, payload, fingerprint, priority, correlation,
      sent_at, seq, state, epoch, attempt, crashes, due_at, rank, version)
    VALUES (tenant, split_part(its_type, '.', 1), its_id, its_type, 1, its_payload, mark, 5, cause, now(),
      nextval('command_seq'), 'pending', 1, 0, 0, now(), now() - interval '5 minutes', 1)
    ON CONFLICT DO NOTHING;
  IF FOUND THEN
    PERFORM bus.tell(tenant, NULL, 'system', jsonb_build_array(jsonb_build_object(
      'action', 'command:record:sent', 'name', split_part(its_type, '.', 1) || '/' || its_id, 'outcome', 'success',
      'after', '{"causation":null,"correlation":' || bus.said(cause::text) || ',"fingerprint":' || bus.said(mark)
               || ',"schema_version":1,"type":' || bus.said(its_type) || '}')));
  END IF;
END $$;
COMMENT ON FUNCTION bus.send_own IS 'what the product itself sends, and the database alone can; its payload holds strings';

CREATE FUNCTION bus.send_notice(told notice) RETURNS void LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = bus, public, pg_temp AS $$
  SELECT bus.send_own(told.tenant_id, 'changegate.deliver-notice', told.notice_id::text, jsonb_build_object(
    'notice', told.notice_id, 'receiver', CASE WHEN told.recipient IS NOT NULL OR told.place IS NOT NULL THEN 'mail'
                                               ELSE coalesce('to.' || told.destination, 'webhook') END))
$$;
GRANT EXECUTE ON FUNCTION bus.send_notice TO changegate_owner;

CREATE FUNCTION bus.notice_is_sent() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = bus, public, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM command c WHERE c.tenant_id = NEW.tenant_id AND c.domain = 'changegate'
                                         AND c.command_id = NEW.notice_id::text) THEN
    PERFORM bus.send_notice(NEW);
  END IF;
  RETURN NULL;
END $$;
GRANT EXECUTE ON FUNCTION bus.notice_is_sent TO changegate_owner;
RESET ROLE;

SET LOCAL ROLE changegate_owner;
REVOKE CREATE ON SCHEMA bus FROM changegate_bus;
INSERT INTO command_dependency (type, dependency, scope, apart)
  VALUES ('changegate.deliver-notice', 'receiver', 'tenant', '/receiver');
ALTER TABLE notice NO FORCE ROW LEVEL SECURITY;
SELECT bus.send_notice(n) FROM notice n WHERE n.state = 'due';
ALTER TABLE notice FORCE ROW LEVEL SECURITY;
DROP INDEX notice_due;
CREATE CONSTRAINT TRIGGER is_sent AFTER INSERT ON notice DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION bus.notice_is_sent();
COMMENT ON TRIGGER is_sent ON notice IS 'processes of the release before write no command; with the next release this goes';
RESET ROLE;

SET LOCAL ROLE changegate_relay;
CREATE OR REPLACE FUNCTION find_errands() RETURNS TABLE (kind text, tenant_id uuid, id uuid, lane text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH places AS (
    SELECT t.tenant_id, t.ticket_id, t.system,
           row_number() OVER (PARTITION BY t.tenant_id, t.system ORDER BY t.not_before) AS place
      FROM approval_ticket t WHERE t.state IN ('due', 'open') AND t.not_before <= now()
  )
  SELECT 'ticket', p.tenant_id, p.ticket_id, p.tenant_id || '//' || p.system
    FROM places p WHERE p.place <= 64 ORDER BY p.place LIMIT 2000
$$;

CREATE OR REPLACE FUNCTION find_waiting() RETURNS TABLE (kind text, tenant_id uuid, id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  -- Each kind has a share of its own, and no order: what fails for ever hides nothing.
  (SELECT 'killed', r.tenant_id, r.rollout_id
     FROM rollout r JOIN flag f USING (tenant_id, environment, key)
    WHERE NOT r.terminal AND r.state IN ('RUNNING', 'PAUSED', 'BAKING') AND f.version > r.live_version
    ORDER BY random() LIMIT 1000)
  UNION ALL
  (SELECT 'rollout', r.tenant_id, r.rollout_id FROM rollout r
    WHERE NOT r.started AND r.created_at < now() - interval '2 seconds'
    ORDER BY random() LIMIT 5000)
$$;
RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM changegate_relay;
