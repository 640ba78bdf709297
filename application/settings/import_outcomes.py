"""How an import ended is told in its row, with every fault or with what was done, and in the trail."""

from collections import Counter
from dataclasses import replace
from typing import Final
from uuid import UUID

from application.ports.imports import ImportRecord, ImportState
from application.ports.store import Transaction
from application.recording import record
from application.settings.imports import existing_import
from application.settings.transfer import Imported
from domain.audit import Action, Outcome
from domain.canonical import Json
from domain.errors import Invalid, Refusal

MOST_FAULTS: Final = 1000
MOST_STEPS: Final = 1000


async def settled(
    tx: Transaction, import_id: UUID, state: ImportState, outcome: Json, change: UUID | None = None
) -> ImportRecord:
    """The import as it stands now; one that has ended stays as it is."""
    found = await tx.imports.get(import_id, lock=True) or await existing_import(tx, import_id)
    if found.state.ended:
        return found
    ended_at = tx.now if state.ended else None
    settled_now = replace(found, state=state, outcome=outcome, change=change or found.change, ended_at=ended_at)
    await tx.imports.save(settled_now)
    if state.ended:
        failed = state in {ImportState.FAILED, ImportState.REJECTED}
        await record(
            tx, Action.IMPORT_ENDED, ("import", import_id), actor=found.requester, change=settled_now.change,
            outcome=Outcome.FAILURE if failed else Outcome.SUCCESS, after={"state": state.value, **_counted(outcome)},
        )  # fmt: skip
    return settled_now


def summary(told: Imported) -> Json:
    """Counts of everything, and the first steps by name."""
    found = told.difference
    steps = [{"key": key, "scope": scope, "op": op.value} for (key, scope), op in found.places.items()]
    flags = [{"key": key, "op": op.value} for key, op in found.flags.items()]
    books = [{"kind": kind, "name": name, "op": op.value} for (kind, name), op in found.books.items()]
    return {
        "counts": {
            "definitions": Counter(op.value for op in found.definitions.values()),
            "values": Counter(op.value for op in found.places.values()),
            "flags": Counter(op.value for op in found.flags.values()),
            "bookkeeping": Counter(op.value for op in found.books.values()),
            "affected": len(told.affected),
        },
        "values": [step for step in steps if step["op"] != "equal"][:MOST_STEPS],
        "flags": [step for step in flags if step["op"] != "equal"][:MOST_STEPS],
        "bookkeeping": [step for step in books if step["op"] != "equal"][:MOST_STEPS],
        "needs_approval": told.needs_approval,
        "epoch": told.epoch,
    }


def told_of(refusal: Refusal) -> Json:
    """As a problem would say it, with every fault that fits."""
    told: dict[str, Json] = {"kind": refusal.kind, "title": str(refusal)}
    if isinstance(refusal, Invalid):
        told["faults"] = [{"path": each.path, "message": each.message} for each in refusal.faults[:MOST_FAULTS]]
        told["fault_count"] = len(refusal.faults)
    facts = {name: _plain(value) for name, value in refusal.facts.items()}
    return told | ({"facts": facts} if facts else {})


def _plain(value: object) -> Json:
    return value if value is None or isinstance(value, bool | int | float | str | list | dict) else str(value)


def _counted(outcome: Json) -> dict[str, Json]:
    refusal = (outcome or {}).get("refusal")
    return {"refusal": refusal["kind"]} if refusal else {"counts": (outcome or {}).get("counts")}
