SET LOCAL ROLE changegate_owner;

-- Flags were the only kind of target; a rollout says now what it is of.
ALTER TABLE rollout ADD COLUMN kind text NOT NULL DEFAULT 'flag' CHECK (kind IN ('flag', 'setting'));

DROP INDEX one_open_rollout;
CREATE UNIQUE INDEX one_open_rollout ON rollout (tenant_id, environment, kind, key) WHERE NOT terminal;
