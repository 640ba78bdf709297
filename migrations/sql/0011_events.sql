SET LOCAL ROLE changegate_owner;

-- An event is written with its change and numbered after the commit, so what a reader has passed never grows behind it.
CREATE TABLE event (
  tenant_id   uuid NOT NULL REFERENCES tenant,
  event_id    uuid NOT NULL,
  seq         bigint GENERATED ALWAYS AS IDENTITY,
  position    bigint CHECK (position > 0),
  type        text NOT NULL,
  environment environment,
  key         text,
  scope       text,
  version     bigint,
  at          timestamptz NOT NULL,
  actor       uuid,
  change      uuid,
  epoch       bigint,
  written_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  told_at     timestamptz,
  PRIMARY KEY (tenant_id, event_id),
  UNIQUE (tenant_id, position),
  CHECK ((position IS NULL) = (told_at IS NULL))
);
CREATE INDEX event_untold ON event (at) WHERE position IS NULL;
COMMENT ON COLUMN event.at IS 'from when on it holds; later than written_at for a plan, which is looked at again then';

-- Absent: nothing was told yet. Its lock orders those who number.
CREATE TABLE event_line (
  tenant_id uuid PRIMARY KEY REFERENCES tenant,
  position  bigint NOT NULL DEFAULT 0,
  forgotten bigint NOT NULL DEFAULT 0 CHECK (forgotten <= position)
);

CREATE TABLE webhook (
  tenant_id        uuid NOT NULL REFERENCES tenant,
  webhook_id       uuid NOT NULL,
  version          bigint NOT NULL CHECK (version > 0),
  url              text NOT NULL,
  types            text[] NOT NULL,
  environments     text[] NOT NULL,
  prefix           text NOT NULL,
  enabled          boolean NOT NULL,
  description      text NOT NULL,
  sealed           text NOT NULL,
  owner            uuid NOT NULL,
  created_at       timestamptz NOT NULL DEFAULT now(),
  failing_since    timestamptz,
  disabled_because text,
  PRIMARY KEY (tenant_id, webhook_id),
  FOREIGN KEY (tenant_id, owner) REFERENCES principal
);

CREATE TABLE webhook_delivery (
  tenant_id    uuid NOT NULL,
  delivery_id  uuid NOT NULL,
  webhook_id   uuid NOT NULL,
  event_id     uuid NOT NULL,
  type         text NOT NULL,
  body         jsonb NOT NULL,
  state        text NOT NULL DEFAULT 'due' CHECK (state IN ('due', 'delivered', 'dead')),
  attempts     int NOT NULL DEFAULT 0,
  not_before   timestamptz NOT NULL DEFAULT now(),
  claim        uuid,
  leased_until timestamptz,
  last_error   text,
  created_at   timestamptz NOT NULL DEFAULT now(),
  settled_at   timestamptz,
  PRIMARY KEY (tenant_id, delivery_id),
  FOREIGN KEY (tenant_id, webhook_id) REFERENCES webhook ON DELETE CASCADE
);
CREATE INDEX webhook_delivery_due ON webhook_delivery (tenant_id, webhook_id, not_before) WHERE state = 'due';
CREATE INDEX webhook_delivery_test ON webhook_delivery (not_before) WHERE state = 'due' AND type = 'WebhookTested';
CREATE INDEX webhook_delivery_newest ON webhook_delivery (tenant_id, webhook_id, created_at DESC, delivery_id DESC);
CREATE INDEX webhook_delivery_settled ON webhook_delivery (settled_at) WHERE state <> 'due';

DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['event', 'event_line', 'webhook', 'webhook_delivery']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format($p$CREATE POLICY own_tenant ON %I TO changegate_app
      USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)
      WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid)$p$, t);
    EXECUTE format('GRANT SELECT, INSERT ON %I TO changegate_app', t);
  END LOOP;
END $$;
GRANT UPDATE (position, epoch, told_at), DELETE ON event TO changegate_app;
GRANT UPDATE (position, forgotten) ON event_line TO changegate_app;
GRANT UPDATE (version, url, types, environments, prefix, enabled, description, sealed, failing_since, disabled_because),
  DELETE ON webhook TO changegate_app;
GRANT UPDATE (state, attempts, not_before, claim, leased_until, last_error, settled_at), DELETE
  ON webhook_delivery TO changegate_app;

-- Whoever waits for the events of an environment is woken; what is in every environment wakes all.
CREATE FUNCTION announce_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('changegate_events', told.tenant_id || ' ' || told.place || ' ' || told.position)
     FROM (SELECT e.tenant_id, place, max(e.position) AS position
             FROM numbered e
             CROSS JOIN LATERAL unnest(CASE WHEN e.environment IS NULL THEN enum_range(NULL::environment)
                                              ELSE ARRAY[e.environment] END) AS place
            GROUP BY e.tenant_id, place) AS told;
  RETURN NULL;
END $$;
CREATE TRIGGER announce AFTER UPDATE ON event REFERENCING NEW TABLE AS numbered
  FOR EACH STATEMENT EXECUTE FUNCTION announce_events();

-- What is to be done across tenants.
GRANT SELECT (tenant_id, position, at, told_at) ON event TO changegate_relay;
GRANT SELECT (tenant_id, forgotten) ON event_line TO changegate_relay;
GRANT SELECT (tenant_id, webhook_id, enabled) ON webhook TO changegate_relay;
GRANT SELECT (tenant_id, delivery_id, webhook_id, type, state, not_before, leased_until, settled_at)
  ON webhook_delivery TO changegate_relay;
CREATE POLICY relay ON event FOR SELECT TO changegate_relay USING (true);
CREATE POLICY relay ON event_line FOR SELECT TO changegate_relay USING (true);
CREATE POLICY relay ON webhook FOR SELECT TO changegate_relay USING (true);
CREATE POLICY relay ON webhook_delivery FOR SELECT TO changegate_relay USING (true);
RESET ROLE;
GRANT CREATE ON SCHEMA public TO changegate_relay;
SET LOCAL ROLE changegate_relay;

CREATE FUNCTION find_event_work(keep interval)
RETURNS TABLE (kind text, tenant_id uuid, id uuid, webhook_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT DISTINCT 'untold', e.tenant_id, NULL::uuid, NULL::uuid
    FROM event e WHERE e.position IS NULL AND e.at <= now()
  UNION ALL
  -- A few of each webhook: one that hangs holds no other up.
  (SELECT 'delivery', d.tenant_id, d.delivery_id, d.webhook_id
     FROM webhook w
     CROSS JOIN LATERAL (SELECT each.tenant_id, each.delivery_id, each.webhook_id FROM webhook_delivery each
                          WHERE each.tenant_id = w.tenant_id AND each.webhook_id = w.webhook_id AND each.state = 'due'
                            AND each.not_before <= now() AND coalesce(each.leased_until <= now(), true)
                          ORDER BY each.not_before LIMIT 10) AS d
    WHERE w.enabled
    ORDER BY random() LIMIT 500)
  UNION ALL
  -- Whoever mends a webhook tries it before it is switched on.
  (SELECT 'delivery', d.tenant_id, d.delivery_id, d.webhook_id
     FROM webhook_delivery d
    WHERE d.state = 'due' AND d.type = 'WebhookTested' AND d.not_before <= now()
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

REVOKE ALL ON FUNCTION find_event_work(interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_event_work(interval) TO changegate_app;
RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM changegate_relay;
