SET LOCAL ROLE changegate_owner;

ALTER TABLE flag DROP CONSTRAINT flag_key_check;
ALTER TABLE flag ADD CONSTRAINT flag_key_check
  CHECK (key ~ '^[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,99}$' OR key IN ('$evaluators', '$bucketing'));

COMMENT ON COLUMN flag_set.bucketing IS 'read by the release before this one only; it goes with the next';

CREATE OR REPLACE FUNCTION grown_by_flags() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM remember_growth(tenant_id, 'flags', count(*)) FROM added
   WHERE key NOT IN ('$evaluators', '$bucketing') GROUP BY tenant_id;
  RETURN NULL;
END $$;
