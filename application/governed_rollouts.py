"""Where an approval policy governs itself, whom it asks are asked about the rollout policy beside it, too."""

from uuid import UUID

from application.acting import done as acted
from application.governed_policies import Was, drafted, taken_back
from application.locking.rules import rollout_policy
from application.locking.ruling import PolicyOf, RolloutPolicies
from application.policies import governs, set_policy
from application.policy_documents import policy_at, policy_version, rollouts_key
from application.ports.store import Store
from application.submission import Submission, Submitted
from domain.canonical import Json
from domain.changes import ChangeSet, Kind, Target
from domain.environments import Environment
from domain.people import Actor, Permission
from domain.rollouts.policy import parse_rollout_policy


class GovernedRolloutPolicies:
    def __init__(self, store: Store, submission: Submission) -> None:
        self._store = store
        self._submission = submission
        self._at_once = RolloutPolicies(store)

    async def get(self, actor: Actor, environment: Environment, kind: Kind) -> PolicyOf:
        return await self._at_once.get(actor, environment, kind)

    async def set(
        self, actor: Actor, place: tuple[Environment, Kind], raw: Json, *, expected: int, reason: str
    ) -> PolicyOf | Submitted:
        """Over the version that is expected; raises Invalid, Stale, or NothingChanges where a change would."""
        done = await self.replace(actor, place, raw, expected=expected, reason=reason)
        return await self._submission.submit(actor, done.id) if isinstance(done, ChangeSet) else done

    async def replace(
        self,
        actor: Actor,
        place: tuple[Environment, Kind],
        raw: Json,
        *,
        expected: int,
        reason: str,
        reverts: UUID | None = None,
    ) -> PolicyOf | ChangeSet:
        """The policy where it was set at once, or the draft of the change that is to be submitted."""
        actor.require(Permission.POLICY_MANAGE)
        environment, key = place[0], rollouts_key(*place)
        content = parse_rollout_policy(raw, environment).to_json()
        async with self._store.transaction(actor.tenant) as tx:
            if actor.request is not None and (known := await tx.changes.get(actor.request)) is not None:
                return known
            asked = await tx.release_rules.asked(actor.request) if actor.request else None
            repeated = asked is not None or await acted(tx, actor)
            present = await policy_version(tx, environment, key)
            was = Was(present, await policy_at(tx, environment, key, present))
            target = Target(environment, Kind.POLICY, key, expected, content)
            if not repeated and governs(await set_policy(tx, *place)):
                return await drafted(tx, actor, target, was, reason, reverts)
            if reverts is not None:
                if not repeated:
                    await taken_back(tx, actor, target, was, reason, reverts)
                return PolicyOf(*place, await policy_version(tx, environment, key), await rollout_policy(tx, *place))
        return await self._at_once.put(actor, place, content, expected=expected, reason=reason)
