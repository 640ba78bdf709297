"""A parent keeps templates by name, every version of them, and a tenant that is made from one has all that it says."""

from application.events.telling import tell_definition
from application.ports.settings import StoredDefinition
from application.ports.store import Store, Transaction
from application.ports.tenants import StoredTemplate
from application.recording import record
from application.settings.arriving import planned_arrival
from application.settings.carrying import carried_out
from application.settings.plan import Pen
from application.settings.rulebook import turn_everywhere
from application.tenancy.contents import TemplateContent, arrival_of, parse_content
from domain.audit import Action
from domain.canonical import Json
from domain.environments import Environment
from domain.errors import Missing, Stale
from domain.people import Actor, Permission


class TenantTemplateCases:
    """Each raises PermissionMissing, or Missing where there is no such template."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def put(self, actor: Actor, name: str, raw: Json, *, expected: int, reason: str) -> StoredTemplate:
        """The next version over `expected`, 0 for the first; Invalid, Stale or QuotaExceeded."""
        actor.require(Permission.TENANTS_MANAGE)
        content = parse_content(raw)
        async with self._store.transaction(actor.tenant) as tx:
            if actor.request and (written := await tx.tenant_templates.asked(actor.request)):
                return written
            before = await tx.tenant_templates.get(name)
            version = before.version if before else 0
            if version != expected:
                raise Stale(version=version, expected=expected)
            template = StoredTemplate(name, version + 1, content.to_json(), actor.id, tx.now, reason, actor.request)
            await tx.tenant_templates.put(template)
            await record(tx, Action.TEMPLATE_CHANGED, ("tenant_template", name), actor=actor, reason=reason,
                         before={"version": version} if before else None,
                         after={"version": template.version, **_summary(content)})  # fmt: skip
            return template

    async def get(self, actor: Actor, name: str, version: int | None = None) -> StoredTemplate:
        actor.require(Permission.TENANTS_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            return await existing_template(tx, name, version)

    async def page(self, actor: Actor, after: str, limit: int) -> list[StoredTemplate]:
        """The newest version of each, by name."""
        actor.require(Permission.TENANTS_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            return await tx.tenant_templates.page(after, limit)

    async def versions(self, actor: Actor, name: str, before: int, limit: int) -> list[StoredTemplate]:
        actor.require(Permission.TENANTS_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            await existing_template(tx, name)
            return await tx.tenant_templates.versions(name, before, limit)


async def existing_template(tx: Transaction, name: str, version: int | None = None) -> StoredTemplate:
    found = await tx.tenant_templates.get(name, version)
    if found is None:
        raise Missing(kind_of_thing="tenant_template", name=name)
    return found


async def furnish(inside: Transaction, actor: Actor, template: StoredTemplate, reason: str) -> None:
    """In a tenant that has nothing yet: definitions, then values, then policies, as if all were written by hand."""
    content = parse_content(template.content)
    at = await turn_everywhere(inside)
    for key, definition in sorted(content.definitions.items()):
        whole = definition.to_json()
        await inside.settings.put_definition(StoredDefinition(key, 1, whole, actor.id, inside.now), expected=0)
        await record(inside, Action.SETTING_DEFINED, ("setting_definition", key), actor=actor, reason=reason,
                     after={"version": 1, "definition": whole})  # fmt: skip
        await tell_definition(inside, actor, key, 1)
    pen = Pen(actor.id, f"template:{template.name}:{template.version}", actor)
    for bundle in content.bundles:
        arrival = arrival_of(bundle, content, reason, at)
        await carried_out(inside, pen, await planned_arrival(inside, pen, arrival), reason)
    for environment in Environment:
        await inside.settings.bump(environment)
    for (environment, kind), policy in sorted(content.policies.items()):
        await inside.policies.put(environment, kind, policy)
        await record(inside, Action.POLICY_CHANGED, ("policy", f"{environment.value}/{kind.value}"), actor=actor,
                     reason=reason, after=policy.to_json())  # fmt: skip
    await record(inside, Action.TEMPLATE_APPLIED, ("tenant_template", template.name), actor=actor, reason=reason,
                 after={"version": template.version, **_summary(content)})  # fmt: skip


def _summary(content: TemplateContent) -> dict[str, Json]:
    return {
        "definitions": len(content.definitions),
        "values": {bundle.environment.value: len(bundle.lines) for bundle in content.bundles},
        "policies": sorted(f"{environment.value}/{kind.value}" for environment, kind in content.policies),
    }
