"""What is done at every close of a kind is written down once, as a whole, and each version stays as it was used."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from application.ports.closures import ClosureTemplate
from application.ports.store import Store, Transaction
from application.recording import record
from domain.audit import Action
from domain.canonical import Json
from domain.closures import Template, parse_template
from domain.closures.templates import HERE
from domain.errors import Fault, Invalid, Missing, Stale
from domain.people import Actor, Permission

_ROLES = ("owner", "reviewer")


@dataclass(frozen=True)
class TemplateView:
    """`handles` are those of whoever has a task."""

    stored: ClosureTemplate
    handles: dict[UUID, str]


class Templates:
    """Each raises PermissionMissing, Missing, Invalid or Stale where it applies."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def put(self, actor: Actor, code: str, raw: Json, *, expected: int, reason: str) -> TemplateView:
        """Over the version that is expected, 0 for none; DependencyCycle, or SodViolation where one reviews oneself.

        People are named by handle or by id. The same over the version before gives the same answer again.
        """
        actor.require(Permission.PERIODS_MANAGE)
        tasks = raw.get("tasks") if isinstance(raw, dict) else None
        async with self._store.transaction(actor.tenant) as tx:
            template = parse_template({"code": code, "version": expected + 1, "tasks": await _with_ids(tx, tasks)})
            handles = await _handles(tx, [template])
            _check_people(template, handles)
            newest = await tx.closure_papers.template(code)
            if newest is not None and newest.template == template:
                return TemplateView(newest, handles)
            present = newest.template.version if newest else 0
            if present != expected:
                raise Stale(version=present, expected=expected)
            stored = ClosureTemplate(template, actor.id, tx.now, reason)
            await tx.closure_papers.put_template(stored)
            await record(tx, Action.CLOSURE_TEMPLATE_CHANGED, ("closure_template", code), actor=actor, reason=reason,
                         before=newest.template.to_json() if newest else None, after=template.to_json())  # fmt: skip
            return TemplateView(stored, handles)

    async def get(self, actor: Actor, code: str) -> TemplateView:
        actor.require(Permission.PERIODS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            found = await tx.closure_papers.template(code)
            if found is None:
                raise Missing(kind_of_thing="closure template", code=code)
            return TemplateView(found, await _handles(tx, [found.template]))

    async def page(self, actor: Actor, after: str, limit: int) -> list[TemplateView]:
        actor.require(Permission.PERIODS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            found = await tx.closure_papers.templates(after, limit)
            handles = await _handles(tx, [each.template for each in found])
            return [TemplateView(each, {who: handles[who] for who in _named(each.template) if who in handles})
                    for each in found]  # fmt: skip


async def _with_ids(tx: Transaction, tasks: Json) -> Json:
    """What names nobody stays as it is, and is a fault of the template."""
    if not isinstance(tasks, list):
        return tasks
    handles = {each.get(role) for each in tasks if isinstance(each, dict) for role in _ROLES}
    known = {}
    for handle in sorted(each for each in handles if isinstance(each, str) and not _is_id(each)):
        person = await tx.people.principal(handle)
        if person is not None:
            known[handle] = str(person.id)
    return [_renamed(each, known) if isinstance(each, dict) else each for each in tasks]


def _renamed(task: Json, known: dict[str, str]) -> Json:
    said = {role: task[role] for role in _ROLES if isinstance(task.get(role), str)}
    return {**task, **{role: known.get(who, who) for role, who in said.items()}}


def _is_id(said: str) -> bool:
    try:
        UUID(said)
    except ValueError:
        return False
    return True


def _named(template: Template) -> set[UUID]:
    return {who for task in template.tasks for who in (task.owner, task.reviewer) if who is not None}


async def _handles(tx: Transaction, templates: Iterable[Template]) -> dict[UUID, str]:
    named = {who for template in templates for who in _named(template)}
    return {person.id: person.handle for person in await tx.people.by_ids(sorted(named))}


def _check_people(template: Template, known: dict[UUID, str]) -> None:
    """Whoever has a task is here."""
    faults = [
        Fault(f"/tasks/{index}/{role}", HERE)
        for index, task in enumerate(template.tasks)
        for role, person in (("owner", task.owner), ("reviewer", task.reviewer))
        if person is not None and person not in known
    ]
    if faults:
        raise Invalid(faults)
