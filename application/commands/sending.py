"""A command is sent in the transaction of what it follows from: both are there, or neither is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from application.commands.answering import reply_faults
from application.commands.moves import moved
from application.commands.showing import shown
from application.commands.unique import Keyed, keyed
from application.commands.writing import recorded, sent_told
from application.ports.store import Store, Transaction
from domain.canonical import Json
from domain.commands import (
    Command,
    CommandConflict,
    CommandRecord,
    CommandType,
    CommandTypeMissing,
    Key,
    differing,
    name_of,
    shape_faults,
)
from domain.commands.answers import OWN
from domain.commands.dependencies import Dependence, newest
from domain.errors import Fault, Invalid
from domain.flags.limits import pointer
from domain.people import Actor, Permission
from domain.settings.schemas import instance_faults
from domain.settings.values import json_faults

MOST = 1000
"""In one call."""
PERIOD_OPEN = "false: commands of this type post, and would hold their period open"


@dataclass(frozen=True)
class Sent:
    """`replayed`: it was sent before, and this is what has become of it.

    `coalesced`: nothing was sent, and this is the one that has its unique key.
    """

    record: CommandRecord
    replayed: bool
    coalesced: bool = False


class Sending:
    """PermissionMissing, Invalid, CommandTypeMissing, CommandConflict or UniqueKeyTaken where it applies."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def send(self, actor: Actor, command: Command) -> Sent:
        actor.require(Permission.COMMANDS_SEND)
        async with self._store.transaction(actor.tenant) as tx:
            return _shown(await send_in(tx, [command], actor, paths=[""]), actor)[0]

    async def send_many(self, actor: Actor, commands: Sequence[Command]) -> list[Sent]:
        """All of them or none."""
        actor.require(Permission.COMMANDS_SEND)
        async with self._store.transaction(actor.tenant) as tx:
            return _shown(await send_in(tx, commands, actor), actor)


def _shown(sent: Sequence[Sent], actor: Actor) -> list[Sent]:
    """The command of somebody else that has a key is no secret; what it carries may be one."""
    return [replace(each, record=shown(each.record, actor)) if each.coalesced else each for each in sent]


async def send_in(
    tx: Transaction, commands: Sequence[Command], actor: Actor | None = None, *, paths: Sequence[str] | None = None,
    batch: str | None = None,
) -> list[Sent]:  # fmt: skip
    """In the caller's transaction, which a conflict does not spoil. `paths` say where each stands in what was asked.

    `batch` is what they are sent in: it says itself how many they may be.
    """
    places = paths or [f"/commands/{place}" for place in range(len(commands))]
    if batch is None and len(commands) > MOST:
        raise Invalid([Fault("/commands", f"at most {MOST}")])
    depends = await check(tx, commands, places)
    wished = [
        replace(recorded(tx, each, actor.id if actor else None, batch), dependency=_receiver(each, depends))
        for each in commands
    ]
    first: dict[Key, CommandRecord] = {}
    where: dict[Key, str] = {}
    for each, place in zip(wished, places, strict=True):
        where.setdefault(each.key, place)
        _check_same(each, first.setdefault(each.key, each), place)
    there = await keyed(tx, list(first.values()), where)
    if not there.displaced:
        return await _sent(tx, list(zip(wished, places, strict=True)), first, there, actor)
    async with tx.commands.attempt():
        await moved(tx, [other.superseded(by, tx.now) for by, other in there.displaced.items()], actor=actor)
        return await _sent(tx, list(zip(wished, places, strict=True)), first, there, actor)


async def _sent(
    tx: Transaction,
    placed: Sequence[tuple[CommandRecord, str]],
    first: Mapping[Key, CommandRecord],
    there: Keyed,
    actor: Actor | None,
) -> list[Sent]:
    """`first` are all that are asked for, each once."""
    added = [each for key, each in first.items() if key not in there.instead]
    known = {each.key: each for each in await tx.commands.add(added)}
    sent = []
    for asked, place in placed:
        other = there.instead.get(asked.key)
        if other is not None:
            sent.append(Sent(known.get(other.key, other), replayed=False, coalesced=True))
            continue
        answer = known.get(asked.key, first[asked.key])
        _check_same(asked, answer, place)
        sent.append(Sent(answer, asked.key in known or asked is not first[asked.key]))
    await sent_told(tx, [each.record for each in sent if not (each.replayed or each.coalesced)], actor)
    return sent


