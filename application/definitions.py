"""What a flag set holds is valid as a whole: flags name only shared rules that are there, and these stay as long."""

from application.ports.records import StoredFlag
from application.ports.store import Transaction
from domain.canonical import Json
from domain.environments import Environment
from domain.errors import Fault, Invalid
from domain.flags import SHARED_RULES, parse_definition, parse_evaluators


async def checked_definition(tx: Transaction, environment: Environment, key: str, raw: Json) -> Json:
    """The definition as it would be stored; Invalid with every fault."""
    if key == SHARED_RULES:
        return await _checked_rules(tx, environment, raw)
    shared = await tx.flags.get(environment, SHARED_RULES)
    return parse_definition(raw, evaluators=shared.definition if shared else {}).canonical


async def put_checked(tx: Transaction, flag: StoredFlag, *, expected: int) -> None:
    """Write the version, then look once more.

    The write holds the flag set until the end of the transaction, so this look sees whatever was committed between the
    first one and the write; StaleGeneration or Invalid, and nothing is written.
    """
    await tx.flags.put(flag, expected=expected)
    await checked_definition(tx, flag.environment, flag.key, flag.definition)


async def _checked_rules(tx: Transaction, environment: Environment, raw: Json) -> Json:
    rules = dict(parse_evaluators(raw))
    faults = [
        Fault("", f"the flag {key} would not be valid any more: {fault.path} {fault.message}")
        for key, definition in (await tx.flags.flag_set(environment)).flags.items()
        for fault in _faults(definition, rules)
    ]
    if faults:
        raise Invalid(faults)
    return rules


def _faults(definition: Json, rules: Json) -> tuple[Fault, ...]:
    try:
        parse_definition(definition, evaluators=rules)
    except Invalid as refusal:
        return tuple(refusal.faults)
    return ()
