"""What must not be read where it is stored is sealed, its data key apart, and opened where it is used."""

import json
from uuid import UUID

from application.ports.sealed_keys import SealedKey
from application.ports.secrets import Sealer, Secret
from application.ports.store import Transaction
from domain.canonical import Json, canonical_bytes


async def sealed_apart(sealer: Sealer, secret: Secret, aad: bytes) -> tuple[str, SealedKey]:
    """What is kept, and the data key, which is added in the same transaction."""
    kept, wrapped = sealer.parted(await sealer.seal(secret, aad))
    return kept, SealedKey(sealer.named(kept), wrapped)


async def whole(tx: Transaction, sealer: Sealer, kept: str) -> str:
    """With the data key as it is wrapped now; a seal that still carries its own may be there without one.

    It is opened outside of any transaction. SealBroken for what is no seal.
    """
    key = await tx.sealed_keys.get(sealer.named(kept))
    return kept if key is None else sealer.joined(kept, key.wrapped)


def bound_to(tenant: UUID, kind: str, named: UUID | str) -> bytes:
    """What the seal of this thing is bound to: it opens for no other, and no setting has the same."""
    return canonical_bytes({"tenant": str(tenant), kind: str(named)})


def in_one(what: Json) -> Secret:
    """Several secrets under one seal."""
    return Secret(json.dumps(what))


async def opened(sealer: Sealer, seal: str, aad: bytes) -> Json:
    """What was sealed in one; SealBroken or KeysUnavailable."""
    return json.loads((await sealer.open(seal, aad)).reveal())
