"""Deployments as those see them who watch."""
