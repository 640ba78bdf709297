"""What would be in the way of each close of a series is told on any day; nothing is frozen and nothing is written."""

from dataclasses import dataclass

from application.closure_series.asking import CloseWish, members_of
from application.closures.prechecking import DryWish, Prechecking
from application.ports.store import Store
from domain.closures import CheckResult
from domain.closures.series import Member, in_hand
from domain.errors import Refusal, Unavailable
from domain.people import Actor, Permission


@dataclass(frozen=True)
class Tried:
    """`blockers` are checks that would be in the way; `refused` is the kind of what would not even begin."""

    member: Member
    blockers: tuple[CheckResult, ...] = ()
    refused: str | None = None


class Trying:
    def __init__(self, store: Store, prechecking: Prechecking) -> None:
        self._store = store
        self._prechecking = prechecking

    async def dry_run(self, actor: Actor, closes: tuple[CloseWish, ...]) -> list[Tried]:
        """Raises PermissionMissing, Missing, ScopeMissing, BooksMissing, Invalid."""
        actor.require(Permission.PERIODS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            members = await members_of(tx, closes)
        return [await self._tried(actor, members, each) for each in members]

    async def _tried(self, actor: Actor, members: tuple[Member, ...], member: Member) -> Tried:
        wish = DryWish(member.entity, member.period_code, member.mode, member.scopes)
        try:
            found = await self._prechecking.dry_run(actor, wish)
        except Unavailable:
            raise
        except Refusal as refusal:
            return Tried(member, refused=refusal.kind)
        ahead = in_hand(members, member.key)
        return Tried(member, tuple(each for each in found.blockers if not _taken_care_of(each, member, ahead)))


def _taken_care_of(result: CheckResult, member: Member, ahead: frozenset[str]) -> bool:
    """An earlier period is in nobody's way that the series closes first."""
    return result.check == "chronology" and ahead.issuperset(
        f"{member.entity}/{code}" for code in result.measured.values()
    )
