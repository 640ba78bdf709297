"""Who asks, by terminal."""
