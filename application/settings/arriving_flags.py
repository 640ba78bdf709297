"""Flags of a bundle come in together, valid as a whole, where nobody is asked and nobody rolls one of them out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from application.definitions import checked_definition, linking_faults
from application.events.telling import tell_flags
from application.flags import check_ungoverned
from application.locking.rules import check_direct
from application.ports.records import StoredFlag
from application.ports.store import Transaction
from application.recording import event_of
from application.settings.arriving import BUNDLE, Arrival
from domain.audit import Action
from domain.canonical import Json
from domain.changes import ApprovalRequired, Kind
from domain.environments import Environment
from domain.errors import Conflict, Fault, Invalid
from domain.flags import SHARED_RULES, Bucketing, parse_definition
from domain.flags.lifecycle import is_archived
from domain.flags.linking import is_linked, link_faults
from domain.people import Actor, Permission
from domain.rollouts import StaleGeneration
from domain.settings import Op


class FlagsGoverned(Conflict):
    """Policy asks for approval of flags here: roll these out as changes, or import a bundle without them."""

    kind = "flags-governed"


class FlagsBusy(Conflict):
    """Some of these flags are being rolled out; wait for the end, or import a bundle without them."""

    kind = "flags-busy"


class FlagsApart(Conflict):
    """The settings of this bundle need approval and its flags do not: bring them in apart, all of each or nothing."""

    kind = "flags-apart"


@dataclass(frozen=True)
class FlagArrival:
    """Flags beside those that are stored; `ops` say what is to be done with each, `places` where the request has it.

    The shared rules are among them, under their own key.
    """

    environment: Environment
    reason: str
    wanted: Mapping[str, Json]
    stored: Mapping[str, Json]
    ops: Mapping[str, Op]
    places: Mapping[str, str]

    @property
    def changed(self) -> list[str]:
        return [key for key, op in self.ops.items() if op in {Op.ADDED, Op.CHANGED}]


def flags_of(arrival: Arrival) -> FlagArrival:
    """Those of a bundle."""
    wanted = arrival.wanted.flags or {}
    places = {key: f"{BUNDLE}/flags/{number}/definition" for number, key in enumerate(_flags(wanted))}
    places[SHARED_RULES] = f"{BUNDLE}/evaluators"
    stored = arrival.stored.flags or {}
    return FlagArrival(arrival.environment, arrival.reason, wanted, stored, arrival.difference.flags, places)


def _flags(wanted: Mapping[str, Json]) -> list[str]:
    return [key for key in wanted if key != SHARED_RULES]


async def planned_flags(tx: Transaction, actor: Actor, arrival: FlagArrival) -> tuple[StoredFlag, ...]:
    """The versions that would be written, checked; nothing where every flag is as it should be.

    They go out at once: StrategyNotAllowed where the rollout policy wants another way.
    """
    keys = arrival.changed
    if not keys:
        return ()
    actor.require(Permission.FEATURES_MANAGE)
    try:
        await check_ungoverned(tx, arrival.environment)
    except ApprovalRequired as refusal:
        raise FlagsGoverned(keys=keys[:100], **refusal.facts) from None
    if Op.CHANGED in arrival.ops.values():  # a new one has nothing that it could be compared with
        await check_direct(tx, arrival.environment, Kind.FLAG)
    held = await tx.bundles.held(arrival.environment, keys)
    if held:
        raise FlagsBusy(rollouts={key: str(rollout) for key, rollout in sorted(held.items())[:100]})
    stored, wanted = await tx.bundles.flags(arrival.environment), arrival.wanted
    for key in keys:
        present = stored[key].definition if key in stored else None
        if (present or None) != (arrival.stored.get(key) or None):  # somebody wrote since it was compared
            raise StaleGeneration(key=key)
    await check_whole(tx, arrival, {key: flag.definition for key, flag in stored.items()})
    return tuple(
        StoredFlag(
            arrival.environment, key, stored[key].version + 1 if key in stored else 1, wanted[key], "import",
            actor.id, tx.now, actor.request if number == 0 else None,
        )
        for number, key in enumerate(keys)
    )  # fmt: skip


async def write_flags(tx: Transaction, actor: Actor, arrival: FlagArrival, flags: Sequence[StoredFlag]) -> None:
    """With an audit event for each; StaleGeneration or Invalid when somebody else wrote in between."""
    if not flags:
        return
    rules = await tx.flags.get(arrival.environment, SHARED_RULES)
    await tx.bundles.put_flags(arrival.environment, *flags)
    await _look_again(tx, arrival.environment, flags, rules)
    events, told = [], []
    for each in flags:
        action = Action.SHARED_RULES_CHANGED if each.key == SHARED_RULES else (
            Action.FLAG_CREATED if each.version == 1 else Action.FLAG_UPDATED
        )  # fmt: skip
        was = {"version": each.version - 1, "definition": arrival.stored[each.key]} if each.version > 1 else None
        events.append(
            event_of(
                tx, action, ("flag", f"{each.environment}/{each.key}"), actor=actor, reason=arrival.reason, before=was,
                after={"version": each.version, "definition": each.definition},
            )
        )  # fmt: skip
        told.append((each, action))
    await tell_flags(tx, told)
    await tx.audit.append(*events)


async def _look_again(
    tx: Transaction, environment: Environment, flags: Sequence[StoredFlag], rules: StoredFlag | None
) -> None:
    """The write holds the flag set: whatever was committed between the first look and the write is seen now."""
    written = {each.key: each.definition for each in flags}
    if SHARED_RULES in written:
        await checked_definition(tx, environment, SHARED_RULES, written[SHARED_RULES])
        return
    present = await tx.flags.get(environment, SHARED_RULES)
    if (present.version if present else 0) != (rules.version if rules else 0):
        raise StaleGeneration(key=SHARED_RULES)
    if await linking_faults(tx, environment, written):
        raise StaleGeneration(key=min(written))


async def check_whole(tx: Transaction, arrival: FlagArrival, stored: Mapping[str, Json]) -> None:
    """Every flag as it would be, against the shared rules and the others as they would be; Invalid with every fault."""
    wanted, changed, places = arrival.wanted, arrival.changed, arrival.places
    rules = wanted[SHARED_RULES] if SHARED_RULES in changed else stored.get(SHARED_RULES, {})
    faults = []
    for key in changed:
        if key != SHARED_RULES:
            faults += _faults(wanted[key], rules, places[key])
    if SHARED_RULES in changed:
        for key in stored.keys() - set(changed) - {SHARED_RULES}:
            why = f"the flag {key} would not be valid any more: "
            faults += [
                Fault(places[SHARED_RULES], f"{why}{each.path} {each.message}")
                for each in _faults(stored[key], rules, "")
            ]
    if not faults:
        faults = await _linked(tx, arrival, stored, rules)
    if faults:
        raise Invalid(faults)


async def _linked(
    tx: Transaction, arrival: FlagArrival, stored: Mapping[str, Json], rules: Mapping[str, Json]
) -> list[Fault]:
    """What is wrong between the flags; other rules may change what any of them can say."""
    changed = set(arrival.changed)
    there = {**stored, **{key: arrival.wanted[key] for key in changed}}
    flags = {key: each for key, each in there.items() if key != SHARED_RULES and not is_archived(each)}
    if not any(is_linked(each) for each in flags.values()):
        return []
    bucketing = Bucketing((await tx.flags.linked(arrival.environment, ())).bucketing)
    written = flags.keys() | changed - {SHARED_RULES} if SHARED_RULES in changed else changed
    told = link_faults(flags, rules, bucketing, written)
    return [
        Fault(arrival.places[key] + each.path, each.message)
        if key in changed
        else Fault(
            arrival.places[SHARED_RULES], f"the flag {key} would not be valid any more: {each.path} {each.message}"
        )
        for key, faults in told.items()
        for each in faults
    ]


def _faults(definition: Json, rules: Mapping[str, Json], path: str) -> list[Fault]:
    try:
        parse_definition(definition, evaluators=rules)
    except Invalid as refusal:
        return [Fault(path + each.path, each.message) for each in refusal.faults]
    return []
