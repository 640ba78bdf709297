SET LOCAL ROLE changegate_owner;

-- Who replaces a policy names the version that they saw.
ALTER TABLE approval_policy ADD COLUMN version bigint NOT NULL DEFAULT 1 CHECK (version > 0);
GRANT UPDATE (version) ON approval_policy TO changegate_app;

-- How far a change reached when it was submitted, and which change it takes back.
ALTER TABLE change_set ADD COLUMN reach jsonb, ADD COLUMN reverts uuid;
GRANT UPDATE (reach) ON change_set TO changegate_app;
CREATE INDEX change_set_reverting ON change_set (tenant_id, reverts) WHERE reverts IS NOT NULL;

-- What keys mean, and the rules over them, are targets of changes as values are.
ALTER TABLE rollout DROP CONSTRAINT rollout_kind_check;
ALTER TABLE rollout ADD CONSTRAINT rollout_kind_check
  CHECK (kind IN ('flag', 'setting', 'setting-definition', 'setting-rules'));
