SET LOCAL ROLE changegate_owner;

-- A gate keeps its past in its own evidence, and reads telemetry by the key it has: there is nothing to add.
