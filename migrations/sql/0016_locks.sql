SET LOCAL ROLE changegate_owner;
