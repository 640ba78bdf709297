"""A vote is counted by the database, in the transaction that also completes the level and the request."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from application.acting import proven
from application.closing import asked, close
from application.notices import tell, tell_level
from application.ports.identity import ActVerifier
from application.ports.records import Intent
from application.ports.store import Store, Transaction
from application.recording import record
from domain.approvals import Answer, Approval, ApprovalClosed, Ballot, DigestMismatch, Standing, Voter, check_reason
from domain.audit import Action, Outcome
from domain.canonical import Json
from domain.errors import Missing, Refusal, Unavailable
from domain.people import PrincipalKind
from domain.people.acts import Act
from domain.rollouts import State


@dataclass(frozen=True)
class Counted:
    """What the database holds after an act: enough for a workflow to go on, and no more."""

    standing: Standing
    ballots: tuple[Ballot, ...]
    level: int
    escalated: tuple[int, ...] = ()


@dataclass(frozen=True)
class Cast:
    """`assertion` proves who votes; `via` is `update` or `signal`."""

    tenant: UUID
    approval: UUID
    answer: Answer
    assertion: str
    via: str


class Balloting:
    def __init__(self, store: Store, verifier: ActVerifier) -> None:
        self._store = store
        self._verifier = verifier

    async def cast(self, vote: Cast) -> Counted:
        """Count one vote; every refusal is raised after it was written to the audit trail."""
        try:
            return await self._cast(vote)
        except Unavailable:
            raise  # nobody was refused: the same act may come again
        except Refusal as refusal:
            await self._refused(vote.tenant, vote.approval, refusal, vote.via)
            raise

    async def withdraw_vote(self, tenant: UUID, approval_id: UUID, assertion: str) -> Counted:
        """Take a vote back while its level is open; a refusal is raised after it was written to the audit trail."""
        try:
            return await self._withdraw_vote(tenant, approval_id, assertion)
        except Unavailable:
            raise
        except Refusal as refusal:
            await self._refused(tenant, approval_id, refusal, "update")
            raise

    async def _withdraw_vote(self, tenant: UUID, approval_id: UUID, assertion: str) -> Counted:
        async with self._store.transaction(tenant) as tx:
            approval = await locked(tx, approval_id)
            act, intent = await proven(tx, self._verifier, assertion, "withdraw_vote", approval_id)
            if intent.done:
                return await _counted(tx, approval_id)
            if approval.standing is not Standing.PENDING:
                raise ApprovalClosed(standing=approval.standing.value)
            approval.tally.check_withdrawal(act.actor)
            await tx.approvals.drop(approval_id, act.actor, "withdrawn")
            await tx.intents.done(act.id)
            await record(tx, Action.VOTE_WITHDRAWN, ("approval", approval_id), actor=act.actor, change=approval_id,
                         reason=str(intent.body.get("reason", "")))  # fmt: skip
            return await _counted(tx, approval_id)

    async def remind(self, tenant: UUID, approval_id: UUID, occasion: str) -> None:
        """Tell the approvers of the open level again; `occasion` names this reminder once and for all."""
        async with self._store.transaction(tenant) as tx:
            approval = await locked(tx, approval_id)
            if approval.standing is Standing.PENDING:
                said = await asked(tx, approval, occasion=occasion)
                await tell_level(tx, "approval_reminder", approval, said)
                if approval.tally.level in approval.escalated:
                    await _tell_fallback(tx, "approval_reminder", approval, said)

    async def escalate(self, tenant: UUID, approval_id: UUID, level: int) -> Counted:
        """Ask the fallback of a level that nobody has completed in half of its time; once."""
        async with self._store.transaction(tenant) as tx:
            approval = await locked(tx, approval_id)
            waits = approval.standing is Standing.PENDING and approval.tally.level == level
            if waits and level not in approval.escalated:
                await tx.approvals.escalate(approval_id, level)
                await record(tx, Action.APPROVAL_ESCALATED, ("approval", approval_id), change=approval_id,
                             after={"level": level + 1})  # fmt: skip
                said = await asked(tx, approval, occasion="escalated")
                await _tell_fallback(tx, "approval_requested", approval, said)
            return await _counted(tx, approval_id)

    async def expire(self, tenant: UUID, approval_id: UUID, at: datetime) -> Counted:
        """The end of the time; a vote that was counted first wins."""
        async with self._store.transaction(tenant) as tx:
            approval = await locked(tx, approval_id)
            if approval.standing is Standing.PENDING:
                await _close(tx, approval, Standing.EXPIRED, at=at)
                requester = [approval.authors[0], None]
                await tell(tx, "approval_expired", requester, await asked(tx, approval),
                           link=f"/changes/{approval_id}", seed=approval_id)  # fmt: skip
            return await _counted(tx, approval_id)

    async def state(self, tenant: UUID, approval_id: UUID) -> Counted:
        """What the database holds; closes a request that needs no vote, or whose kept votes suffice."""
        async with self._store.transaction(tenant) as tx:
            approval = await locked(tx, approval_id)
            if approval.standing is Standing.PENDING and approval.tally.standing is not Standing.PENDING:
                await _close(tx, approval, approval.tally.standing)
            return await _counted(tx, approval_id)

    async def _cast(self, vote: Cast) -> Counted:
        async with self._store.transaction(vote.tenant) as tx:
            approval = await locked(tx, vote.approval)
            act, intent = await proven(tx, self._verifier, vote.assertion, vote.answer.value, vote.approval)
            behalf = _behalf(intent)
            tally = approval.tally
            if act.digest != approval.digest:
                raise DigestMismatch(expected=approval.digest)
            if intent.done or tally.holds(act.actor, vote.answer, act.digest, behalf):  # this act, tried again
                return await _counted(tx, vote.approval)
            if approval.standing is not Standing.PENDING:
                raise ApprovalClosed(standing=approval.standing.value)
            tally.check(act.actor, act.digest, behalf)
            entitled = await _check_people(tx, approval, act, behalf)
            check_reason(vote.answer, _reason(intent))
            ballot = Ballot(act.actor, tally.level, vote.answer, approval.digest, behalf, tally.by_escalation(entitled))
            await self._count(tx, approval, vote, ballot, intent)
            await tx.intents.done(act.id)
            return await _counted(tx, vote.approval)

    async def _count(self, tx: Transaction, approval: Approval, vote: Cast, ballot: Ballot, intent: Intent) -> None:
        behalf, level = ballot.behalf, ballot.level
        await tx.approvals.cast(approval.id, ballot, author=approval.authors[0], reason=_reason(intent), via=vote.via)
        after = replace(approval, ballots=(*approval.ballots, ballot))
        said = {"answer": vote.answer.value, "level": level + 1, "via": vote.via}
        how: dict[str, Json] = {"on_behalf_of": str(behalf)} if behalf else {}
        if ballot.escalated:
            how["escalated"] = True
        await record(tx, Action.VOTE_CAST, ("approval", approval.id), actor=ballot.voter, change=approval.id,
                     reason=_reason(intent) or None, after={**said, **how})  # fmt: skip
        if after.tally.level > level:
            await tx.approvals.open_level(approval.id, tx.now)
            await record(tx, Action.APPROVAL_LEVEL_COMPLETED, ("approval", approval.id), actor=ballot.voter,
                         change=approval.id, after={"level": level + 1})  # fmt: skip
            await tell_level(tx, "approval_requested", after, await asked(tx, after))
        if after.tally.standing is not Standing.PENDING:
            await _close(tx, after, after.tally.standing)

    async def _refused(self, tenant: UUID, approval_id: UUID, refusal: Refusal, via: str) -> None:
        async with self._store.transaction(tenant) as tx:
            await record(tx, Action.VOTE_REFUSED, ("approval", approval_id), outcome=Outcome.DENIED,
                         change=approval_id, after={"refusal": refusal.kind, "via": via})  # fmt: skip


async def locked(tx: Transaction, approval_id: UUID) -> Approval:
    approval = await tx.approvals.get(approval_id, lock=True)
    if approval is None:
        raise Missing(kind_of_thing="approval", id=str(approval_id))
    return approval


async def _check_people(tx: Transaction, approval: Approval, act: Act, behalf: UUID | None) -> Voter:
    """Whoever's right it is that is used."""
    voter = await _present(tx, act.actor)
    giver = await _present(tx, behalf) if behalf else None
    if behalf is not None and not await tx.people.delegated(behalf, act.actor, tx.now):
        giver = None
        voter = replace(voter, roles=frozenset(), may_approve=False)
    approval.tally.check_voter(voter, giver)
    return giver or voter


