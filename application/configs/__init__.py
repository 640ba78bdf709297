"""Configs: settings as the configuration service sees them, a key of an environment at the tenant itself."""
