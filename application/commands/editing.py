"""An edited payload is one that its type takes, and leaves alone what its type locks."""

from dataclasses import dataclass
from typing import Any

from application.commands.sending import storable_faults
from application.ports.store import Transaction
from domain.canonical import Json, digest_of
from domain.commands import CommandRecord, CommandType, CommandTypeMissing
from domain.commands.patches import locked_faults, patched, same
from domain.errors import Fault, Invalid
from domain.settings.schemas import instance_faults


@dataclass(frozen=True)
class Draft:
    """What an edit would make of a payload; with `faults` it is not to be."""

    payload: Json
    before: str
    after: str
    faults: tuple[Fault, ...] = ()


async def drafted(tx: Transaction, record: CommandRecord, patch: Json) -> Draft:
    """Raises CommandTypeMissing, or Invalid where the patch cannot be applied at all."""
    known = await type_of(tx, record)
    if known is None:
        raise CommandTypeMissing([Fault("", "a type that some handler has taken")])
    faults = storable_faults(patch, "/patch")
    if faults:
        raise Invalid(faults)
    after = patched(record.payload, patch)
    digests = digest_of(record.payload), digest_of(after)
    return Draft(after, *digests, tuple(_faults(record, after, known)))


async def type_of(tx: Transaction, record: CommandRecord) -> CommandType | None:
    command = record.command
    types = await tx.commands.types(command.domain)
    wanted = command.type, command.schema_version
    return next((each for each in types if (each.type, each.schema_version) == wanted), None)


def moves_money(known: CommandType | None) -> bool:
    """What posts does."""
    policy: dict[str, Any] = known.policy if known is not None else {}
    return bool(policy.get("money")) or policy.get("posts") is not None


def _faults(record: CommandRecord, after: Json, known: CommandType) -> list[Fault]:
    if not isinstance(after, dict):
        return [Fault("/payload", "an object")]
    if same(record.payload, after):
        return [Fault("/patch", "operations that change something")]
    locked = locked_faults(record.payload, after, known.policy.get("locked", ()), "/payload")
    return [*locked, *instance_faults(known.schema, after, "/payload")]
