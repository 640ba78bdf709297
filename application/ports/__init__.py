"""What the core needs from the world. Adapters answer these; nothing here does I/O."""
