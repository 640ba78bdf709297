"""What a flag set holds is valid as a whole: flags name only rules and flags that are there, and these stay as long."""

from collections.abc import AsyncIterator, Mapping

from application.ports.records import StoredFlag
from application.ports.store import Transaction
from domain.canonical import Json
from domain.changes import Kind
from domain.environments import Environment
from domain.errors import Fault, Invalid
from domain.flags import BUCKETING, SHARED_RULES, WHOLE, Bucketing, parse_definition, parse_evaluators
from domain.flags.lifecycle import is_archived
from domain.flags.linking import is_linked, link_faults, linked, needs
from domain.flags.whole import bucketing_of, parse_bucketing
from domain.rollouts import EXPOSED, CohortMode, Rollout

KILL = "kill"
"""The origin of a version that is written whatever else the set holds."""


async def checked_definition(tx: Transaction, environment: Environment, key: str, raw: Json) -> Json:
    """The definition as it would be stored; Invalid with every fault."""
    definition = await parsed(tx, environment, key, raw)
    if key not in WHOLE:
        _refuse(await linking_faults(tx, environment, {key: definition}))
    return definition


async def check_together(tx: Transaction, environment: Environment, written: Mapping[str, Json]) -> None:
    """Invalid unless all of these could be written at once."""
    definitions = {key: await parsed(tx, environment, key, raw) for key, raw in written.items()}
    _refuse(await linking_faults(tx, environment, definitions))


async def parsed(tx: Transaction, environment: Environment, key: str, raw: Json) -> Json:
    """The same, but a flag is looked at without the others: only with the rules that they share."""
    if key == SHARED_RULES:
        return await _checked_rules(tx, environment, raw)
    if key == BUCKETING:
        return await _checked_bucketing(tx, environment, raw)
    shared = await tx.flags.get(environment, SHARED_RULES)
    return parse_definition(raw, evaluators=shared.definition if shared else {}).canonical


async def linking_faults(
    tx: Transaction, environment: Environment, written: Mapping[str, Json]
) -> dict[str, list[Fault]]:
    """By written flag what is wrong between these valid definitions and the flags that are there.

    A bucketing among them is what the others would be split by.
    """
    stored = await tx.flags.linked(environment, ())
    bucketing = bucketing_of(written.get(BUCKETING, {"version": stored.bucketing}))
    written = {key: each for key, each in written.items() if key not in WHOLE}
    flags = _with(stored.flags, written)
    if not any(is_linked(each) for each in flags.values()):
        return {}
    named = {key for each in flags.values() for key in linked(each)} - flags.keys() - written.keys()
    if named:
        flags = _with((await tx.flags.linked(environment, named)).flags, written)
    return link_faults(flags, stored.evaluators, bucketing, written)


async def needed_by(tx: Transaction, environment: Environment, key: str) -> list[str]:
    """The flags that have this one as a prerequisite."""
    there = (await tx.flags.linked(environment, ())).flags
    return sorted(each for each, definition in there.items() if key in needs(definition))


async def put_checked(tx: Transaction, flag: StoredFlag, *, expected: int) -> None:
    """Write the version, then look once more.

    The write holds the flag set until the end of the transaction, so this look sees whatever was committed between the
    first one and the write; StaleGeneration or Invalid, and nothing is written. A kill depends on no other flag.
    """
    await tx.flags.put(flag, expected=expected)
    if flag.origin != KILL:
        await checked_definition(tx, flag.environment, flag.key, flag.definition)


def _refuse(faults: Mapping[str, list[Fault]]) -> None:
    if faults:
        raise Invalid([fault for each in faults.values() for fault in each])


def _with(stored: Mapping[str, Json], written: Mapping[str, Json]) -> dict[str, Json]:
    """What would be served."""
    return {key: each for key, each in {**stored, **written}.items() if not is_archived(each)}


async def _checked_rules(tx: Transaction, environment: Environment, raw: Json) -> Json:
    rules = dict(parse_evaluators(raw))
    stored = await tx.flags.flag_set(environment)
    told = {key: _faults(definition, rules) for key, definition in stored.flags.items()}
    if not any(told.values()):
        told = link_faults(stored.flags, rules, Bucketing(stored.bucketing), stored.flags)
    _refuse_for_all(told)
    return rules


async def _checked_bucketing(tx: Transaction, environment: Environment, raw: Json) -> Json:
    """Who is in a stage stays there while it grows, so nobody is split anew until it has ended."""
    content = parse_bucketing(raw)
    if splitting := [each async for each in _splitting(tx, environment)]:
        raise Invalid(
            [Fault("", f"the rollout {each.id} serves {each.key} in stages: wait for its end") for each in splitting]
        )
    stored = await tx.flags.flag_set(environment)
    _refuse_for_all(link_faults(stored.flags, stored.evaluators, bucketing_of(content), stored.flags))
    return content


async def _splitting(tx: Transaction, environment: Environment) -> AsyncIterator[Rollout]:
    for holder in await tx.target_locks.holders(environment):
        rollout = await tx.rollouts.get(holder)
        if rollout is None or rollout.kind is not Kind.FLAG or rollout.state not in EXPOSED:
            continue
        if rollout.plan.gated and rollout.plan.audience.mode is not CohortMode.TENANT:
            yield rollout


def _refuse_for_all(told: Mapping[str, list[Fault]]) -> None:
    faults = [
        Fault("", f"the flag {key} would not be valid any more: {fault.path} {fault.message}")
        for key, faults in told.items()
        for fault in faults
    ]
    if faults:
        raise Invalid(faults)


def _faults(definition: Json, rules: Json) -> list[Fault]:
    try:
        parse_definition(definition, evaluators=rules)
    except Invalid as refusal:
        return list(refusal.faults)
    return []
