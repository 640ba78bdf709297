"""A newer rollout takes over what an older one serves, with the way back to what was there before either."""

from dataclasses import replace
from uuid import UUID

from application.ports.store import Transaction
from domain.rollouts import Rollout
from domain.rollouts.parts import Part, PartState


async def hand_over(tx: Transaction, old: Rollout, new: Rollout) -> None:
    """Both have their parts; nothing is written anew until the new one exposes its stage."""
    theirs = {each.place: each for each in await tx.parts.of(old.id) if each.written}
    mine = {each.place: each for each in await tx.parts.of(new.id)}
    await tx.parts.save(
        *(
            replace(
                mine[place], base_version=each.base_version, live_version=each.live_version, stage=each.stage,
                state=PartState.PENDING, revision=each.revision, held={"changes": [*_earlier(each), str(old.change)]},
            )
            for place, each in theirs.items()
            if place in mine
        ),
        *(replace(each, state=PartState.ACCEPTED, why=f"taken over by {new.id}") for each in theirs.values()),
    )  # fmt: skip


async def predecessor(tx: Transaction, new: Rollout) -> UUID | None:
    """The rollout that it took over from, where that had written anything."""
    changes = (_earlier(each) for each in await tx.parts.of(new.id))
    return next((UUID(each[-1]) for each in changes if each), None)


def _earlier(part: Part) -> list[str]:
    return part.held.get("changes", []) if isinstance(part.held, dict) else []
