"""What a change wrote at a place gives way to what was before it."""

from collections.abc import Sequence

from application.ports.settings import StoredEntry
from application.ports.store import Transaction
from application.settings.carrying import everything_held
from application.settings.past import held_before
from application.settings.plan import Pen, Plan
from application.settings.wishes import Wish
from domain.settings import EntryState, Rewrite, cancelled, inserted


async def put_back(tx: Transaction, plan: Plan, pen: Pen, wish: Wish, ours: Sequence[StoredEntry]) -> Rewrite:
    """What was planned never begins; what holds gives way to what was before it; what was cancelled is planned."""
    if wish.cancels is not None:
        return await _planned_again(tx, plan, pen, wish, wish.cancels)
    written = next(each.entry for each in ours if (each.key, each.scope) == (wish.key, wish.scope.text))
    held = await everything_held(tx, plan, wish)
    fresh = plan.latest.get((wish.key, wish.scope.text), 0) + 1
    if written.since > plan.at:
        return cancelled(held, written.version, plan.at, fresh=fresh)
    before = await held_before(tx, plan.house.environment, wish.key, wish.scope.text, written)
    again = Wish(wish.key, wish.scope, EntryState.UNSET)
    if before is not None and (before.meant_until is None or before.meant_until > plan.at):
        again = Wish(
            wish.key, wish.scope, before.state, before.value, before.enforced,
            before.constraint.to_json() if before.constraint else None, until=before.meant_until,
        )  # fmt: skip
    entry = plan.entry(pen, again, f"as it was before version {written.version}")
    return inserted(plan.house.held(wish.key, wish.scope), entry, plan.at)


async def _planned_again(tx: Transaction, plan: Plan, pen: Pen, wish: Wish, version: int) -> Rewrite:
    """Nothing where its time is over by now."""
    found = await tx.settings.history(plan.house.environment, wish.key, wish.scope.text, version + 1, 1)
    was = found[0].entry
    if was.meant_until is not None and was.meant_until <= plan.at:
        return Rewrite((), ())
    again = Wish(
        wish.key, wish.scope, was.state, was.value, was.enforced, was.constraint.to_json() if was.constraint else None,
        None, was.since, was.meant_until,
    )  # fmt: skip
    entry = plan.entry(pen, again, f"planned again as version {version} was")
    return inserted(plan.house.held(wish.key, wish.scope), entry, plan.at)
