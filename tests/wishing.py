"""Settings of one world, said in one line each; time goes on by a second after every write."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from application.settings.outcome import Outcome
from application.settings.reading import Question
from application.settings.wishes import Order, Wish
from domain.approvals import ApprovalPolicy, Level
from domain.canonical import Json
from domain.changes import Kind
from domain.environments import Environment
from domain.errors import Invalid
from domain.people import Actor
from domain.settings import EntryState, IncompatibleDefinition, Resolution, Scope
from tests.world import World

DEV, QA, STAGING = Environment.DEV, Environment.QA, Environment.STAGING
WHY = "because of the test"
SCOPES = ["tenant", "company", "site", "user"]
DE, BERLIN, ADA = "company:de", "company:de/site:berlin", "company:de/site:berlin/user:ada"


def wish(key: str, value: Json = None, scope: str = "", **more: Any) -> Wish:
    return Wish(key, Scope(scope), EntryState.SET, value, **more)


def unset(key: str, scope: str = "", **more: Any) -> Wish:
    return Wish(key, Scope(scope), EntryState.UNSET, **more)


async def define(world: World, key: str = "limit", kind: str = "integer", **fields: Any) -> None:
    definition = {"key": key, "type": kind, "scopes": SCOPES, **fields}
    await world.setting.definitions.create(world.ada, definition, WHY)


async def say(world: World, *wishes: Wish, actor: Actor | None = None, **more: Any) -> Outcome:
    order = Order(**{"environment": DEV, "wishes": wishes, "reason": WHY, **more})
    outcome = await world.setting.writes.write(actor or world.ada, order)
    world.clock += timedelta(seconds=1)
    return outcome


async def cancel(world: World, key: str, version: int, scope: str = "", actor: Actor | None = None) -> Outcome:
    outcome = await world.setting.writes.cancel(actor or world.ada, DEV, unset(key, scope, expected=version), WHY)
    world.clock += timedelta(seconds=1)
    return outcome


async def resolution(
    world: World, key: str = "limit", scope: str = "", as_of: datetime | None = None, environment: Environment = DEV
) -> Resolution:
    question = Question(environment, Scope(scope), as_of)
    return (await world.setting.reads.effective(world.eve, question, key)).resolution


async def value(world: World, key: str = "limit", scope: str = "", as_of: datetime | None = None) -> Json:
    return (await resolution(world, key, scope, as_of)).value


async def version(world: World, key: str = "limit", scope: str = "", environment: Environment = DEV) -> int:
    return (await world.setting.reads.stored(world.eve, environment, key, Scope(scope)))[1]


async def ungovern(world: World) -> None:
    """Nobody's approval is asked for, in no environment."""
    for environment in Environment:
        await govern(world, environment, 0)


async def govern(world: World, environment: Environment, levels: int) -> None:
    async with world.store.transaction(world.tenant.id) as tx:
        await tx.policies.put(environment, Kind.SETTING, ApprovalPolicy((Level(),) * levels))


async def rule(world: World, *rules: dict[str, Json], expected: int = 0) -> None:
    await ungovern(world)
    await world.setting.rules.replace(world.ada, list(rules), expected=expected, reason=WHY)


def paths(refused: pytest.ExceptionInfo[Invalid]) -> list[str]:
    return [fault.path for fault in refused.value.faults]


def conflicts(refusal: IncompatibleDefinition) -> list[str]:
    found = refusal.facts["conflicts"]
    assert isinstance(found, list)
    return found


def needs(key: str, other: str) -> dict[str, Json]:
    name = f"{key}-needs-{other}".replace(".", "-")
    return {"kind": "dependency", "name": name, "when": {"key": key}, "needs": [{"key": other}]}


def apart(*keys: str) -> dict[str, Json]:
    return {"kind": "conflict", "name": "apart", "between": [{"key": key} for key in keys]}
