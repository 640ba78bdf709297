"""A rollout takes its course in memory: what its workflow would remember, and the steps that it would take."""

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from hypothesis.stateful import RuleBasedStateMachine, initialize

from adapters.memory.store import MemoryStore
from application.admission import Admission
from domain.approvals import ApprovalPolicy, Level
from domain.canonical import Json
from domain.changes import ChangeSet
from domain.errors import Refusal
from domain.gates import Verdict
from domain.people import Actor
from domain.rollouts import WAITING, Progress, State
from tests.world import ON, PRODUCTION, Clock, World, at_once, world_in

KEYS = ("checkout", "search")
FACTS = ("flags", "versions", "approvals", "votes", "rollouts", "transitions", "changes", "sets")


@dataclass
class Course:
    """What a workflow would remember of one rollout."""

    rollout: UUID
    key: str
    progress: Progress
    verdict: Verdict | None = None
    may_rise: bool = False
    ended: State | None = None
    done: list[Callable[[], Coroutine[Any, Any, object]]] = field(default_factory=list)


class Courses(RuleBasedStateMachine):
    """Two flags, the courses of their rollouts, and how each step of them is taken."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.store = MemoryStore(self.clock)
        self.world: World = at_once(world_in(self.store, self.clock))
        self.all: list[Course] = []
        self.steps = 0
        self.seen: dict[str, float] = {}

    @initialize()
    def begin(self) -> None:
        for key in KEYS:
            self.run(self.world.put(key=key))
            self.seen[key] = 0.0
        self.run(self.world.policy(ApprovalPolicy((Level(quorum=2),), reminders=())))

    def run(self, work: Awaitable[Any]) -> Any:
        """The answer, or None where a rule says no."""

        async def tried() -> Any:
            try:
                return await work
            except Refusal:
                return None

        return at_once(tried())

    def once(self, course: Course, what: str, do: Callable[[str], Coroutine[Any, Any, Any]]) -> Any:
        """A named step; one that was done can be played again, save one that only waits: it may go on the next time."""
        self.steps += 1
        name = f"{self.steps}:{what}"
        before = self.facts()
        answer = self.run(do(name))
        waits = isinstance(answer, Admission) and answer.state in WAITING
        if self.facts() != before and not waits:
            course.done.append(lambda: do(name))
        return answer

    def state(self, course: Course) -> State:
        return at_once(self.world.rollout(course.rollout)).state

    def judge(self, course: Course, verdict: Verdict) -> None:
        async def keep() -> None:
            async with self.store.transaction(self.world.tenant.id) as tx:
                rollout = await tx.rollouts.get(course.rollout, lock=True)
                assert rollout is not None
                await tx.rollouts.save(replace(rollout, verdict=verdict))

        at_once(keep())
        course.verdict = verdict

    # --- whose flags they are

    @property
    def author(self) -> Actor:
        return self.world.ada

    def proposed(self, key: str, plan: Json) -> Awaitable[ChangeSet]:
        flag = at_once(self.world.flag(key))
        assert flag is not None
        return self.world.propose(key=key, base_version=flag.version, plan=plan)

    def written_elsewhere(self, key: str, definition: Json) -> Coroutine[Any, Any, None]:
        return self.world.put(definition, key=key)

    def share(self, key: str) -> float:
        """Per cent of those who may be served, who are served `on`."""
        flag = at_once(self.world.flag(key))
        assert flag is not None
        return share_of(flag.definition)

    def check_restored(self, course: Course) -> None:
        """I5: what is served is what was stable."""
        rollout, flag = at_once(self.world.rollout(course.rollout)), at_once(self.world.flag(course.key))
        assert flag is not None
        stable = self.store._rows[self.world.tenant.id].versions[PRODUCTION, course.key, rollout.base_version]
        assert flag.definition == stable.definition

    def move(self, course: Course, state: State, cause: str) -> None:
        move, step = self.world.progression.move, self.world.step
        self.once(course, state.value, lambda name: move(step(course.rollout, name), state, cause))

    def facts(self) -> dict[str, Any]:
        rows = self.store._rows[self.world.tenant.id]
        return {name: getattr(rows.copied(), name) for name in FACTS}


def share_of(definition: Any) -> float:
    """Per cent of the subjects whom the definition serves `on`."""
    if definition == ON or definition["defaultVariant"] == "on":
        return 100.0
    rule = definition.get("targeting")
    return float(rule["fractional"][0][1] / 1000) if rule else 0.0
