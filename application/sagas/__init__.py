"""Processes of several commands are started, carried on, looked at and stopped."""
