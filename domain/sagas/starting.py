"""What starts a process: started again under its id it is the same process, or it is refused."""

import re
from dataclasses import dataclass
from typing import Final, TypeAlias
from uuid import UUID

from domain.canonical import Json, digest_of
from domain.commands.shape import DOMAIN, TYPE
from domain.commands.shape import ID as COMMAND_ID
from domain.errors import Fault

SagaKey: TypeAlias = tuple[str, str]
"""Type and id: in one tenant they name one process."""
ID: Final = r"[A-Za-z0-9][A-Za-z0-9_.@~+=-]{0,79}"
"""The names of its commands begin with type and id, and a colon stands between them."""
LONGEST_TYPE: Final = 80
STEP: Final = r"[a-z][a-z0-9-]{0,23}"
LATEST_VERSION: Final = 10_000


@dataclass(frozen=True)
class Wish:
    """`data` is an object of the type's schema in that version.

    `correlation`, `causation` and `change` are what its commands belong to, and no part of its content.
    """

    type: str
    id: str
    data: Json
    schema_version: int = 1
    correlation: UUID | None = None
    causation: str | None = None
    change: UUID | None = None

    @property
    def key(self) -> SagaKey:
        return self.type, self.id

    @property
    def domain(self) -> str:
        return self.type.partition(".")[0]


@dataclass(frozen=True)
class ProcessType:
    """What a process is started with: a JSON Schema of its data."""

    type: str
    schema_version: int
    schema: Json

    @property
    def domain(self) -> str:
        return self.type.partition(".")[0]


def name_of(key: SagaKey) -> str:
    return "/".join(key)


def fingerprint(wish: Wish) -> str:
    """The same for the same content, however its data was written (RFC 8785)."""
    return digest_of({"type": wish.type, "schema_version": wish.schema_version, "data": wish.data})


def shape_faults(wish: Wish) -> list[Fault]:
    wrong = {
        "type": _unless(type_fits(wish.type), f"a domain and a verb of {LONGEST_TYPE} characters, as ledger.move-cash"),
        "id": _unless(re.fullmatch(ID, wish.id), "1 to 80 letters, digits and _.@~+=-, one of the first two first"),
        "schema_version": _unless(1 <= wish.schema_version <= LATEST_VERSION, f"a number from 1 to {LATEST_VERSION}"),
        "data": _unless(isinstance(wish.data, dict), "an object"),
        "causation": _unless(
            wish.causation is None or re.fullmatch(f"{DOMAIN}/{COMMAND_ID}", wish.causation), "a command, as ledger/42"
        ),
    }
    return [Fault(f"/{name}", said) for name, said in wrong.items() if said]


def type_fits(name: str) -> bool:
    return len(name) <= LONGEST_TYPE and re.fullmatch(TYPE, name) is not None


def _unless(fits: object, said: str) -> str:
    return "" if fits else said
