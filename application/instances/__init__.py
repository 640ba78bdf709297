"""What instances say of themselves, and who may see it."""
