"""Who asks, by machine."""
