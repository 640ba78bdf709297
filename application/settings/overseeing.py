"""Who falls back to a value has a say in its change; whether they were asked is looked at again before it is served."""

from application.policies import decided
from application.ports.store import Transaction
from application.settings.plan import Plan
from application.settings.reaching import reach_of
from domain.approvals import strictness
from domain.changes import ChangeSet, Kind
from domain.errors import Conflict


class AskedTooFew(Conflict):
    """Meanwhile another environment falls back to this, and wants more approval than was given."""

    kind = "asked-too-few"


async def check_asked(tx: Transaction, change: ChangeSet, plan: Plan) -> None:
    """Raises AskedTooFew. An environment's own policy is the one that stood when its people were asked."""
    beyond = plan.environments[1:]
    approval = await tx.approvals.get(change.id) if beyond else None
    if approval is None:
        return
    wanted = await decided(tx, beyond, Kind.SETTING, reach_of(plan))
    if strictness(wanted.levels) > strictness(approval.policy.levels):
        raise AskedTooFew(change=str(change.id), environments=[each.value for each in beyond])
