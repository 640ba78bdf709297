"""What was posted since a certificate, module by module: how much, and which entries, where the module can tell."""

from collections.abc import Sequence
from uuid import UUID

from application.ports.store import Transaction
from domain.canonical import Json
from domain.closures import Certificate, Control, PostedSince, delta_of


async def delta_since(tx: Transaction, last: Certificate, period: UUID, now: Sequence[Control]) -> Json:
    """`now` is what the modules have at this moment. ModuleAnswer."""
    here = {each.module for each in await tx.modules.journals()}
    before = {each.module: each for each in last.controls}
    listed: dict[str, PostedSince] = {}
    for control in now:
        known = before.get(control.module)
        if control.module in here and control != known:
            mark = known.high_water if known else None
            found = await tx.modules.posted_since(control.module, last.entity, period, mark)
            if found is not None:
                listed[control.module] = found
    return delta_of(last.controls, now, listed)
