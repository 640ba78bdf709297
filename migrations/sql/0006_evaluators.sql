SET LOCAL ROLE changegate_owner;

ALTER TABLE flag_set DROP COLUMN evaluators;
