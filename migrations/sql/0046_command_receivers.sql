SET LOCAL ROLE changegate_owner;
RESET ROLE;
