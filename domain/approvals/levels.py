"""A level is who may vote at one step of an approval, and how many of them must say yes."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from domain.errors import Fault
from domain.people import Role
from domain.pointers import escaped

MOST_LEVELS = 3
MOST_QUORUM = 10


@dataclass(frozen=True)
class Level:
    """One level: a voter needs one of `roles` or stands in `people`; `quorum` approvals complete it."""

    roles: tuple[Role, ...] = (Role.APPROVER,)
    people: tuple[UUID, ...] = ()
    quorum: int = 1

    def to_json(self) -> dict[str, Any]:
        return {
            "roles": sorted(role.value for role in self.roles),
            "people": sorted(str(person) for person in self.people),
            "quorum": self.quorum,
        }


def parsed_levels(raw: Any, path: str, faults: list[Fault]) -> tuple[Level, ...]:
    """The levels of this JSON; what is wrong with it is added to `faults`."""
    if not isinstance(raw, list) or len(raw) > MOST_LEVELS:
        faults.append(Fault(path, f"a list of at most {MOST_LEVELS} levels"))
        return ()
    return tuple(_level(entry, f"{path}/{index}", faults) for index, entry in enumerate(raw))


def _level(raw: Any, path: str, faults: list[Fault]) -> Level:
    if not isinstance(raw, dict):
        faults.append(Fault(path, "a level is an object"))
        return Level()
    unknown = sorted(set(raw) - {"roles", "people", "quorum"})
    faults.extend(Fault(f"{path}/{escaped(key)}", "unknown field") for key in unknown)
    quorum = raw.get("quorum", 1)
    if not isinstance(quorum, int) or isinstance(quorum, bool) or not 1 <= quorum <= MOST_QUORUM:
        faults.append(Fault(f"{path}/quorum", f"a whole number from 1 to {MOST_QUORUM}"))
        quorum = 1
    roles = _each(raw.get("roles", [] if raw.get("people") else [Role.APPROVER]), Role, f"{path}/roles", faults)
    people = _each(raw.get("people", []), UUID, f"{path}/people", faults)
    if not roles and not people:
        faults.append(Fault(path, "at least one role or person who may vote"))
    return Level(tuple(roles), tuple(people), quorum)


def _each(raw: Any, kind: Any, path: str, faults: list[Fault]) -> list[Any]:
    if not isinstance(raw, list):
        faults.append(Fault(path, "a list"))
        return []
    good = []
    for index, entry in enumerate(raw):
        try:
            good.append(kind(entry))
        except (ValueError, AttributeError, TypeError):
            faults.append(Fault(f"{path}/{index}", f"not a {'role' if kind is Role else 'principal id'}"))
    return good
