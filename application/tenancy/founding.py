"""A tenant begins below another with its first administrator, and with what a template of its parent says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import uuid4

from application.ports.installation import Newcomer
from application.ports.store import Transaction
from application.recording import record
from application.tenancy.inheriting import hold
from application.tenancy.templates import existing_template, furnish
from domain.audit import Action
from domain.errors import Conflict, Fault, Missing
from domain.people import Actor, Principal
from domain.tenants import (
    MOST_ABOVE,
    Quota,
    Status,
    Tenancy,
    TenantNameTaken,
    Tier,
    TreeTooDeep,
    check_profile,
    check_slug,
    check_within,
)


class PersonKnown(Conflict):
    """Somebody here has this handle, or is known by this issuer and subject."""

    kind = "person-known"


@dataclass(frozen=True)
class Founding:
    """What a person asks for: `parent` is the slug of the actor's own tenant unless it names one below.

    `admin` is named by issuer and subject; their role is Admin.
    """

    slug: str
    name: str
    tier: Tier
    admin: Newcomer
    reason: str
    quotas: Mapping[Quota, int] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    parent: str | None = None
    template: str | None = None


async def found(tx: Transaction, actor: Actor, founding: Founding) -> Tenancy:
    """All of it in this transaction, and told in both trails."""
    check_slug(founding.slug)
    check_profile(founding.name, founding.quotas, founding.labels)
    known = await tx.tenants.find(founding.slug)
    if known is not None and known.id == actor.request:
        return known
    if known is not None:
        raise TenantNameTaken(tenant=founding.slug)
    parent = await _parent(tx, founding.parent)
    check_within(parent.limits, founding.tier, founding.quotas)
    new = Tenancy(
        id=actor.request or uuid4(),
        slug=founding.slug,
        name=founding.name,
        created_at=tx.now,
        tier=founding.tier,
        quotas=dict(founding.quotas),
        labels=dict(founding.labels),
        parent=parent.slug,
        ancestors=(*parent.ancestors, parent.id),
    )
    if len(new.ancestors) > MOST_ABOVE:
        raise TreeTooDeep([Fault("/parent", f"a tenant with at most {MOST_ABOVE - 1} above it")])
    template = None if founding.template is None else await existing_template(tx, founding.template)
    await tx.tenants.found(new)
    told = {**new.told(), "parent": parent.slug, "template": template and f"{template.name}:{template.version}"}
    await record(tx, Action.TENANT_CREATED, ("tenant", new.slug), actor=actor, reason=founding.reason, after=told)
    async with tx.within(new.id) as inside:
        await record(inside, Action.TENANT_CREATED, ("tenant", new.slug), actor=actor, reason=founding.reason,
                     after=told)  # fmt: skip
        await admit(inside, actor, founding.admin, founding.reason)
        if template is not None:
            await furnish(inside, actor, template, founding.reason)
    await hold(tx, actor, parent, new)
    if template is not None:
        await record(tx, Action.TEMPLATE_APPLIED, ("tenant_template", template.name), actor=actor,
                     reason=founding.reason, after={"version": template.version, "tenant": new.slug})  # fmt: skip
    return new


async def _parent(tx: Transaction, slug: str | None) -> Tenancy:
    """One that is open, with what is above it."""
    parent = await tx.tenants.own() if slug is None else await tx.tenants.find(slug)
    if parent is None:
        raise Missing(kind_of_thing="tenant", id=slug)
    async with tx.within(parent.id) as inside:
        if await inside.tenants.standing() is Status.DELETED:
            raise Missing(kind_of_thing="tenant", id=parent.slug)
    return parent


async def admit(inside: Transaction, actor: Actor, newcomer: Newcomer, reason: str) -> Principal:
    """Whoever is named by issuer and subject, once however often one request asks for it; PersonKnown."""
    known = await inside.people.principal(newcomer.handle)
    if known is not None and known.id == actor.request:
        return known
    issuer, subject = newcomer.issuer or "", newcomer.subject or newcomer.handle
    if known is not None or any((each.issuer, each.subject) == (issuer, subject) for each in await inside.people.all()):
        raise PersonKnown(handle=newcomer.handle)
    person = Principal(
        inside.tenant, actor.request or uuid4(), issuer, subject, newcomer.handle, newcomer.kind, newcomer.email,
        newcomer.roles,
    )  # fmt: skip
    await inside.people.admit(person)
    roles = sorted(role.value for role in person.roles)
    await record(inside, Action.PRINCIPAL_ADMITTED, ("principal", person.id), actor=actor, reason=reason,
                 after={"handle": person.handle, "kind": person.kind.value, "roles": roles, "issuer": issuer,
                        "subject": subject})  # fmt: skip
    return person
