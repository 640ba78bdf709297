"""Every state change leaves one event that cannot be altered."""

from domain.audit.actions import Action
from domain.audit.event import Event, Outcome, leaf_of, with_salt

__all__ = ["Action", "Event", "Outcome", "leaf_of", "with_salt"]
