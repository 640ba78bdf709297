"""A close is approved as a change is, and is no rollout: it is closed by its own process, in one transaction."""

from uuid import UUID

from application.locking.rules import timed
from application.ports.store import Transaction
from application.settings.meanings import check_version, told_difference
from domain.approvals import ApprovalPolicy
from domain.canonical import Json
from domain.changes import EVERYWHERE, ChangeSet, Reach
from domain.closures import ClosureRun
from domain.errors import Missing


class ClosureSubject:
    """Its key is the entity and the period; its version is how many certificates the period has."""

    async def check_base(self, tx: Transaction, change: ChangeSet, *, hold: bool = False) -> None:
        del hold  # the transaction that certifies holds the run
        check_version(change, await _certified(tx, change))

    async def check_content(self, tx: Transaction, change: ChangeSet) -> None:
        await _run_of(tx, change)

    async def asks(self, tx: Transaction, change: ChangeSet) -> tuple[Reach, ApprovalPolicy]:
        policy = await tx.policies.get(change.target.environment, change.target.kind)
        return EVERYWHERE, await timed(tx, policy.decided(EVERYWHERE))

    async def difference(self, tx: Transaction, change: ChangeSet) -> Json:
        """From what the last certificate says to what is to be certified."""
        run = await _run_of(tx, change)
        certificates = await tx.closures.certificates(run.entity, run.period)
        base = change.target.base_version
        told = _told(certificates[base - 1].to_json()) if 0 < base <= len(certificates) else None
        return told_difference(change, told, len(certificates))


async def _run_of(tx: Transaction, change: ChangeSet) -> ClosureRun:
    run = await tx.closures.get(UUID(change.target.content["run"]))
    if run is None:
        raise Missing(kind_of_thing="period closure", change=str(change.id))
    return run


async def _certified(tx: Transaction, change: ChangeSet) -> int:
    run = await _run_of(tx, change)
    return len(await tx.closures.certificates(run.entity, run.period))


def _told(certificate: Json) -> Json:
    """As the change has it."""
    return {
        **{name: certificate[name] for name in ("entity", "period", "scopes", "mode", "exclusions")},
        "controls": {each["module"]: each for each in certificate["controls"]},
        "checks": {each["check"]: each for each in certificate["checks"]},
    }
