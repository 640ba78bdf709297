SET LOCAL ROLE changegate_owner;

-- How many steps a rollout has, who took it over, for which incident it went past its approval, which place it has in
-- a queue, what it takes back, when it ended, and whether gates watch it.
ALTER TABLE rollout
  ADD COLUMN stages int CHECK (stages > 0),
  ADD COLUMN superseded_by uuid,
  ADD COLUMN emergency text CHECK (emergency <> ''),
  ADD COLUMN priority int NOT NULL DEFAULT 0 CHECK (priority BETWEEN 0 AND 2),
  ADD COLUMN reverts uuid,
  ADD COLUMN ended_at timestamptz,
  ADD COLUMN watched boolean NOT NULL DEFAULT false;
GRANT UPDATE (stages, superseded_by, emergency, priority, reverts, ended_at) ON rollout TO changegate_app;
