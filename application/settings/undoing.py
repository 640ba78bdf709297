"""Values that a change wrote are taken back over what is there now: as they were, where nobody else has moved them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from application.ports.store import Transaction
from application.settings.past import held_before, is_newest
from application.settings.sealing import Sealing
from application.settings.versions import told
from application.settings.wishes import Order, Wish
from domain.canonical import Json
from domain.changes import ChangeSet, Reversal
from domain.people import Actor
from domain.settings import Entry, EntryState, Scope, Sealed


@dataclass(frozen=True)
class Undone:
    """One place: what was said there `before`, and what is said `now` as version `version`.

    What has not begun is the plan that `cancels` names.
    """

    key: str
    scope: Scope
    before: Entry | None
    now: Entry | None
    version: int
    reversal: Reversal
    cancels: int | None = None


async def undone(tx: Transaction, change: ChangeSet) -> list[Undone]:
    """Every place that still says something because of the change, or is planned to."""
    environment = change.target.environment
    at = await tx.settings.lock(environment)
    targets = {(target.content["key"], target.content["scope"]): target for target in change.content.targets}
    ours = {(each.key, each.scope): each.entry for each in reversed(await tx.settings.of_change(change.id))}
    keys, scopes = {key for key, _ in targets}, {scope for _, scope in targets}
    latest = await tx.settings.latest(environment, keys, scopes)
    held: dict[tuple[str, str], Entry] = {
        (each.key, each.scope): each.entry
        for each in await tx.settings.entries(environment, keys, scopes, at)
        if each.entry.covers(at)
    }
    found = []
    for place, target in targets.items():
        if place not in ours:  # it cancelled a plan, and wrote nothing
            continue
        written, now = ours[place], held.get(place)
        if written.since > at:
            if written.until != written.since:  # else it was cancelled before it began
                found.append(_planned(place, written, latest[place]))
            continue
        touched = not await is_newest(tx, change, target)
        if touched or (now is not None and now.change == change.id):  # else it has ended by itself
            before = _lasting(await held_before(tx, environment, *place, written), at)
            reversal = _reversal(place, (before, written, now), touched=touched)
            found.append(Undone(place[0], Scope(place[1]), before, now, latest[place], reversal))
    return found


async def order_back(actor: Actor, change: ChangeSet, places: Sequence[Undone], reason: str, sealing: Sealing) -> Order:
    """What makes those places say what they said; secrets are opened to be sealed anew."""
    wishes = []
    for each in places:
        if each.cancels is not None:
            ended = Wish(each.key, each.scope, EntryState.UNSET, expected=each.version, cancels=each.cancels)
            wishes.append(ended)
            continue
        said, entry = each.reversal.result, _source(each)
        value = said.get("value")
        if entry is not None and Sealed.of(entry.value) is not None and "value" in said:
            value = await sealing.plain(actor, change.target.environment, each.key, each.scope, entry.value)
        state = EntryState.SET if "value" in said else EntryState.UNSET
        enforced = state is EntryState.SET and bool(said.get("enforced", False))
        until = entry.meant_until if entry is not None and state is EntryState.SET else None
        wish = Wish(each.key, each.scope, state, value, enforced, said.get("constraint"), each.version, until=until)
        wishes.append(wish)
    return Order(change.target.environment, tuple(wishes), reason, reverts=change.id)


def _planned(place: tuple[str, str], written: Entry, version: int) -> Undone:
    key, scope = place
    said = {**told(written), "since": written.since.isoformat()}
    secret = "/value" if Sealed.of(written.value) is not None else None
    reversal = Reversal(f"{scope}#{key}", {}, said, said, touched=False, veiled=secret)
    return Undone(key, Scope(scope), None, written, version, reversal, written.version)


def _source(each: Undone) -> Entry | None:
    """The entry whose value is written again, and with it how long that was to hold."""
    value = each.reversal.result.get("value")
    return each.before if value == told(each.before).get("value") else each.now


def _lasting(before: Entry | None, at: datetime) -> Entry | None:
    """Nothing, where it would have ended by now."""
    return before if before is not None and (before.meant_until is None or before.meant_until > at) else None


def _reversal(place: tuple[str, str], entries: Sequence[Entry | None], *, touched: bool) -> Reversal:
    secret = any(entry is not None and Sealed.of(entry.value) is not None for entry in entries)
    before, written, now = (_said(entry) for entry in entries)
    key, scope = place
    return Reversal(f"{scope}#{key}", before, written, now, touched, "/value" if secret else None)


def _said(entry: Entry | None) -> Json:
    return told(entry)
