"""State lives in PostgreSQL, under forced row-level security."""
