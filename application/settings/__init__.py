"""Settings: defined, written together or not at all, and read with the reason why."""
