"""The second-level cache is shared and may be absent."""