async def _present(tx: Transaction, principal: UUID) -> Voter:
    actor = await tx.people.actor(principal)
    if actor is None:
        raise Missing(kind_of_thing="principal", id=str(principal))
    return Voter.of(actor)


async def _close(tx: Transaction, approval: Approval, standing: Standing, *, at: datetime | None = None) -> None:
    await close(tx, approval, standing, at=at)
    if standing in {Standing.APPROVED, Standing.REJECTED}:
        facts = await asked(tx, approval, outcome=standing.value.lower())
        await tell(tx, "approval_decided", [approval.authors[0], None], facts,
                   link=f"/changes/{approval.id}", seed=approval.id)  # fmt: skip


async def _counted(tx: Transaction, approval_id: UUID) -> Counted:
    approval = await locked(tx, approval_id)
    return Counted(approval.standing, approval.ballots, approval.tally.level, approval.escalated)


async def _tell_fallback(tx: Transaction, template: str, approval: Approval, said: dict[str, str]) -> None:
    level = approval.tally.level
    fallback = approval.policy.levels[level].escalates_to
    people = [
        person.id
        for person in await tx.people.all()
        if fallback is not None and person.kind is PrincipalKind.HUMAN and person.id not in approval.authors
        and Voter.of(person.actor).stands_in(fallback)
    ]  # fmt: skip
    named = {**said, "level": str(level + 1)}
    await tell(tx, template, people, named, link=f"/approvals/{approval.id}", seed=approval.id)


def _behalf(intent: Intent) -> UUID | None:
    given = intent.body.get("behalf")
    return UUID(given) if given else None


def _reason(intent: Intent) -> str:
    return str(intent.body.get("reason") or "")


ENDS = {
    Standing.REJECTED: State.REJECTED,
    Standing.EXPIRED: State.EXPIRED,
    Standing.WITHDRAWN: State.WITHDRAWN,
    Standing.INVALIDATED: State.INVALIDATED,
}
"""How a rollout ends whose approval ended so."""
