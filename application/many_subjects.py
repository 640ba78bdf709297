"""Flags and values in one change: each is asked as its kind asks it, and all of them together decide."""

from collections.abc import Iterator, Sequence

from application.bases import check_bases, over_present, present_bases
from application.policies import decided
from application.ports.store import Transaction
from application.subjects import Examined
from application.tenancy.choosing import EVERYBODY, candidate, chosen
from domain.approvals import ApprovalPolicy, strictest
from domain.canonical import Json
from domain.changes import ChangeSet, Kind, Reach
from domain.errors import Fault, Invalid
from domain.pointers import escaped
from domain.rollouts import parse_plan
from domain.rollouts.reached import stages_of
from domain.settings import parse_setting_definition


class ManySubjects:
    """A flag alone is what it always was; so are values alone."""

    def __init__(self, flags: Examined, values: Examined) -> None:
        self._flags = flags
        self._values = values

    async def check_base(self, tx: Transaction, change: ChangeSet, *, hold: bool = False) -> None:
        """What another tenant has is no base: it is looked at when it is written over."""
        if change.content.tenants is None:
            await check_bases(tx, change, hold=hold)

    async def check_content(self, tx: Transaction, change: ChangeSet) -> None:
        if change.content.tenants is not None:
            await check_choice(tx, change)
            return
        present = await over_present(tx, change)
        for kind, subject in ((Kind.FLAG, self._flags), (Kind.SETTING, self._values)):
            if some := [each for each in present.content.targets if each.kind is kind]:
                await subject.check_content(tx, present.about(some))

    async def asks(self, tx: Transaction, change: ChangeSet) -> tuple[Reach, ApprovalPolicy]:
        """Of every kind that it has, what asks most."""
        if change.content.tenants is not None:
            return await _asked_for_others(tx, change)
        asked = [await subject.asks(tx, some) for subject, some in self._parted(await over_present(tx, change))]
        return together([reach for reach, _ in asked]), strictest(policy for _, policy in asked)

    async def difference(self, tx: Transaction, change: ChangeSet) -> Json:
        parted = list(self._parted(change))
        told = [await subject.difference(tx, some) for subject, some in parted]
        moved = (await present_bases(tx, change))[1] if change.content.tenants is None else []
        if len(told) == 1:
            return {**told[0], "moved": bool(moved)}
        lines = [line for (_, some), each in zip(parted, told, strict=True) for line in _named(some, each)]
        target = {**told[0]["target"], "kind": change.target.kind.value, "key": change.label}
        return {**told[0], "target": target, "moved": bool(moved), "changes": lines}

    def _parted(self, change: ChangeSet) -> Iterator[tuple[Examined, ChangeSet]]:
        """Each flag by itself, and all values together: rules look at all of them."""
        values = [each for each in change.content.targets if each.kind is Kind.SETTING]
        for target in change.content.targets:
            if target.kind is Kind.FLAG:
                yield self._flags, change.about([target])
        if values:
            yield self._values, change.about(values)


def together(reaches: Sequence[Reach]) -> Reach:
    """As far as all of them reach."""
    degrees = {degree for each in reaches for degree in each.sensitivities}
    return Reach(
        sum(each.scopes for each in reaches),
        sum(each.leaves for each in reaches),
        any(each.tenant_wide for each in reaches),
        tuple(sorted(degrees)),
        any(each.financial for each in reaches),
    )


async def check_choice(tx: Transaction, change: ChangeSet) -> int:
    """How many tenants are chosen now; Invalid where nobody is, or nobody could begin."""
    tenants = await chosen(tx, change.content.tenants)
    if not tenants:
        raise Invalid([Fault("/tenants", "no open tenant below this one is chosen")])
    plan = parse_plan(change.content.plan, change.target.environment)
    stages_of(plan, change.salt, [candidate(each) for each in tenants])
    return len(tenants)


async def _asked_for_others(tx: Transaction, change: ChangeSet) -> tuple[Reach, ApprovalPolicy]:
    """Every tenant is reached by every target; what a value means is what it means here."""
    everyone, reached = await chosen(tx, EVERYBODY), await chosen(tx, change.content.tenants)
    count, share = len(reached) * len(change.content.targets), len(reached) / max(1, len(everyone))
    keys = [each.content["key"] for each in change.content.targets if each.kind is Kind.SETTING]
    known = await tx.settings.definitions_of(keys)
    means = [parse_setting_definition(each.definition) for each in known.values()]
    degrees = tuple(sorted({each.sensitivity.value for each in means}))
    reach = Reach(
        count, count, tenant_wide=True, sensitivities=degrees, financial=any(each.financial for each in means),
        tenants=len(reached), tenant_share=share,
    )  # fmt: skip
    kinds = dict.fromkeys(each.kind for each in change.content.targets)
    return reach, strictest([await decided(tx, [change.target.environment], kind, reach) for kind in kinds])


def _named(change: ChangeSet, told: Json) -> list[Json]:
    """Lines of a flag are told below its key; those of values name theirs already."""
    if change.target.kind is Kind.SETTING:
        return list(told["changes"])
    return [{**line, "path": f"/{escaped(change.target.key)}{line['path']}"} for line in told["changes"]]
