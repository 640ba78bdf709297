"""Definitions as a subject of changes: a new one is tried against everything stored when it is to hold."""

from application.policies import decided
from application.ports.settings import StoredDefinition
from application.ports.store import Transaction
from application.settings.definitions import check_fits, existing_definition, reach_of_definition, write_definition
from application.settings.driving import check_rest
from application.settings.meanings import author_of, change_of, check_version, told_difference
from application.settings.rulebook import turn_everywhere
from domain.approvals import ApprovalPolicy
from domain.canonical import Json
from domain.changes import ChangeSet, Kind, Reach
from domain.environments import Environment
from domain.rollouts import Rollout, StaleGeneration
from domain.settings import parse_setting_definition


class DefinitionSubject:
    """What one key means, in every environment at once."""

    async def check_base(self, tx: Transaction, change: ChangeSet, *, hold: bool = False) -> None:
        if hold:
            await turn_everywhere(tx)
        check_version(change, (await existing_definition(tx, _key(change), lock=hold)).version)

    async def check_content(self, tx: Transaction, change: ChangeSet) -> None:
        at = await turn_everywhere(tx)
        before = await existing_definition(tx, _key(change))
        old = parse_setting_definition(before.definition)
        await check_rest(tx, [old])
        await check_fits(tx, parse_setting_definition(change.target.content), old, at)

    async def expose(self, tx: Transaction, rollout: Rollout, change: ChangeSet, stage: int) -> int:
        del stage  # there is one: a definition has no shares
        await self.check_content(tx, change)
        before = await existing_definition(tx, _key(change), lock=True)
        if before.version != rollout.live_version:
            raise StaleGeneration(present_version=before.version, live_version=rollout.live_version)
        definition, author = parse_setting_definition(change.target.content), await author_of(tx, change)
        return (await write_definition(tx, author, definition, before, change.reason, change.id)).version

    async def served(self, tx: Transaction, rollout: Rollout) -> bool:
        await turn_everywhere(tx)
        key = _key(await change_of(tx, rollout))
        return (await existing_definition(tx, key, lock=True)).version == rollout.live_version

    async def restore(self, tx: Transaction, rollout: Rollout) -> int:
        """IncompatibleDefinition where values were written since that the earlier definition would not take."""
        if rollout.live_version == rollout.base_version:
            return rollout.live_version
        at = await turn_everywhere(tx)
        change = await change_of(tx, rollout)
        present = await existing_definition(tx, _key(change), lock=True)
        earlier = parse_setting_definition((await _version(tx, _key(change), rollout.base_version)).definition)
        await check_fits(tx, earlier, parse_setting_definition(present.definition), at)
        author = await author_of(tx, change)
        return (await write_definition(tx, author, earlier, present, f"rollback of {rollout.id}", change.id)).version

    async def asks(self, tx: Transaction, change: ChangeSet) -> tuple[Reach, ApprovalPolicy]:
        at = await turn_everywhere(tx)
        old = parse_setting_definition((await existing_definition(tx, _key(change))).definition)
        reach = await reach_of_definition(tx, parse_setting_definition(change.target.content), old, at)
        return reach, await decided(tx, Environment, Kind.SETTING, reach)

    async def difference(self, tx: Transaction, change: ChangeSet) -> Json:
        base = await _version(tx, _key(change), change.target.base_version)
        return told_difference(change, base.definition, (await existing_definition(tx, _key(change))).version)


def _key(change: ChangeSet) -> str:
    return str(change.target.content["key"])


async def _version(tx: Transaction, key: str, version: int) -> StoredDefinition:
    return (await tx.settings.definition_versions(key, version + 1, 1))[0]
