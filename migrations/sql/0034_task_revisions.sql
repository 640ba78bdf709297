SET LOCAL ROLE changegate_owner;

-- Which change of a run's tasks a task last had a part in: whoever has heard of one asks only for what came after it.
ALTER TABLE closure_task ADD COLUMN revision bigint NOT NULL DEFAULT 1 CHECK (revision > 0);
GRANT UPDATE (revision) ON closure_task TO changegate_app;
RESET ROLE;
