"""Processes live in Temporal."""
