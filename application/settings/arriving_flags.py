"""Flags of a bundle come in together, valid as a whole, where nobody is asked and nobody rolls one of them out."""

from collections.abc import Mapping, Sequence

from application.definitions import checked_definition
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
from domain.flags import SHARED_RULES, parse_definition
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


async def planned_flags(tx: Transaction, actor: Actor, arrival: Arrival) -> tuple[StoredFlag, ...]:
    """The versions that would be written, checked; nothing where every flag is as it should be.

    They go out at once: StrategyNotAllowed where the rollout policy wants another way.
    """
    keys = arrival.difference.flags_having(Op.ADDED, Op.CHANGED)
    if not keys:
        return ()
    actor.require(Permission.FEATURES_MANAGE)
    try:
        await check_ungoverned(tx, arrival.environment)
    except ApprovalRequired as refusal:
        raise FlagsGoverned(keys=keys[:100], **refusal.facts) from None
    if arrival.difference.flags_having(Op.CHANGED):  # a new one has nothing that it could be compared with
        await check_direct(tx, arrival.environment, Kind.FLAG)
    held = await tx.bundles.held(arrival.environment, keys)
    if held:
        raise FlagsBusy(rollouts={key: str(rollout) for key, rollout in sorted(held.items())[:100]})
    stored = await tx.bundles.flags(arrival.environment)
    wanted = arrival.wanted.flags or {}
    _check(arrival, {key: flag.definition for key, flag in stored.items()}, keys)
    return tuple(
        StoredFlag(
            arrival.environment, key, stored[key].version + 1 if key in stored else 1, wanted[key], "import",
            actor.id, tx.now, actor.request if number == 0 else None,
        )
        for number, key in enumerate(keys)
    )  # fmt: skip


async def write_flags(
    tx: Transaction, actor: Actor, arrival: Arrival, flags: Sequence[StoredFlag], before: Mapping[str, Json]
) -> None:
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
        was = {"version": each.version - 1, "definition": before[each.key]} if each.version > 1 else None
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
    written = next((each for each in flags if each.key == SHARED_RULES), None)
    if written is not None:
        await checked_definition(tx, environment, SHARED_RULES, written.definition)
        return
    present = await tx.flags.get(environment, SHARED_RULES)
    if (present.version if present else 0) != (rules.version if rules else 0):
        raise StaleGeneration(key=SHARED_RULES)


def _check(arrival: Arrival, stored: Mapping[str, Json], changed: Sequence[str]) -> None:
    """Every flag as it would be, against the shared rules as they would be."""
    wanted = arrival.wanted.flags or {}
    rules = wanted[SHARED_RULES] if SHARED_RULES in changed else stored.get(SHARED_RULES, {})
    places = {key: number for number, key in enumerate(key for key in wanted if key != SHARED_RULES)}
    faults = []
    for key in changed:
        if key != SHARED_RULES:
            faults += _faults(wanted[key], rules, f"{BUNDLE}/flags/{places[key]}/definition")
    if SHARED_RULES in changed:
        for key in stored.keys() - set(changed) - {SHARED_RULES}:
            faults += [
                Fault(f"{BUNDLE}/evaluators", f"the flag {key} would not be valid any more: {each.path} {each.message}")
                for each in _faults(stored[key], rules, "")
            ]
    if faults:
        raise Invalid(faults)


def _faults(definition: Json, rules: Mapping[str, Json], path: str) -> list[Fault]:
    try:
        parse_definition(definition, evaluators=rules)
    except Invalid as refusal:
        return [Fault(path + each.path, each.message) for each in refusal.faults]
    return []
