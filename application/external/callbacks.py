"""Whoever calls back proves with the system's secret who it is, before a word of what it says is looked at."""

import json
from collections.abc import Mapping
from uuid import UUID

from application.external.answers import Answers, Taken, TicketAnswer
from application.external.mapping import Asking
from application.external.systems import system_aad
from application.ports.outward import Signatures, Unsigned
from application.ports.records import Tenant
from application.ports.secrets import Sealer, Secret
from application.ports.store import Store
from application.sealing import opened, whole
from domain.canonical import Json
from domain.errors import Fault, Invalid
from domain.tenants import Status, TenantSuspended


class Callbacks:
    def __init__(self, store: Store, sealer: Sealer, signatures: Signatures, answers: Answers) -> None:
        self._store = store
        self._sealer = sealer
        self._signatures = signatures
        self._answers = answers

    async def hear(self, slug: str, name: str, headers: Mapping[str, str], body: bytes) -> Taken | None:
        """None for what decides nothing. Raises Unsigned, also where there is no such tenant or system.

        TenantSuspended, Invalid for what does not say which ticket and content it is for, and what Answers refuses.
        """
        tenant = await self._store.tenant(slug)
        if tenant is None:
            raise Unsigned
        asking, message = await self._proven(tenant, name, headers, body)
        async with self._store.transaction(tenant.id) as tx:
            if await tx.tenants.standing() is not Status.ACTIVE:
                raise TenantSuspended(tenant=slug)
        document = _document(body)
        ticket, digest = _bound(asking, document)
        said = asking.heard(document)
        if said.answer is None:
            return None
        given = TicketAnswer(ticket, said.answer, said.reason, message, digest, "callback")
        return await self._answers.take(tenant.id, name, given)

    async def _proven(self, tenant: Tenant, name: str, headers: Mapping[str, str], body: bytes) -> tuple[Asking, str]:
        async with self._store.transaction(tenant.id) as tx:
            system = await tx.outward.system(name)
            if system is None or "callback" not in system.mapping:
                raise Unsigned
            seal = await whole(tx, self._sealer, system.sealed)
        held = await opened(self._sealer, seal, system_aad(tenant.id, name))
        return Asking(system.mapping), self._signatures.verify(dict(headers), body, Secret(held["secret"]))


def _document(body: bytes) -> Json:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise Invalid([Fault("", "JSON")]) from None


def _bound(asking: Asking, document: Json) -> tuple[UUID, str]:
    ticket, digest = asking.bound(document)
    try:
        named = UUID(ticket or "")
    except ValueError:
        raise Invalid([Fault("", "says which ticket it is for, where the mapping looks for it")]) from None
    if digest is None:
        raise Invalid([Fault("", "says for which content it is, where the mapping looks for its digest")])
    return named, digest
