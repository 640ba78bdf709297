"""What one person may not do to commands alone is put to others, by the policy of command repairs."""

from dataclasses import dataclass
from uuid import UUID, uuid4

from application.asked import Asked
from application.ports.store import Transaction
from application.voted import voted_on
from domain.approvals import ApprovalPolicy
from domain.canonical import Json
from domain.changes import ChangeSet, ChangeStatus, Content, Kind, Reach, Target
from domain.environments import Environment
from domain.people import Actor
from domain.rollouts import Strategy, default_plan


@dataclass(frozen=True)
class Question:
    """`subject` is what it is about, as "ledger/42" or the id of a bulk; `words` are what people read in a list.

    The votes are bound to `content`, which every reader of changes sees: it holds digests, and no payload.
    """

    subject: str
    words: str
    content: Json
    reason: str
    money: bool = False


async def policy_of(tx: Transaction, *, money: bool) -> ApprovalPolicy | None:
    """Whom the tenant asks about it; None where nobody is asked."""
    policy = await tx.policies.get(Environment.PRODUCTION, Kind.COMMAND_REPAIR)
    decided = policy.decided(_reach(money=money))
    return decided if decided.levels else None


async def chosen(tx: Transaction) -> bool:
    """Whether the tenant has said whom it asks, or the default holds."""
    return await tx.policies.version(Environment.PRODUCTION, Kind.COMMAND_REPAIR) > 0


async def ask_another(tx: Transaction, actor: Actor, question: Question) -> UUID | None:
    """The approval that it waits for, which is open; None where nobody is asked. The asker does not vote."""
    policy = await policy_of(tx, money=question.money)
    if policy is None:
        return None
    target = Target(Environment.PRODUCTION, Kind.COMMAND_REPAIR, question.subject, 0, question.content)
    whole = Content((target,), default_plan(Environment.PRODUCTION, Strategy.DIRECT).to_json(), None, None)
    change = ChangeSet(
        uuid4(), tx.tenant, actor.id, whole, whole.digest, question.reason, tx.now, reach=_reach(money=question.money),
        status=ChangeStatus.SUBMITTED,
    )  # fmt: skip
    await voted_on(tx, change, policy, question.words, {"subject": question.subject})
    return change.id


async def asked_by(tx: Transaction, approval_id: UUID, words: str) -> Asked | None:
    """The request as the workflow that waits for its answer needs it."""
    found = await tx.approvals.get(approval_id)
    if found is None:
        return None
    return Asked(found.id, found.digest, found.authors, found.policy, words, found.opened_at)


def _reach(*, money: bool) -> Reach:
    return Reach(scopes=1, leaves=1, tenant_wide=False, financial=money)
