SET LOCAL ROLE changegate_owner;

-- Who is told when it is over: a destination by its name, never by its address.
ALTER TABLE command ADD COLUMN reply_to jsonb CHECK (reply_to ->> 'kind' IN ('command', 'webhook', 'workflow'));
RESET ROLE;
