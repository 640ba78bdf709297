"""Evidence is kept with the close that it proves, is what its digest says, and stays as long as was promised."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from application.closures.facts import aim_of, controls_of, seen_of
from application.closures.steps import locked
from application.ports.store import Store, Transaction
from application.recording import record
from domain.audit import Action
from domain.closures import Act, Evidence, check_attachment, sha256_of
from domain.errors import Missing
from domain.people import Actor, Permission

YEARS_KEPT = 10
"""As long as the commercial law of most countries asks for books and what proves them."""


@dataclass(frozen=True)
class Attachment:
    name: str
    media_type: str
    content: bytes


class EvidenceKeeping:
    """Each raises PermissionMissing or Missing where it applies."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def attach(self, actor: Actor, run_id: UUID, task: str, given: Attachment) -> Evidence:
        """By the owner or the reviewer of the task. Raises Invalid, NotTheirTask, WrongTaskState, WrongRunState."""
        actor.require(Permission.PERIODS_CLOSE)
        check_attachment(given.name, given.media_type, given.content)
        async with self._store.transaction(actor.tenant) as tx:
            known = await tx.closure_papers.evidence(actor.request) if actor.request else None
            if known is not None:
                return known
            run = await locked(tx, run_id)
            run.check(Act.ATTACH_EVIDENCE)
            found = await tx.closures.task(run_id, task)
            if found is None:
                raise Missing(kind_of_thing="closure task", id=task)
            place = (await aim_of(tx, run)).place
            basis = seen_of(found, await controls_of(tx, place, run.scopes, run.id)).basis
            evidence = Evidence(
                actor.request or uuid4(), run_id, task, given.name, given.media_type, len(given.content),
                sha256_of(given.content), actor.id, tx.now, _kept_until(tx.now), basis,
            )  # fmt: skip
            attached = found.attached(evidence.id, actor.id)
            await tx.closure_papers.keep(evidence, given.content)
            await tx.closures.put_tasks([attached])
            await record(tx, Action.EVIDENCE_ATTACHED, ("closure_evidence", evidence.id), actor=actor,
                         after=_fact(evidence))  # fmt: skip
            return evidence

    async def get(self, actor: Actor, evidence_id: UUID) -> Evidence:
        actor.require(Permission.PERIODS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await _existing(tx, evidence_id)

    async def read(self, actor: Actor, evidence_id: UUID) -> tuple[Evidence, bytes]:
        """Raises EvidenceAltered where the bytes are not those that were attached."""
        actor.require(Permission.PERIODS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            evidence = await _existing(tx, evidence_id)
            content = await tx.closure_papers.content(evidence_id) or b""
        evidence.verify(content)
        return evidence, content

    async def verify(self, actor: Actor, evidence_id: UUID, content: bytes) -> Evidence:
        """Whether these are the bytes that were attached; EvidenceAltered."""
        evidence = await self.get(actor, evidence_id)
        evidence.verify(content)
        return evidence

    async def remove(self, actor: Actor, evidence_id: UUID, reason: str) -> None:
        """Raises EvidenceRetained before its time is over."""
        actor.require(Permission.PERIODS_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            evidence = await _existing(tx, evidence_id)
            evidence.check_removal(tx.now)
            await tx.closure_papers.drop(evidence_id)
            await record(tx, Action.EVIDENCE_REMOVED, ("closure_evidence", evidence_id), actor=actor, reason=reason,
                         before=_fact(evidence))  # fmt: skip


async def _existing(tx: Transaction, evidence_id: UUID) -> Evidence:
    found = await tx.closure_papers.evidence(evidence_id)
    if found is None:
        raise Missing(kind_of_thing="evidence", id=str(evidence_id))
    return found


def _kept_until(now: datetime) -> datetime:
    """To the end of the year that is so many years ahead."""
    return now.replace(year=now.year + YEARS_KEPT + 1, month=1, day=1, hour=0, minute=0, second=0, microsecond=0)


def _fact(evidence: Evidence) -> dict[str, object]:
    return {
        "run": str(evidence.run),
        "task": evidence.task,
        "sha256": evidence.sha256,
        "bytes": evidence.size,
        "retained_until": evidence.retained_until.isoformat(),
    }
