"""What is kept of contexts is chosen for each flag set, by who decides policies; nothing is, until somebody does."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from application.ports.flag_samples import Sampled, StoredSampling
from application.ports.store import Store, Transaction
from application.recording import record
from domain.audit import Action
from domain.changes import NothingChanges
from domain.environments import Environment
from domain.errors import Fault, Stale
from domain.flags.sampling import SECRET_BYTES, Sampling
from domain.people import Actor, Permission
from domain.rollouts import StaleGeneration


@dataclass(frozen=True)
class SamplingView:
    """Version 0 keeps nothing and was chosen by nobody."""

    environment: Environment
    version: int
    sampling: Sampling
    written_at: datetime | None
    sampled: Sampled


class FlagSampling:
    """Each raises PermissionMissing, Invalid or Stale where it applies."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, actor: Actor, environment: Environment) -> SamplingView:
        actor.require(Permission.FEATURES_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await _view(tx, environment)

    async def choose(
        self, actor: Actor, environment: Environment, sampling: Sampling, *, expected: int, reason: str
    ) -> SamplingView:
        """Over version `expected`. Where other attributes are kept, or none, what was sampled until then is deleted."""
        actor.require(Permission.POLICY_MANAGE)
        async with self._store.transaction(actor.tenant) as tx:
            before = await tx.flag_samples.sampling(environment, lock=True)
            if before is not None and actor.request is not None and before.request == actor.request:
                return await _view(tx, environment)
            version = before.version if before else 0
            if version != expected:
                raise Stale(version=version, expected=expected)
            present = before.sampling if before else Sampling()
            if sampling == present:
                raise NothingChanges([Fault("", "equals what is chosen")])
            keep = before is not None and sampling.capacity > 0 and sampling.reads == present.reads
            secret = before.secret if before and keep else _secret(sampling)
            stored = StoredSampling(environment, expected + 1, sampling, secret, actor.id, tx.now, actor.request)
            try:
                await tx.flag_samples.put_sampling(stored, keep=keep)
            except StaleGeneration:
                raise Stale(expected=expected) from None
            await record(
                tx, Action.FLAG_SAMPLING_CHANGED, ("flag-sampling", environment.value), actor=actor, reason=reason,
                before=present.to_json(), after=sampling.to_json(),
            )  # fmt: skip
            return await _view(tx, environment)


def _secret(sampling: Sampling) -> bytes:
    """Empty where nothing is hashed: hashes of which the secret is gone say nothing any more."""
    return secrets.token_bytes(SECRET_BYTES) if sampling.capacity else b""


async def _view(tx: Transaction, environment: Environment) -> SamplingView:
    stored = await tx.flag_samples.sampling(environment)
    sampled = await tx.flag_samples.sampled(environment)
    if stored is None:
        return SamplingView(environment, 0, Sampling(), None, sampled)
    return SamplingView(environment, stored.version, stored.sampling, stored.written_at, sampled)