async def check(tx: Transaction, commands: Sequence[Command], places: Sequence[str]) -> Mapping[str, Dependence]:
    """What their types depend on; Invalid or CommandTypeMissing, at the places of those that are wrong."""
    placed = list(zip(commands, places, strict=True))
    _refuse([fault for each, place in placed for fault in shape_faults(each, place)])
    domains = {each.domain for each in commands}
    known = {(t.type, t.schema_version): t for domain in domains for t in await tx.commands.types(domain)}
    missing = [_unknown(each, place, known) for each, place in placed if (each.type, each.schema_version) not in known]
    if missing:
        raise CommandTypeMissing(missing)
    _refuse([fault for each, place in placed for fault in _payload_faults(each, place, known)])
    _refuse([fault for each, place in placed for fault in _posting_faults(each, place, known)])
    changes = {each.options.change: place for each, place in placed if each.options.change}
    there = {change: await tx.changes.get(change) for change in changes}
    _refuse([Fault(f"{place}/change", "a change of this tenant") for id_, place in changes.items() if not there[id_]])
    told = {each.options.reply_to: (each, place) for each, place in placed if each.options.reply_to}
    _refuse([fault for each, place in told.values() for fault in await reply_faults(tx, each, place)])
    policies = newest(known.values())
    return {name: found for name, policy in policies.items() if (found := Dependence.of(name, policy)) is not None}


def _receiver(command: Command, depends: Mapping[str, Dependence]) -> str:
    """As the store will say."""
    found = depends.get(command.type)
    return found.receiver(command.payload) if found else ""


def _refuse(faults: Sequence[Fault]) -> None:
    if faults:
        raise Invalid(faults)


def _unknown(command: Command, place: str, known: dict[tuple[str, int], CommandType]) -> Fault:
    versions = [version for type_, version in known if type_ == command.type]
    if versions:
        return Fault(f"{place}/schema_version", "one of " + ", ".join(map(str, sorted(versions))))
    if command.domain == OWN:
        return Fault(f"{place}/type", f"a type of another domain: what is called {OWN} is sent by the product alone")
    types = sorted({each.type for each in known.values() if each.domain == command.domain})
    return Fault(f"{place}/type", "one of " + ", ".join(types) if types else "a type that some handler takes")


def _payload_faults(command: Command, place: str, known: dict[tuple[str, int], CommandType]) -> list[Fault]:
    """A schema is asked only about what is JSON at all, and can be kept."""
    path = f"{place}/payload"
    schema = known[command.type, command.schema_version].schema
    return storable_faults(command.payload, path) or instance_faults(schema, command.payload, path)


def storable_faults(value: Json, path: str) -> list[Fault]:
    return json_faults(value, path) or _nul_faults(value, path)


def _posting_faults(command: Command, place: str, known: dict[tuple[str, int], CommandType]) -> list[Fault]:
    posts = known[command.type, command.schema_version].policy.get("posts") is not None
    named = {"entity": command.options.entity, "effective_date": command.options.effective_date}
    said = "expected: commands of this type post" if posts else "commands of this type do not post"
    alone = [Fault(f"{place}/alone", PERIOD_OPEN)] if posts and command.options.alone else []
    return [
        *alone,
        *(Fault(f"{place}/{name}", said) for name, given in named.items() if (given is not None) is not posts),
    ]


def _nul_faults(value: Json, path: str) -> list[Fault]:
    """The database keeps no such character, and says so only when the transaction is lost."""
    if isinstance(value, str):
        return [Fault(path, "text without NUL characters")] if "\x00" in value else []
    if isinstance(value, dict):
        inner = [*((pointer(path, name), each) for name, each in value.items()), *((path, name) for name in value)]
    else:
        inner = [(pointer(path, place), each) for place, each in enumerate(value)] if isinstance(value, list) else []
    return [fault for place, each in inner for fault in _nul_faults(each, place)]


def _check_same(asked: CommandRecord, there: CommandRecord, place: str) -> None:
    if asked.fingerprint != there.fingerprint:
        fields = differing(there.command, asked.command)
        gone = {"purged": True} if there.purged else {}
        raise CommandConflict(command=name_of(asked.key), at=place, differs=fields, state=there.state.value, **gone)
