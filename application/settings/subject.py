"""Settings as a subject of changes: all values of a change are looked at together."""

from datetime import datetime

from application.policies import decided
from application.ports.store import Transaction
from application.settings.carrying import plan_for, planned
from application.settings.overseeing import check_asked
from application.settings.plan import Pen, Plan
from application.settings.reaching import reach_of
from application.settings.targets import order_of
from domain.approvals import ApprovalPolicy
from domain.canonical import Json
from domain.changes import ChangeSet, Kind, Reach
from domain.settings import EntryState, Scope, shown


class SettingSubject:
    """Values at scopes of one environment."""

    async def check_content(self, tx: Transaction, change: ChangeSet) -> None:
        at = await tx.settings.lock(change.target.environment)
        await check_asked(tx, change, await planned(tx, _pen(change), order_of(change, at), at))

    async def asks(self, tx: Transaction, change: ChangeSet) -> tuple[Reach, ApprovalPolicy]:
        environment = change.target.environment
        at = await tx.settings.lock(environment)
        plan = await planned(tx, _pen(change), order_of(change, at), at)
        reach = reach_of(plan)
        return reach, await decided(tx, plan.environments, Kind.SETTING, reach)

    async def difference(self, tx: Transaction, change: ChangeSet) -> Json:
        target = change.target
        latest = await _latest(tx, change, tx.now)
        plan = await plan_for(tx, target.environment, order_of(change, tx.now).wishes, frozenset(), tx.now)
        return {
            "target": {"environment": target.environment.value, "kind": target.kind.value, "key": change.label},
            "base_version": target.base_version,
            "present_version": latest.get(_place(target.content), 0),
            "moved": any(latest.get(_place(each.content), 0) != each.base_version for each in change.content.targets),
            "changes": [_line(plan, each.key, each.content) for each in change.content.targets],
        }


def _pen(change: ChangeSet) -> Pen:
    return Pen(change.author, f"change:{change.id}", change=change.id)


def _place(content: Json) -> tuple[str, str]:
    return content["key"], content["scope"]


async def _latest(tx: Transaction, change: ChangeSet, at: datetime) -> dict[tuple[str, str], int]:
    wishes = order_of(change, at).wishes
    keys, scopes = {wish.key for wish in wishes}, {wish.scope.text for wish in wishes}
    return await tx.settings.latest(change.target.environment, keys, scopes)


def _line(plan: Plan, label: str, content: Json) -> Json:
    held = plan.house.held(content["key"], Scope.parse(content["scope"]))
    if "cancels" in content:
        ended = next((each.entry for each in held if each.entry.version == content["cancels"]), None)
        planned_for = {"before": shown(ended.value), "since": ended.since.isoformat()} if ended is not None else {}
        return {"op": "removed", "path": f"/{label}", **planned_for}
    present = next((each.entry for each in held if each.entry.covers(plan.at)), None)
    before = present is not None and present.state is EntryState.SET
    kept = {"before": shown(present.value)} if present is not None and before else {}
    after = {"after": shown(content["value"])} if content["state"] == EntryState.SET.value else {}
    op = "changed" if kept and after else "added" if after else "removed"
    return {"op": op, "path": f"/{label}", **kept, **after}
