"""One tenant with its people and every use case of the main job; time stands still until a test moves it."""

import secrets
from collections.abc import Coroutine
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self, TypeVar
from uuid import UUID, uuid4

from adapters.memory.identity import MemoryAssertions
from adapters.memory.metrics import ScriptedSource, Traffic, constant
from adapters.memory.secrets import MemorySealer
from adapters.memory.store import MemoryStore
from application.acting import Acting
from application.admission import Admission, Admitting
from application.approvals import Approvals, VoteWish
from application.auditing import Auditing
from application.balloting import Balloting, Counted
from application.changes import Changes, Proposal
from application.controls import Control, Controlling, Rollouts
from application.delegations import Delegations
from application.flags import Flags
from application.gating import Gating
from application.killing import KillSwitch
from application.notice_commands import DELIVER_NOTICE
from application.ports.commands import CommandFilter
from application.ports.records import AuditFilter, AuditRow, Notice, NoticeState, StoredFlag, Tenant
from application.ports.store import Store
from application.progression import Progression, Step
from application.restoring import Restoring
from application.settings.cases import SettingCases
from application.shared_rules import SharedRules
from application.submission import Submission, Submitted
from application.tenants import Tenants
from domain.approvals import Answer, ApprovalPolicy
from domain.canonical import Json
from domain.changes import ChangeSet, Kind
from domain.environments import Environment
from domain.gates import Verdict
from domain.people import Actor, PrincipalKind, Role
from domain.rollouts import Rollout, State, Transition, Verb
from tests.recorded import RecordingProcesses

