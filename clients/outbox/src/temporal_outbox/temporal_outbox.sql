-- The outbox of one database. Whoever adds needs INSERT and SELECT on it and SELECT on temporal_outbox_listener; whoever
-- relays needs SELECT, UPDATE and DELETE, and SELECT, INSERT and UPDATE on temporal_outbox_listener.

CREATE TABLE IF NOT EXISTS temporal_outbox (
  position    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  namespace   text NOT NULL,
  key         text NOT NULL,
  workflow_id text NOT NULL,
  lane        text NOT NULL,
  message     jsonb NOT NULL,
  fingerprint text NOT NULL,
  state       text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'passed', 'aside')),
  added_at    timestamptz NOT NULL DEFAULT now(),
  due_at      timestamptz NOT NULL DEFAULT now(),
  attempts    integer NOT NULL DEFAULT 0,
  lease       uuid,
  ended_at    timestamptz,
  reason      text,
  UNIQUE (namespace, key),
  CHECK ((ended_at IS NOT NULL) = (state <> 'waiting'))
);

CREATE INDEX IF NOT EXISTS temporal_outbox_due ON temporal_outbox (namespace, lane, due_at, position)
  WHERE state = 'waiting';

CREATE INDEX IF NOT EXISTS temporal_outbox_workflow ON temporal_outbox (namespace, workflow_id, position)
  WHERE state = 'waiting';

CREATE INDEX IF NOT EXISTS temporal_outbox_passed ON temporal_outbox (namespace, ended_at) WHERE state = 'passed';

-- Until when a relay with nothing to do wants to be told: a NOTIFY makes commits take turns, so there is none otherwise.
CREATE UNLOGGED TABLE IF NOT EXISTS temporal_outbox_listener (
  namespace text PRIMARY KEY,
  until     timestamptz NOT NULL
);

CREATE OR REPLACE FUNCTION temporal_outbox_tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('temporal_outbox', l.namespace) FROM temporal_outbox_listener l
    WHERE l.until > clock_timestamp() AND l.namespace IN (SELECT a.namespace FROM added a);
  RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER temporal_outbox_tell AFTER INSERT ON temporal_outbox REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION temporal_outbox_tell();
