"""Secrets are sealed before anything is written, and opened for applications only, which leaves its trace."""

from dataclasses import replace

from application.ports.sealed_keys import SealedKey
from application.ports.secrets import Place, Sealer, Secret
from application.ports.store import Store
from application.recording import record
from application.sealing import sealed_apart, whole
from application.settings.definitions import existing_definition
from application.settings.house import furnished
from application.settings.reading import Question
from application.settings.wishes import Order, Wish
from domain.audit import Action
from domain.canonical import Json
from domain.environments import Environment
from domain.errors import Conflict, Forbidden, Invalid, Missing
from domain.people import Actor, Permission, PrincipalKind
from domain.settings import EntryState, Scope, Sealed, SettingType, type_faults


class OnlyApplicationsRead(Forbidden):
    """A secret is read by applications; people write it and see its fingerprint."""

    kind = "only-applications-read"


class NotASecret(Conflict):
    """This setting is no secret; read what is in force."""

    kind = "not-a-secret"


class Sealing:
    def __init__(self, store: Store, sealer: Sealer) -> None:
        self._store = store
        self._sealer = sealer

    async def sealed(self, actor: Actor, order: Order) -> Order:
        """The order with every secret sealed for the next version at its scope; Invalid for what is no text.

        The data keys are there before the secrets are: one whose secret is refused in the end opens nothing.
        """
        async with self._store.transaction(actor.tenant) as tx:
            keys = {wish.key for wish in order.wishes}
            definitions = await tx.settings.definitions_of(keys)
            secret = {key for key, each in definitions.items() if each.definition["type"] == SettingType.SECRET.value}
            if not secret:
                return order
            latest = await tx.settings.latest(order.environment, secret, {wish.scope.text for wish in order.wishes})
        faults = [
            fault
            for place, wish in enumerate(order.wishes)
            if wish.key in secret and wish.state is EntryState.SET
            for fault in type_faults(SettingType.SECRET, wish.value, f"/items/{place}/value")
        ]
        if faults:
            raise Invalid(faults)
        keys_of: list[SealedKey] = []
        wishes = [
            await self._sealed(actor, order, wish, latest.get((wish.key, wish.scope.text), 0) + 1, keys_of)
            if wish.key in secret and wish.state is EntryState.SET
            else wish
            for wish in order.wishes
        ]
        if keys_of and not order.dry_run:
            async with self._store.transaction(actor.tenant) as tx:
                await tx.sealed_keys.add(*keys_of)
        return replace(order, wishes=tuple(wishes))

    async def _sealed(self, actor: Actor, order: Order, wish: Wish, version: int, keys: list[SealedKey]) -> Wish:
        secret = Secret(wish.value)
        place = Place(actor.tenant, order.environment, wish.key, wish.scope.text, version)
        text, key = await sealed_apart(self._sealer, secret, place.aad())
        keys.append(key)
        # Of what is not stored nobody is told a fingerprint: it would tell whether a guess is right.
        fingerprint = "unknown" if order.dry_run else await self._sealer.fingerprint(secret, actor.tenant)
        return replace(wish, value=Sealed(text, fingerprint, version).to_json())

    async def plain(self, actor: Actor, environment: Environment, key: str, scope: Scope, value: Json) -> Json:
        """What is stored at the scope, opened if it is a secret, to be sealed anew: it is told to nobody."""
        sealed = Sealed.of(value)
        if sealed is None:
            return value
        place = Place(actor.tenant, environment, key, scope.text, sealed.at)
        async with self._store.transaction(actor.tenant) as tx:
            text = await whole(tx, self._sealer, sealed.text)
        return (await self._sealer.open(text, place.aad())).reveal()

    async def reveal(self, actor: Actor, question: Question, key: str) -> Secret:
        """What is in force at the scope now; the reading is written down before anything is told."""
        actor.require(Permission.SETTINGS_REVEAL)
        async with self._store.transaction(actor.tenant) as tx:
            await existing_definition(tx, key)
            if actor.kind is not PrincipalKind.SERVICE:
                raise OnlyApplicationsRead
            house = await furnished(tx, question.environment, [key], question.scope.ancestors(), tx.now)
            resolution = house.resolved(key, question.scope, tx.now)
            sealed = Sealed.of(resolution.value)
            if house.definitions[key].type is not SettingType.SECRET:
                raise NotASecret
            if sealed is None or resolution.winner is None:
                raise Missing(kind_of_thing="secret", key=key)
            await record(
                tx, Action.SECRET_REVEALED, ("setting", f"{question.environment.value}/{question.scope.text}#{key}"),
                actor=actor, after={"fingerprint": sealed.fingerprint, "from": resolution.winner},
            )  # fmt: skip
            text = await whole(tx, self._sealer, sealed.text)
        place = Place(actor.tenant, question.environment, key, resolution.winner, sealed.at)
        return await self._sealer.open(text, place.aad())
