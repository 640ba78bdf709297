"""The rulebook as a subject of changes: what is stored must keep the new rules when they are to hold."""

from application.policies import decided
from application.ports.store import Transaction
from application.settings.meanings import author_of, change_of, check_version, told_difference
from application.settings.rulebook import check_rulebook, reach_of_rules, turn_everywhere, write_rulebook
from domain.approvals import ApprovalPolicy
from domain.canonical import Json
from domain.changes import ChangeSet, Kind, Reach
from domain.environments import Environment
from domain.rollouts import Rollout, StaleGeneration
from domain.settings import Rule, parse_rules


class RulebookSubject:
    """Every rule over several keys, in every environment at once."""

    async def check_base(self, tx: Transaction, change: ChangeSet, *, hold: bool = False) -> None:
        if hold:
            await turn_everywhere(tx)
        check_version(change, (await tx.settings.rulebook()).version)

    async def check_content(self, tx: Transaction, change: ChangeSet) -> None:
        at = await turn_everywhere(tx)
        await check_rulebook(tx, _rules(change), at)

    async def expose(self, tx: Transaction, rollout: Rollout, change: ChangeSet, stage: int) -> int:
        del stage  # there is one: rules have no shares
        await self.check_content(tx, change)
        before = await tx.settings.rulebook()
        if before.version != rollout.live_version:
            raise StaleGeneration(present_version=before.version, live_version=rollout.live_version)
        author = await author_of(tx, change)
        return (await write_rulebook(tx, author, _rules(change), before, change.reason, change.id)).version

    async def served(self, tx: Transaction, rollout: Rollout) -> bool:
        await turn_everywhere(tx)
        return (await tx.settings.rulebook()).version == rollout.live_version

    async def restore(self, tx: Transaction, rollout: Rollout) -> int:
        """RulesViolated where values were written since that break the earlier rules."""
        if rollout.live_version == rollout.base_version:
            return rollout.live_version
        at = await turn_everywhere(tx)
        change = await change_of(tx, rollout)
        present = await tx.settings.rulebook()
        earlier = parse_rules((await tx.settings.rulebook(rollout.base_version)).rules)
        await check_rulebook(tx, earlier, at)
        author = await author_of(tx, change)
        return (await write_rulebook(tx, author, earlier, present, f"rollback of {rollout.id}", change.id)).version

    async def asks(self, tx: Transaction, change: ChangeSet) -> tuple[Reach, ApprovalPolicy]:
        reach = await reach_of_rules(tx, _rules(change), await tx.settings.rulebook())
        return reach, await decided(tx, Environment, Kind.SETTING, reach)

    async def difference(self, tx: Transaction, change: ChangeSet) -> Json:
        base = await tx.settings.rulebook(change.target.base_version)
        return told_difference(change, {"rules": base.rules}, (await tx.settings.rulebook()).version)


def _rules(change: ChangeSet) -> tuple[Rule, ...]:
    return tuple(parse_rules(change.target.content["rules"]))
