"""When it happens: deterministic Temporal workflows, one policy a file."""