STAGING, PRODUCTION = Environment.STAGING, Environment.PRODUCTION
OFF: Json = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
ON: Json = {**OFF, "defaultVariant": "on"}
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
PEOPLE = {
    "root": {Role.ADMIN},
    "ada": {Role.CONFIG_MANAGER},
    "abe": {Role.CONFIG_MANAGER, Role.APPROVER},
    "bob": {Role.APPROVER},
    "cyd": {Role.APPROVER},
    "dee": {Role.APPROVER},
    "eve": {Role.VIEWER},
    "olu": {Role.OPERATOR},
    "aud": {Role.AUDITOR},
}
T = TypeVar("T")


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """The result of work that never has to wait, as everything in memory."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]  # what the coroutine returned
    raise AssertionError("it waited for something")


class World:
    """`world.ada` is the actor with that handle; `world.clock` is moved by tests and read by the memory store."""

    def __init__(self, store: Store, tenant: Tenant, clock: "Clock") -> None:
        self.store, self.tenant, self.clock = store, tenant, clock
        self.people: dict[str, Actor] = {}
        self.assertions = MemoryAssertions(clock)
        self.acting = Acting(store, self.assertions, clock)
        self.balloting = Balloting(store, self.assertions)
        self.processes = RecordingProcesses(self.balloting, tenant.id)
        steady = {name: Traffic(constant(10.0), constant(0.01)) for name in ("on", "off")}
        began = START if isinstance(store, MemoryStore) else datetime.now(UTC) - timedelta(days=2)
        self.metrics = ScriptedSource(began, steady)
        self.flags, self.changes = Flags(store), Changes(store, self.metrics)
        self.shared_rules = SharedRules(store)
        self.submission = Submission(store, self.processes)
        self.setting = SettingCases.over(store, self.submission, MemorySealer())
        self.approvals = Approvals(store, self.processes, self.acting)
        self.progression, self.gating = Progression(store), Gating(store, self.metrics)
        self.restoring = Restoring(store)
        self.admitting = Admitting(store)
        self.rollouts = Rollouts(store, self.processes, self.acting)
        self.controlling = Controlling(store, self.assertions)
        self.kill_switch = KillSwitch(store, self.processes)
        self.tenants, self.delegations, self.auditing = Tenants(store), Delegations(store), Auditing(store)

    def __getattr__(self, handle: str) -> Actor:
        try:
            return self.__dict__["people"][handle]  # type: ignore[no-any-return]  # an Actor by its handle
        except KeyError:
            raise AttributeError(handle) from None

    async def settle_in(self) -> None:
        for handle, roles in PEOPLE.items():
            person = await self.tenants.admit_principal(
                self.tenant, handle, frozenset(roles), issuer="tests", email=f"{handle}@example.test"
            )
            self.people[handle] = person.actor
        shop = await self.tenants.admit_principal(
            self.tenant, "shop", frozenset({Role.CONFIG_MANAGER}), issuer="tests", kind=PrincipalKind.SERVICE
        )
        self.people["shop"] = shop.actor

    async def put(self, definition: Json = OFF, key: str = "checkout", environment: Environment = PRODUCTION) -> None:
        """Somebody else writes the next version, by whatever way."""
        async with self.store.transaction(self.tenant.id) as tx:
            present = await tx.flags.get(environment, key)
            version = present.version if present else 0
            flag = StoredFlag(environment, key, version + 1, definition, "elsewhere", None, tx.now)
            await tx.flags.put(flag, expected=version)

    async def policy(self, policy: ApprovalPolicy, environment: Environment = PRODUCTION) -> None:
        async with self.store.transaction(self.tenant.id) as tx:
            await tx.policies.put(environment, Kind.FLAG, policy)

    async def propose(self, actor: Actor | None = None, **given: Any) -> ChangeSet:
        proposal: dict[str, Any] = {
            "id": uuid4(), "environment": PRODUCTION, "key": "checkout", "content": ON, "base_version": 1,
            "plan": {}, "gates": None, "metrics": None, "reason": "sells more",
        }  # fmt: skip
        return await self.changes.propose(actor or self.ada, Proposal(**{**proposal, **given}))

    async def submit(self, **given: Any) -> Submitted:
        """A flag that is off, and a submitted change that turns it on."""
        if await self.flag(given.get("key", "checkout")) is None:
            await self.put(key=given.get("key", "checkout"))
        change = await self.propose(**given)
        return await self.submission.submit(given.get("actor") or self.ada, change.id)

    async def vote(self, handle: str, approval: UUID, answer: Answer = Answer.APPROVE, **wish: Any) -> None:
        wish.setdefault("reason", "looks right to me")
        await self.approvals.vote(self.people[handle], approval, VoteWish(answer, **wish))

    async def approved(self, **given: Any) -> Submitted:
        submitted = await self.submit(**given)
        await self.vote("bob", submitted.approval.id)
        await self.vote("cyd", submitted.approval.id)
        return submitted

    async def admit(self, rollout: UUID, name: str = "admit") -> Admission:
        return await self.admitting.admit(self.step(rollout, name))

    async def judged(self, rollout: UUID, verdict: Verdict | None = Verdict.PASS) -> None:
        """The gate of the present stage has just said so."""
        async with self.store.transaction(self.tenant.id) as tx:
            found = await tx.rollouts.get(rollout, lock=True)
            assert found is not None
            await tx.rollouts.save(replace(found, verdict=verdict))

    async def running(self, **given: Any) -> UUID:
        """A rollout that serves its first stage."""
        rollout = (await self.approved(**given)).rollout.id
        await self.admit(rollout)
        await self.progression.expose(self.step(rollout, "expose:0"), 0)
        return rollout

    async def control(self, handle: str, rollout: UUID, verb: Verb, name: str | None = None) -> State:
        """The act of an operator, from the API to where it takes effect."""
        await self.rollouts.control(self.people[handle], rollout, verb, "because I say so")
        assertion = self.processes.controls[-1][2]
        return await self.controlling.apply(self.act(rollout, verb, assertion, name))

    def act(self, rollout: UUID, verb: Verb, assertion: str, name: str | None = None) -> Control:
        return Control(self.tenant.id, rollout, verb, assertion, name or f"act:{uuid4()}", self.clock())

    def step(self, rollout: UUID, name: str | None = None) -> Step:
        return Step(rollout, self.tenant.id, name or f"step:{uuid4()}", self.clock())

    async def state(self, approval: UUID) -> Counted:
        return await self.balloting.state(self.tenant.id, approval)

    async def back(self, step: Step) -> State:
        """The way back to its end, with no instance that would have to take it up."""
        state = await self.restoring.restore(step)
        return await self.restoring.end(step) if state is State.ROLLING_BACK else state

    async def flag(self, key: str = "checkout") -> StoredFlag | None:
        async with self.store.transaction(self.tenant.id) as tx:
            return await tx.flags.get(PRODUCTION, key)

    async def rollout(self, rollout: UUID) -> Rollout:
        async with self.store.transaction(self.tenant.id) as tx:
            found = await tx.rollouts.get(rollout)
            assert found is not None
            return found

    async def timeline(self, rollout: UUID) -> list[Transition]:
        async with self.store.transaction(self.tenant.id) as tx:
            return await tx.rollouts.timeline(rollout)

    async def events(self, action: str | None = None, **narrow: Any) -> list[AuditRow]:
        """Oldest first."""
        async with self.store.transaction(self.tenant.id) as tx:
            return (await tx.audit.page(AuditFilter(action=action, **narrow), None, 10_000))[::-1]

    async def notices(self) -> list[Notice]:
        """Messages that wait for delivery, each with the command that carries it out."""
        async with self.store.transaction(self.tenant.id) as tx:
            sent = await tx.commands.page(CommandFilter(type=DELIVER_NOTICE), None, 10_000)
            found = [await tx.notices.get(UUID(each.command.id)) for each in sent]
        return [each for each in found if each is not None and each.state is NoticeState.DUE]

    async def told(self, template: str) -> set[str | None]:
        """Who is told by this template: handles, and None for the webhook."""
        wanted = {each.recipient for each in await self.notices() if each.template == template}
        async with self.store.transaction(self.tenant.id) as tx:
            people = await tx.people.by_ids([each for each in wanted if each])
        return {*(each.handle for each in people), *([None] if None in wanted else [])}


class Clock:
    """Calling it tells the time; adding to it passes time."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def __iadd__(self, passed: timedelta) -> Self:
        self.now += passed
        return self


async def world_in(store: Store, clock: Clock) -> World:
    tenant = await Tenants(store).admit_tenant(f"w-{secrets.token_hex(6)}", "A world")
    world = World(store, tenant, clock)
    await world.settle_in()
    return world
