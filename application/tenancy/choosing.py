"""The tenants below this one that a change is for: open ones, however deep they stand."""

from application.ports.store import Transaction
from application.ports.tenants import TenantFilter
from domain.canonical import Json
from domain.changes import TenantChoice
from domain.rollouts.reached import Candidate
from domain.tenants import Status, Tenancy

EVERYBODY: Json = {"all": True}
_PAGE = 500


async def chosen(tx: Transaction, choice: Json) -> list[Tenancy]:
    """By slug. One below a tenant that is closed is closed."""
    everyone = await _below(tx)
    closed = {each.id for each in everyone if each.status is not Status.ACTIVE}
    wanted = TenantChoice.of(choice)
    return [
        each
        for each in everyone
        if each.id not in closed
        and closed.isdisjoint(each.ancestors)
        and wanted.takes(each.slug, each.tier.value, each.labels)
    ]


def candidate(tenancy: Tenancy) -> Candidate:
    return Candidate(tenancy.slug, tenancy.tier.value, tenancy.labels)


async def _below(tx: Transaction) -> list[Tenancy]:
    found: list[Tenancy] = []
    while page := await tx.tenants.page(TenantFilter(), found[-1].slug if found else "", _PAGE):
        found += page
    return [each for each in found if each.id != tx.tenant]
