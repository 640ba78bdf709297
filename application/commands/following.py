"""What follows from a move of a command is written with it: its batch counts it, what was to be sent then is sent.

How far a delivery or a message has come follows from each move of what carries it.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from application.commands.unique import keyed
from application.commands.writing import recorded, sent_told
from application.notice_commands import DELIVER_NOTICE, brought
from application.ports.store import Transaction
from application.recording import record
from domain.audit import Action, Outcome
from domain.canonical import Json
from domain.commands import LEASED, Command, CommandRecord, CommandState, Key, name_of
from domain.commands.answers import OWN, reply_of
from domain.commands.batches import Batch, OnParked
from domain.events import DELIVER_EVENT, progress_of

COUNTING: Final = (CommandState.PARKED,)


async def followed(
    tx: Transaction, records: Sequence[CommandRecord], said: Mapping[str, Json] | None = None
) -> None:  # fmt: skip
    """By whoever moved them, in the transaction of the move; `said` is what a person said who ended them."""
    batches: dict[str, list[CommandRecord]] = defaultdict(list)
    for each in records:
        if each.batch is not None and (each.over or each.state in COUNTING):
            batches[each.batch].append(each)
    for id_ in sorted(batches):  # in an order that is everybody's: nobody waits for who waits for them
        await _counted(tx, id_, batches[id_])
    deliveries = [progress_of(each) for each in records if each.command.type == DELIVER_EVENT]
    if deliveries:
        await tx.webhooks.follow(deliveries)
    notices = [brought(each) for each in records if each.command.type == DELIVER_NOTICE and each.state not in LEASED]
    if notices:
        await tx.notices.follow(notices)
    waited = [each for each in records if each.over and each.command.options.reply_to is not None]
    if waited:
        await _replied(tx, waited, said)


async def sent_on(tx: Transaction, commands: Sequence[Command], sender: UUID | None) -> list[Key]:
    """What the product itself sends because of something else; those whose ids are another command's are not.

    Nobody is there to be refused: what no handler takes is parked, and people look at it. What shares a unique key
    coalesces: where another has it, that is enough.
    """
    wished = {each.key: each for each in (recorded(tx, command, sender) for command in commands)}
    instead = (await keyed(tx, list(wished.values()), dict.fromkeys(wished, ""))).instead
    asked = {key: each for key, each in wished.items() if key not in instead}
    known = {each.key: each.fingerprint for each in await tx.commands.add(list(asked.values()))}
    taken = [key for key, there in known.items() if there != asked[key].fingerprint]
    new = [each for key, each in asked.items() if key not in known]
    if taken and new:
        await tx.commands.add(new)
    await sent_told(tx, new)
    return taken


async def _replied(tx: Transaction, records: Sequence[CommandRecord], said: Mapping[str, Json] | None) -> None:
    """In the name of whoever sent the command; an id that is another command's is told to those who look."""
    senders: dict[UUID | None, list[Command]] = defaultdict(list)
    for each in records:
        reply = reply_of(each, said)
        if reply is not None:
            senders[None if reply.domain == OWN else each.sender].append(reply)
    taken = [key for sender, replies in senders.items() for key in await sent_on(tx, replies, sender)]
    for key in taken:
        await record(tx, Action.COMMAND_REPLY_LOST, ("command", name_of(key)), outcome=Outcome.FAILURE)


async def _counted(tx: Transaction, id_: str, records: Sequence[CommandRecord]) -> None:
    batch = await tx.commands.batches.hold(id_)
    if batch is None:
        return
    ended = await _counting(tx, batch, records)
    if not ended:
        return
    after = batch.counted([each.state for each in ended], tx.now)
    if after.over:
        after = await _ended(tx, after)
    await tx.commands.batches.save(after)


async def _counting(tx: Transaction, batch: Batch, records: Sequence[CommandRecord]) -> list[CommandRecord]:
    """What is parked counts once, or not at all; what it becomes afterwards counts no more."""
    over = [each for each in records if each.over]
    if batch.on_parked is OnParked.WAIT:
        return over
    parked = [each for each in records if not each.over]
    new = await tx.commands.batches.add_parked(batch.id, [each.key for each in parked])
    before = await tx.commands.batches.parked(batch.id, [each.key for each in over]) if over else set()
    return [each for each in parked if each.key in new] + [each for each in over if each.key not in before]


async def _ended(tx: Transaction, batch: Batch) -> Batch:
    """An id that somebody has used for another command since is not called back."""
    callback = batch.calling_back()
    taken = await sent_on(tx, [callback], batch.sender) if callback else []
    after: dict[str, Json] = dict(batch.counts)
    if callback is not None:
        after["callback"] = name_of(callback.key)
    await record(
        tx, Action.COMMAND_BATCH_ENDED, ("command-batch", batch.id), after=after,
        outcome=Outcome.FAILURE if taken else Outcome.SUCCESS,
    )  # fmt: skip
    return batch.called(back=callback is not None and not taken)
