"""What sources name flags is reported by whoever searched them, each repository as a whole."""

from collections.abc import Sequence
from dataclasses import dataclass

from application.ports.flag_usage import StoredScan
from application.ports.store import Store
from application.recording import record
from domain.audit import Action
from domain.environments import Environment
from domain.errors import Fault, Invalid
from domain.flags.references import Reference
from domain.people import Actor, Permission


@dataclass(frozen=True)
class Report:
    """Every place where a repository names a flag of an environment; `revision` is what of it was searched."""

    environment: Environment
    repository: str
    revision: str | None
    found: Sequence[Reference]

    @property
    def places(self) -> int:
        return sum(len(each.lines) for each in self.found)


class FlagReports:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def take(self, actor: Actor, report: Report) -> StoredScan:
        """In place of what the repository reported before; PermissionMissing, or Invalid for a key of no flag."""
        actor.require(Permission.TELEMETRY_WRITE)
        environment, repository = report.environment, report.repository
        async with self._store.transaction(actor.tenant) as tx:
            known = await tx.flags.made(environment, sorted({each.key for each in report.found}))
            faults = [
                Fault(f"/references/{number}/key", "no flag of this environment")
                for number, each in enumerate(report.found)
                if each.key not in known
            ]
            if faults:
                raise Invalid(faults)
            before = await tx.flag_references.scan(environment, repository)
            scan = StoredScan(environment, repository, report.revision, tx.now, actor.id)
            await tx.flag_references.put(scan, report.found)
            await record(
                tx,
                Action.FLAG_REFERENCES_REPORTED,
                ("flag-references", f"{environment}/{repository}"),
                actor=actor,
                before={"revision": before.revision} if before else None,
                after={"revision": report.revision, "flags": len(known), "places": report.places},
            )
            return scan
