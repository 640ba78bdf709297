"""What settings mean is changed as one document, over the version that was there, by the author of its change."""

from application.ports.store import Transaction
from domain.canonical import Json
from domain.changes import BaseVersionConflict, ChangeSet, difference
from domain.errors import Missing
from domain.people import Actor
from domain.rollouts import Rollout


async def change_of(tx: Transaction, rollout: Rollout) -> ChangeSet:
    change = await tx.changes.get(rollout.change)
    if change is None:
        raise Missing(kind_of_thing="change", id=str(rollout.change))
    return change


async def author_of(tx: Transaction, change: ChangeSet) -> Actor:
    author = await tx.people.actor(change.author)
    if author is None:
        raise Missing(kind_of_thing="principal", id=str(change.author))
    return author


def check_version(change: ChangeSet, present: int) -> None:
    base = change.target.base_version
    if present != base:
        raise BaseVersionConflict(present_version=present, base_version=base)


def told_difference(change: ChangeSet, base: Json, present: int) -> Json:
    """`base` is the document that the change was written over."""
    target = change.target
    return {
        "target": {"environment": target.environment.value, "kind": target.kind.value, "key": change.label},
        "base_version": target.base_version,
        "present_version": present,
        "moved": present != target.base_version,
        "changes": difference(base, target.content),
    }
