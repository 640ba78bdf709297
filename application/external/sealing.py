"""What must not be read where it is stored is sealed, its data key apart, and opened where it is used."""

import json

from application.ports.sealed_keys import SealedKey
from application.ports.secrets import Sealer, Secret
from application.ports.store import Transaction
from domain.canonical import Json


async def sealed(sealer: Sealer, what: Json, aad: bytes) -> tuple[str, SealedKey]:
    """What is kept, and the data key, which is added in the same transaction."""
    whole = await sealer.seal(Secret(json.dumps(what)), aad)
    kept, wrapped = sealer.parted(whole)
    return kept, SealedKey(sealer.named(kept), wrapped)


async def whole(tx: Transaction, sealer: Sealer, kept: str) -> str:
    """The seal, whole; it is opened outside of any transaction."""
    key = await tx.sealed_keys.get(sealer.named(kept))
    return kept if key is None else sealer.joined(kept, key.wrapped)


async def opened(sealer: Sealer, seal: str, aad: bytes) -> Json:
    """What was sealed; SealBroken or KeysUnavailable."""
    return json.loads((await sealer.open(seal, aad)).reveal())
