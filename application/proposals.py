"""What a client asks for becomes a draft that is checked as a whole: every target by its kind, all faults at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar
from uuid import UUID

from application.drafts.content import Checked, checked_targets
from application.drafts.gates import gates_of, metrics_of
from application.drafts.others import check_others
from application.drafts.wanted import Wanted
from application.going_before import check_before
from application.ports.store import Transaction
from domain.canonical import Json
from domain.changes import ChangeSet, Content, Kind, TenantChoice
from domain.environments import Environment
from domain.errors import Fault, Invalid
from domain.flags import SHARED_RULES, WHOLE
from domain.people import Actor, Permission
from domain.rollouts import CohortMode, Plan, Strategy, check_moments, parse_plan
from domain.tenants import Tier

LEAST_REASON = 3
MOST_REASON = 2000
MOST_TARGETS = 100
T = TypeVar("T")


@dataclass(frozen=True)
class Proposal:
    """`id` makes asking twice the same as asking once.

    Of one flag `key`, `content` and `base_version` say what is wanted; otherwise `targets` do, in their order.
    `tenants` chooses those below that receive it.
    """

    id: UUID
    environment: Environment
    key: str
    content: Json
    base_version: int
    plan: Json
    gates: Json
    metrics: Json
    reason: str
    ticket: str | None = None
    contributors: tuple[UUID, ...] = ()
    supersedes: UUID | None = None
    reverts: UUID | None = None
    targets: tuple[Wanted, ...] = ()
    tenants: Json | None = None

    @property
    def wanted(self) -> tuple[Wanted, ...]:
        return self.targets or (Wanted(Kind.FLAG, self.key, self.content, self.base_version, ""),)


def check_permissions(actor: Actor, proposal: Proposal) -> None:
    """Who writes values manages settings, and who writes in other tenants manages tenants."""
    actor.require(Permission.CHANGE_PROPOSE)
    if any(each.kind is Kind.SETTING for each in proposal.targets):
        actor.require(Permission.SETTINGS_MANAGE)
    if proposal.tenants is not None:
        actor.require(Permission.TENANTS_MANAGE)


async def drafted(tx: Transaction, actor: Actor, proposal: Proposal) -> ChangeSet:
    """Invalid names every fault, BaseVersionConflict the targets that have moved."""
    plan, choice = await _framed(tx, proposal)
    found = await checked_targets(tx, actor, proposal.environment, proposal.wanted, proposal.reason, plan, choice)
    content = Content(
        tuple(each.target for each in found),
        plan.to_json(),
        gates_of(plan, proposal.gates),
        _metrics(proposal, plan, found, choice),
        choice.to_json() if choice else None,
    )
    change = ChangeSet(
        id=proposal.id,
        tenant=actor.tenant,
        author=actor.id,
        content=content,
        digest=content.digest,
        reason=proposal.reason,
        created_at=tx.now,
        ticket=proposal.ticket,
        contributors=tuple(person for person in dict.fromkeys(proposal.contributors) if person != actor.id),
        supersedes=proposal.supersedes,
        reverts=proposal.reverts,
    )
    if choice is not None:
        await check_others(tx, change, plan)
    return change


async def _framed(tx: Transaction, proposal: Proposal) -> tuple[Plan, TenantChoice | None]:
    """Everything but the content of the targets."""
    faults = [*_reason_faults(proposal), *_target_faults(proposal), *_revert_faults(proposal)]
    watched = proposal.gates is not None
    plan = _collect(faults, "/plan", lambda: parse_plan(proposal.plan, proposal.environment, watched=watched))
    choice = None
    if proposal.tenants is not None:
        choice = _collect(faults, "/tenants", lambda: TenantChoice.of(proposal.tenants, tiers=list(Tier)))
    if plan is not None:
        faults += _plan_faults(tx, proposal, plan)
        places = [each.place for each in proposal.wanted]
        faults += await check_before(tx, proposal.environment, plan, places, proposal.tenants)
    if faults or plan is None:
        raise Invalid(faults)
    return plan, choice


def _reason_faults(proposal: Proposal) -> list[Fault]:
    if LEAST_REASON <= len(proposal.reason.strip()) <= MOST_REASON:
        return []
    return [Fault("/reason", f"{LEAST_REASON} to {MOST_REASON} characters that say why")]


def _revert_faults(proposal: Proposal) -> list[Fault]:
    """Only a change that takes another back gives each tenant what it had before that one."""
    asked = proposal.tenants.get("as_before") if isinstance(proposal.tenants, dict) else None
    if asked is None or (proposal.reverts is not None and asked == str(proposal.reverts)):
        return []
    return [Fault("/tenants/as_before", "a change is taken back by reverting it")]


def _target_faults(proposal: Proposal) -> list[Fault]:
    wanted = proposal.wanted
    if len(wanted) > MOST_TARGETS:
        return [Fault("/targets", f"at most {MOST_TARGETS} of them")]
    faults = [
        Fault(f"{each.pointer}/key", "what all flags have in common is a change of its own")
        for each in wanted
        if each.key in WHOLE and (len(wanted) > 1 or proposal.tenants is not None)
    ]
    seen: set[tuple[Kind, str]] = set()
    for each in wanted:
        if each.place in seen:
            faults.append(Fault(f"{each.pointer}/key", "another target is the same"))
        seen.add(each.place)
        if proposal.tenants is not None and each.base_version:
            faults.append(Fault(f"{each.pointer}/base_version", "what a tenant has is looked at when it is written"))
    return faults


def _plan_faults(tx: Transaction, proposal: Proposal, plan: Plan) -> list[Fault]:
    faults = [Fault(f"/plan{each.path}", each.message) for each in check_moments(plan.apply_at, plan.apply_by, tx.now)]
    by_tenant = plan.audience.mode is CohortMode.TENANT
    if proposal.tenants is None:
        if plan.strategy is Strategy.ROLLING:
            faults.append(Fault("/tenants", "a rolling deployment goes tenant by tenant: choose them"))
        elif plan.gated and by_tenant:
            faults.append(Fault("/tenants", "choose the tenants that the stages grow over"))
        elif plan.gated:
            faults += _shares(proposal.wanted)
    elif plan.gated and not by_tenant:
        faults.append(Fault("/plan/audience/mode", "tenants are chosen, so the stages grow over them: tenant"))
    return faults


def _shares(wanted: Sequence[Wanted]) -> list[Fault]:
    """Nothing but a flag is served to some subjects and not to others."""
    faults = []
    for each in wanted:
        if each.key == SHARED_RULES:
            faults.append(Fault("/plan/strategy", "shared rules have no variants to compare: direct"))
        elif each.kind is not Kind.FLAG:
            why = "a value has no shares of subjects: choose tenants and let the stages grow over them"
            faults.append(Fault(f"{each.pointer}/kind", why))
    return faults


def _metrics(proposal: Proposal, plan: Plan, found: Sequence[Checked], choice: TenantChoice | None) -> Json:
    if not plan.gated and proposal.gates is None:
        return None
    if choice is not None:
        return metrics_of(proposal.metrics, None)
    arms = found[0].arms
    if arms is None:
        raise Invalid([Fault("/gates", "the first target has no two variants to compare: choose tenants, or no gates")])
    return metrics_of(proposal.metrics, arms)


def _collect(faults: list[Fault], pointer: str, step: Callable[[], T]) -> T | None:
    try:
        return step()
    except Invalid as refusal:
        faults.extend(replace(fault, path=pointer + fault.path) for fault in refusal.faults)
        return None
