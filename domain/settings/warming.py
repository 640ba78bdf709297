"""What is to be read from the shared cache is put there by a command, of which an environment has one at a time."""

from datetime import datetime, timedelta
from typing import Final

from domain.commands import Command, OnUnique, Options
from domain.commands.answers import OWN
from domain.environments import Environment
from domain.events import Event, EventType

WARM_SETTINGS: Final = f"{OWN}.warm-settings"
MOST_WARMED: Final = 10_000
"""Keys of one environment: what has more is read key by key."""
FRESH: Final = timedelta(minutes=5)
"""By then whoever asked for it has read what it needs."""


def warming(environment: Environment, name: str, now: datetime) -> Command:
    """Of no hurry: whatever people wait for goes first."""
    one = f"warm-settings:{environment.value}"
    options = Options(expires_at=now + FRESH, priority=0, unique_key=one, on_unique=OnUnique.COALESCE)
    return Command(WARM_SETTINGS, name, {"environment": environment.value}, options=options)


def warming_after(event: Event, now: datetime) -> Command | None:
    """An import may have written every key of its environment."""
    if event.type is not EventType.CONFIGURATION_IMPORTED or event.environment is None:
        return None
    return warming(event.environment, f"event:{event.id}:warm-settings", now)
