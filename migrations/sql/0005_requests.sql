SET LOCAL ROLE changegate_owner;

ALTER TABLE flag ADD COLUMN request uuid;
ALTER TABLE flag_version ADD COLUMN request uuid;
ALTER TABLE flag_version ADD CONSTRAINT flag_version_request_key UNIQUE (tenant_id, request);
GRANT UPDATE (request) ON flag TO changegate_app;

ALTER TABLE intent ADD COLUMN done_at timestamptz;
GRANT UPDATE (done_at) ON intent TO changegate_app;

ALTER TABLE review ADD COLUMN rollout uuid;

-- The same loan asked for again is the same loan; one with another end is another.
ALTER TABLE delegation DROP CONSTRAINT delegation_pkey;
ALTER TABLE delegation ADD PRIMARY KEY (tenant_id, giver, taker, starts, ends);

ALTER TABLE flag DROP CONSTRAINT flag_key_check;
ALTER TABLE flag ADD CONSTRAINT flag_key_check
  CHECK (key ~ '^[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,99}$' OR key = '$evaluators');

COMMENT ON COLUMN flag_set.evaluators IS 'read by the release before this one only; it goes with the next';
