"""A change is carried over to what is there now: what both sides changed is a conflict, anything else is kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from application.bases import present_bases, value_says
from application.drafts.wanted import Wanted
from application.going_before import still_before
from application.ports.store import Transaction
from domain.canonical import Json
from domain.changes import BaseVersionConflict, ChangeSet, Kind, NotRebasable, Target, merged
from domain.errors import Missing
from domain.rollouts import TERMINAL

_SAID = ("state", "value", "enforced", "constraint")


@dataclass(frozen=True)
class Rebased:
    """What is still wanted, over the versions that are there now, by a plan without the moments that are over."""

    targets: tuple[Wanted, ...]
    plan: Json


async def rebased(tx: Transaction, change: ChangeSet) -> Rebased:
    """BaseVersionConflict with every path that both sides changed; NotRebasable for what has a time of its own."""
    if change.target.kind not in {Kind.FLAG, Kind.SETTING}:
        raise NotRebasable
    targets, plan = change.content.targets, await _still_to_come(tx, change)
    if change.content.tenants is not None:
        return Rebased(tuple(_wanted(targets, place, each.content, None) for place, each in enumerate(targets)), plan)
    present, _ = await present_bases(tx, change)
    wanted, conflicts = [], []
    for place, target in enumerate(targets):
        version = present[target.place]
        content, both = await (_flag if target.kind is Kind.FLAG else _value)(tx, target, version)
        conflicts += [(target.key, path) for path in both]
        wanted.append(_wanted(targets, place, content, version))
    if conflicts:
        single = len(targets) == 1
        paths = [path if single else f"/{key}{path}" for key, path in conflicts]
        raise BaseVersionConflict(paths=paths, present_version=present[targets[0].place])
    return Rebased(tuple(wanted), plan)


async def _still_to_come(tx: Transaction, change: ChangeSet) -> Json:
    """A plan without these says something else: it keeps no vote."""
    plan = dict(change.content.plan)
    over = {name for name in ("apply_at", "apply_by") if name in plan and datetime.fromisoformat(plan[name]) <= tx.now}
    if "after" in plan and await still_before(tx, UUID(plan["after"])) in TERMINAL:
        over.add("after")
    return {name: value for name, value in plan.items() if name not in over}


async def _flag(tx: Transaction, target: Target, version: int) -> tuple[Json, list[str]]:
    base = await tx.flags.version(target.environment, target.key, target.base_version) if target.base_version else None
    present = await tx.flags.version(target.environment, target.key, version) if version else None
    if present is None:
        raise Missing(kind_of_thing="flag", key=target.key)
    return merged(base or {}, target.content, present)


async def _value(tx: Transaction, target: Target, version: int) -> tuple[Json, list[str]]:
    base, present = await value_says(tx, target, target.base_version), await value_says(tx, target, version)
    if base is None or present is None:  # a time of its own, here or there, is not merged
        raise NotRebasable
    ours = {name: target.content[name] for name in _SAID if name in target.content}
    content, conflicts = merged(base, ours, present)
    return {"key": target.content["key"], "scope": target.content["scope"], **content}, conflicts


def _wanted(targets: Sequence[Target], place: int, content: Json, version: int | None) -> Wanted:
    target = targets[place]
    alone = len(targets) == 1 and target.kind is Kind.FLAG
    key = content["key"] if target.kind is Kind.SETTING else target.key
    return Wanted(target.kind, key, content, version, "" if alone else f"/targets/{place}")
