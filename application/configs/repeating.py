"""A promotion that is asked for again tells what it did, whatever has happened since."""

from dataclasses import dataclass

from application.configs.naming import ROOT
from application.ports.store import Transaction
from application.settings.house import continued
from application.settings.outcome import Outcome
from application.settings.past import held_before
from application.settings.targets import order_of
from domain.environments import Environment
from domain.settings import Entry, parse_constraint


@dataclass(frozen=True)
class Written:
    """What a key said in the target, and what it was made to say, or is to be made to say."""

    key: str
    before: Entry | None
    after: Entry


async def written_again(tx: Transaction, target: Environment, done: Outcome) -> list[Written]:
    if done.submitted is None:
        entries = {each.key: each.entry for each in done.entries if continued(each) is None}
        return [Written(key, await held_before(tx, target, key, ROOT.text, entry), entry)
                for key, entry in entries.items()]  # fmt: skip
    found = []
    for wish in order_of(done.submitted.change, tx.now).wishes:
        over = wish.expected or 0
        older = await tx.settings.history(target, wish.key, ROOT.text, over + 1, 1)
        constraint = None if wish.constraint is None else parse_constraint(wish.constraint)
        after = Entry(
            over + 1, wish.state, wish.value, wish.enforced, constraint, tx.now, wish.until, None, tx.now,
            done.submitted.change.id, "", wish.until,
        )  # fmt: skip
        found.append(Written(wish.key, older[0].entry if older else None, after))
    return found
