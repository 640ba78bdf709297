"""What may be done: one use case a module, each with its tenant, its permission and its transaction."""
