"""An instance that names itself in the headers of what it asks is seen, and so is which revision it holds."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Final, NamedTuple
from uuid import UUID

from fastapi import Depends, Header

from application.instances.sightings import Sightings
from domain.environments import Environment
from domain.instances import Holds, holds_of, is_name

NAME: Final = "Changegate-Instance"
HOLDS: Final = "Changegate-Holds"
_NAME, _HOLDS = NAME.lower().encode(), HOLDS.lower().encode()
_LONGEST = 200


class Said(NamedTuple):
    """What the headers say; what is not of their form says nothing, because nobody is refused an answer for it."""

    name: str
    holds: Holds | None


def said_in(headers: Mapping[bytes, bytes]) -> Said | None:
    name = headers.get(_NAME)
    return None if name is None else _said_raw(name, headers.get(_HOLDS, b""))


def noted(
    sightings: Sightings,
    said: Said,
    tenant: UUID,
    environment: Environment,
    *,
    flags: int | None = None,
    settings: int | None = None,
) -> None:
    """Who says nothing of what it holds has what it was just answered."""
    sightings.see(tenant, environment, said.name, said.holds or _answered(flags, settings))


def _of_request(
    name: Annotated[
        str | None,
        Header(alias=NAME, description="What this process calls itself: up to 100 of A-Z, a-z, 0-9 and . _ : -"),
    ] = None,
    holds: Annotated[
        str | None,
        Header(alias=HOLDS, description="What it serves from, like `flags=12,settings=7`; either may be left out."),
    ] = None,
) -> Said | None:  # fmt: skip
    return None if name is None else _said(name, holds or "")


Instance = Annotated[Said | None, Depends(_of_request)]


@lru_cache(maxsize=4_096)
def _answered(flags: int | None, settings: int | None) -> Holds:
    return Holds(flags, settings)


@lru_cache(maxsize=20_000)
def _said_raw(name: bytes, holds: bytes) -> Said | None:
    return _said(name.decode("latin-1"), holds.decode("latin-1"))


@lru_cache(maxsize=20_000)
def _said(name: str, holds: str) -> Said | None:
    if not is_name(name):
        return None
    return Said(name, holds_of(holds) if 0 < len(holds) <= _LONGEST else None)
