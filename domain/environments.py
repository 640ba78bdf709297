"""Environments stand in an order: a change travels from dev towards production."""

from enum import StrEnum


class Environment(StrEnum):
    __hash__ = str.__hash__  # a key of every snapshot; the hash of an Enum is a call into Python

    DEV = "dev"
    QA = "qa"
    STAGING = "staging"
    PRODUCTION = "production"

    @property
    def rank(self) -> int:
        """0 for dev, rising towards production."""
        return list(Environment).index(self)
