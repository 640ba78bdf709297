"""A level is who may vote at one step of an approval, and how many of them must say yes."""

import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from domain.errors import Fault
from domain.people import Permission, Role
from domain.pointers import escaped

MOST_LEVELS = 3
MOST_QUORUM = 10
GROUP = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,99}")
SYSTEM = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_VOTERS = ("roles", "people", "groups")
VOICES = frozenset({Permission.COMMANDS_OPERATE})
"""What gives a voice to whoever may do it, where a level says so: they approve what they could do themselves."""


@dataclass(frozen=True)
class Fallback:
    """Who is asked, too, when half of the time of a level is over and it is still open."""

    roles: tuple[Role, ...] = ()
    people: tuple[UUID, ...] = ()
    groups: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return _voters_json(self)


@dataclass(frozen=True)
class Level:
    """One level: a voter has one of `roles`, stands in `people` or is in one of `groups`; `quorum` yeses complete it.

    What is not answered in half of its time goes to `escalates_to`, too. An `external` level asks the approval system
    of that name, and nobody else. Whoever has its `permission` is a voter as well, whether or not they approve changes.
    """

    roles: tuple[Role, ...] = (Role.APPROVER,)
    people: tuple[UUID, ...] = ()
    quorum: int = 1
    groups: tuple[str, ...] = ()
    escalates_to: Fallback | None = None
    external: str | None = None
    permission: Permission | None = None

    def to_json(self) -> dict[str, Any]:
        """Without groups and fallback, where there are none; of a system its name alone."""
        if self.external is not None:
            return {"external": self.external}
        later = {"escalates_to": self.escalates_to.to_json()} if self.escalates_to else {}
        doing = {"permission": self.permission.value} if self.permission else {}
        return {**_voters_json(self), "quorum": self.quorum, **doing, **later}


def parsed_levels(raw: Any, path: str, faults: list[Fault]) -> tuple[Level, ...]:
    """The levels of this JSON; what is wrong with it is added to `faults`."""
    if not isinstance(raw, list) or len(raw) > MOST_LEVELS:
        faults.append(Fault(path, f"a list of at most {MOST_LEVELS} levels"))
        return ()
    levels = tuple(_level(entry, f"{path}/{index}", faults) for index, entry in enumerate(raw))
    systems = [level.external for level in levels if level.external is not None]
    if len(set(systems)) < len(systems):
        faults.append(Fault(path, "each approval system at most once: it has one vote"))
    return levels


def _level(raw: Any, path: str, faults: list[Fault]) -> Level:
    if not isinstance(raw, dict):
        faults.append(Fault(path, "a level is an object"))
        return Level()
    if "external" in raw:
        return _external(raw, path, faults)
    _unknown(raw, {*_VOTERS, "quorum", "permission", "escalates_to"}, path, faults)
    quorum = raw.get("quorum", 1)
    if not isinstance(quorum, int) or isinstance(quorum, bool) or not 1 <= quorum <= MOST_QUORUM:
        faults.append(Fault(f"{path}/quorum", f"a whole number from 1 to {MOST_QUORUM}"))
        quorum = 1
    permission = _permission(raw, path, faults)
    named = raw.get("people") or raw.get("groups") or permission
    roles, people, groups = _voters(raw, [] if named else [Role.APPROVER], path, faults, named=permission is not None)
    later = _fallback(raw.get("escalates_to"), f"{path}/escalates_to", faults)
    return Level(roles, people, quorum, groups, later, permission=permission)


def _permission(raw: dict[str, Any], path: str, faults: list[Fault]) -> Permission | None:
    given = raw.get("permission")
    if given is not None and not (isinstance(given, str) and given in set(VOICES)):
        faults.append(Fault(f"{path}/permission", "one of " + ", ".join(sorted(VOICES))))
        return None
    return Permission(given) if given else None


def _external(raw: dict[str, Any], path: str, faults: list[Fault]) -> Level:
    system = raw["external"]
    if len(raw) > 1:
        faults.append(Fault(path, "an approval system alone: nobody else votes on its level"))
    if not isinstance(system, str) or not SYSTEM.fullmatch(system):
        faults.append(Fault(f"{path}/external", "the name of an approval system"))
        return Level()
    return Level((), (), external=system)


def _fallback(raw: Any, path: str, faults: list[Fault]) -> Fallback | None:
    if raw is None:
        return None
    if not isinstance(raw, dict):
        faults.append(Fault(path, "an object with roles, people or groups"))
        return None
    _unknown(raw, set(_VOTERS), path, faults)
    return Fallback(*_voters(raw, [], path, faults))


def _voters(
    raw: dict[str, Any], roles_else: list[Role], path: str, faults: list[Fault], *, named: bool = False
) -> tuple[tuple[Role, ...], tuple[UUID, ...], tuple[str, ...]]:
    roles = _each(raw.get("roles", roles_else), Role, f"{path}/roles", faults)
    people = _each(raw.get("people", []), UUID, f"{path}/people", faults)
    groups = _each(raw.get("groups", []), _group, f"{path}/groups", faults)
    if not (roles or people or groups or named):
        faults.append(Fault(path, "at least one role, person or group who may vote"))
    return tuple(roles), tuple(people), tuple(groups)


def _group(raw: Any) -> str:
    if isinstance(raw, str) and GROUP.fullmatch(raw):
        return raw
    raise ValueError(raw)


def _unknown(raw: dict[str, Any], known: set[str], path: str, faults: list[Fault]) -> None:
    faults.extend(Fault(f"{path}/{escaped(key)}", "unknown field") for key in sorted(set(raw) - known))


_NOUNS = {Role: "role", UUID: "principal id", _group: "name of a group"}


def _each(raw: Any, kind: Any, path: str, faults: list[Fault]) -> list[Any]:
    if not isinstance(raw, list):
        faults.append(Fault(path, "a list"))
        return []
    good = []
    for index, entry in enumerate(raw):
        try:
            good.append(kind(entry))
        except (ValueError, AttributeError, TypeError):
            faults.append(Fault(f"{path}/{index}", f"not a {_NOUNS[kind]}"))
    return good


def _voters_json(voters: Level | Fallback) -> dict[str, Any]:
    groups = {"groups": sorted(voters.groups)} if voters.groups else {}
    return {
        "roles": sorted(role.value for role in voters.roles),
        "people": sorted(str(person) for person in voters.people),
        **groups,
    }
