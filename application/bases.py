"""What a change was written over has moved when its content is another: a version that went back has not."""

from collections.abc import Mapping, Sequence

from application.going_before import left_to
from application.ports.store import Transaction
from domain.canonical import Json, canonical_bytes
from domain.changes import BaseVersionConflict, ChangeSet, Kind, Target
from domain.settings import EntryState

Place = tuple[Kind, str]


async def present_bases(
    tx: Transaction, change: ChangeSet, *, hold: bool = False
) -> tuple[dict[Place, int], list[Place]]:
    """The present versions of flags and values, and which of them are of another content; held, none can move more."""
    targets = change.content.targets
    flags = [each for each in targets if each.kind is Kind.FLAG]
    values = [each for each in targets if each.kind is Kind.SETTING]
    found = await _flags(tx, flags, hold=hold)
    if values:
        if hold:
            await tx.settings.lock(change.target.environment)
        found |= await _values(tx, values)
    over, left = {each.place: each for each in targets}, await left_to(tx, change.content)
    moved = [place for place, version in found.items() if await _has_moved(tx, over[place], version, left)]
    return found, moved


async def check_bases(tx: Transaction, change: ChangeSet, *, hold: bool = False) -> None:
    """BaseVersionConflict with the keys that have moved, and of a single one with both versions."""
    found, moved = await present_bases(tx, change, hold=hold)
    if not moved:
        return
    if len(change.content.targets) == 1 and change.target.kind is Kind.FLAG:
        raise BaseVersionConflict(present_version=found[moved[0]], base_version=change.target.base_version)
    raise BaseVersionConflict(moved=[key for _, key in moved])


async def over_present(tx: Transaction, change: ChangeSet) -> ChangeSet:
    """The same over the versions that are there, whatever they say."""
    found, _ = await present_bases(tx, change)
    return change.about(change.content.over(found).targets)


async def over_the_same(tx: Transaction, change: ChangeSet) -> ChangeSet:
    """The same over the versions that are there, where these say what those say that it was written over."""
    found, moved = await present_bases(tx, change)
    same = {place: version for place, version in found.items() if place not in moved}
    return change.about(change.content.over(same).targets)


async def _flags(tx: Transaction, targets: Sequence[Target], *, hold: bool) -> dict[Place, int]:
    found = {}
    for target in sorted(targets, key=lambda each: each.key):
        flag = await tx.flags.get(target.environment, target.key, lock=hold)
        found[target.place] = flag.version if flag else 0
    return found


async def _values(tx: Transaction, targets: Sequence[Target]) -> dict[Place, int]:
    keys, scopes = {each.content["key"] for each in targets}, {each.content["scope"] for each in targets}
    latest = await tx.settings.latest(targets[0].environment, keys, scopes)
    return {each.place: latest.get((each.content["key"], each.content["scope"]), 0) for each in targets}


async def _has_moved(tx: Transaction, target: Target, version: int, left: Mapping[Place, Json]) -> bool:
    if version == target.base_version:
        return False
    if version < target.base_version:
        return True
    says = _flag_says if target.kind is Kind.FLAG else value_says
    then, now = left.get(target.place), await says(tx, target, version)
    if then is None:
        then = await says(tx, target, target.base_version)
    return then is None or now is None or canonical_bytes(then) != canonical_bytes(now)


async def _flag_says(tx: Transaction, target: Target, version: int) -> Json | None:
    return await tx.flags.version(target.environment, target.key, version) if version else None


async def value_says(tx: Transaction, target: Target, version: int) -> Json | None:
    """None of what is not said once and for all: a time of its own is compared with nothing."""
    if set(target.content) & {"since", "until", "cancels"}:
        return None
    if version == 0:
        return {"state": EntryState.UNSET.value}
    key, scope = target.content["key"], target.content["scope"]
    found = await tx.settings.history(target.environment, key, scope, version + 1, 1)
    entry = found[0].entry
    if entry.meant_until is not None or entry.since > tx.now:
        return None
    said: dict[str, Json] = {"state": entry.state.value}
    if entry.state is EntryState.SET:
        said["value"] = entry.value
    if entry.enforced:
        said["enforced"] = True
    if entry.constraint is not None:
        said["constraint"] = entry.constraint.to_json()
    return said
