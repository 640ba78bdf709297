"""Vault's side is `tests.contract.vault`: a real HTTP server with the answers of the transit API, not Vault itself."""

import logging
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adapters.crypto.envelope import Envelope, EnvelopeSealer
from application.ports.secrets import KeysMadeElsewhere, KeysUnavailable, Place, SealBroken, Secret, Wrapped
from domain.environments import Environment
from domain.errors import Refusal
from tests.contract.rings import CANARY, KEY, PLACE, CombinedWorld, FileWorld, MemoryWorld, VaultWorld, World
from tests.contract.vault import TOKEN


@pytest.fixture(params=["memory", "file", "vault", "combined"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    kinds: dict[str, Callable[[Path], World]] = {"file": FileWorld, "vault": VaultWorld, "combined": CombinedWorld}
    made: World = MemoryWorld() if request.param == "memory" else kinds[request.param](tmp_path)
    yield made
    made.close()


class TestRing:
    async def test_a_wrapped_key_comes_back(self, world: World) -> None:
        wrapped = await world.ring.wrap(KEY)
        assert await world.ring.unwrap(wrapped) == KEY
        assert wrapped.kek == await world.ring.primary()
        assert KEY not in wrapped.key

    async def test_an_old_key_still_unwraps_after_a_new_primary(self, world: World) -> None:
        before = await world.ring.wrap(KEY)
        await world.rotate()
        after = await world.ring.wrap(KEY)
        assert before.kek != after.kek == await world.ring.primary()
        assert await world.ring.unwrap(before) == await world.ring.unwrap(after) == KEY

    async def test_a_change_of_any_bit_is_refused(self, world: World) -> None:
        wrapped = await world.ring.wrap(KEY)
        for bit in range(len(wrapped.key) * 8):
            changed = bytearray(wrapped.key)
            changed[bit // 8] ^= 1 << bit % 8
            with pytest.raises(SealBroken):
                await world.ring.unwrap(Wrapped(wrapped.kek, bytes(changed)))

    @pytest.mark.parametrize("kept", [0, 1, 11, 12, 20, -1])
    async def test_a_shorter_one_is_refused(self, world: World, kept: int) -> None:
        wrapped = await world.ring.wrap(KEY)
        with pytest.raises(SealBroken):
            await world.ring.unwrap(Wrapped(wrapped.kek, wrapped.key[:kept]))

    @pytest.mark.parametrize(
        "kek", ["", "nobody", "0000", "changegate-v0", "changegate-v9", "other-v1", "../0001", "fingerprints"]
    )
    async def test_a_key_that_is_not_known_is_refused(self, world: World, kek: str) -> None:
        wrapped = await world.ring.wrap(KEY)
        with pytest.raises(SealBroken):
            await world.ring.unwrap(Wrapped(kek, wrapped.key))

    async def test_another_key_of_the_ring_does_not_unwrap_it(self, world: World) -> None:
        before = await world.ring.wrap(KEY)
        await world.rotate()
        with pytest.raises(SealBroken):
            await world.ring.unwrap(Wrapped(await world.ring.primary(), before.key))

    async def test_the_key_of_fingerprints_outlives_rotation_and_is_no_other(self, world: World) -> None:
        before = await world.ring.fingerprint_key()
        await world.rotate()
        assert await world.ring.fingerprint_key() == before
        assert len(before) == 32

    async def test_a_ring_that_cannot_be_reached_says_so(self, world: World) -> None:
        wrapped = await world.ring.wrap(KEY)
        world.fail()
        for call in (
            world.ring.primary(), world.ring.wrap(KEY), world.ring.unwrap(wrapped), world.ring.fingerprint_key()
        ):  # fmt: skip
            with pytest.raises(KeysUnavailable):
                await call

    async def test_the_ids_are_those_of_every_key_that_opens(self, world: World) -> None:
        before = await world.ring.primary()
        await world.rotate()
        ids = await world.ring.ids()
        assert {before, await world.ring.primary()} <= set(ids)
        assert ids[-1] == await world.ring.primary()

    async def test_a_fresh_key_wraps_from_now_on(self, world: World) -> None:
        before = await world.ring.primary()
        if isinstance(world, VaultWorld | CombinedWorld):
            with pytest.raises(KeysMadeElsewhere) as refused:
                await world.ring.grow()
            assert refused.value.facts == {"mount": "transit", "name": "changegate"}
        else:
            assert await world.ring.grow() == await world.ring.primary() != before


@pytest.mark.req("ST80")
class TestMoving:
    async def test_what_the_folder_wrapped_opens_and_goes_to_vault(self, tmp_path: Path) -> None:
        world = CombinedWorld(tmp_path)
        old = await world.folder.sealer.seal(Secret(CANARY), PLACE.aad())
        kept, wrapped = world.sealer.parted(old)
        new = world.sealer.joined(kept, await world.ring.wrap(await world.ring.unwrap(wrapped)))
        assert Envelope.parse(new).wrapped.kek == "changegate-v1"
        assert (await world.vault.sealer.open(new, PLACE.aad())).reveal() == CANARY
        assert (await world.sealer.open(old, PLACE.aad())).reveal() == CANARY
        world.close()

    async def test_fingerprints_stay_those_of_the_folder(self, tmp_path: Path) -> None:
        world = CombinedWorld(tmp_path)
        tenant = PLACE.tenant
        before = await world.folder.sealer.fingerprint(Secret(CANARY), tenant)
        assert await world.sealer.fingerprint(Secret(CANARY), tenant) == before
        world.close()


@pytest.mark.req("ST80")
class TestParting:
    async def test_what_is_kept_holds_no_key_and_opens_with_any_copy_of_it(self, world: World) -> None:
        sealed = await world.sealer.seal(Secret(CANARY), PLACE.aad())
        kept, wrapped = world.sealer.parted(sealed)
        await world.rotate()
        anew = await world.ring.wrap(await world.ring.unwrap(wrapped))
        for each in (world.sealer.joined(kept, wrapped), world.sealer.joined(kept, anew)):
            assert (await world.sealer.open(each, PLACE.aad())).reveal() == CANARY
        assert (await world.sealer.open(world.sealer.joined(sealed, anew), PLACE.aad())).reveal() == CANARY
        with pytest.raises(SealBroken):
            await world.sealer.open(kept, PLACE.aad())

    async def test_the_name_is_the_seals_own(self, world: World) -> None:
        sealed, other = [await world.sealer.seal(Secret(CANARY), PLACE.aad()) for _ in range(2)]
        kept, _ = world.sealer.parted(sealed)
        assert world.sealer.named(kept) == world.sealer.named(sealed) != world.sealer.named(other)
        assert len(bytes.fromhex(world.sealer.named(kept))) == 16

    @pytest.mark.parametrize("text", ["", "v2", "v2..", "v2.a.b", "v3.a.b", "x" * 2_000_000, "kept", "kept.", "\ud800"])
    async def test_what_is_no_seal_has_no_parts(self, world: World, text: str) -> None:
        wrapped = await world.ring.wrap(KEY)
        for call in (
            lambda: world.sealer.parted(text), lambda: world.sealer.named(text),
            lambda: world.sealer.joined(text, wrapped),
        ):  # fmt: skip
            with pytest.raises(SealBroken):
                call()


@pytest.mark.req("ST80")
class TestSealer:
    async def test_a_secret_comes_back_and_no_two_seals_are_alike(self, world: World) -> None:
        first, second = [await world.sealer.seal(Secret(CANARY), PLACE.aad()) for _ in range(2)]
        assert first != second
        assert CANARY not in first
        assert (await world.sealer.open(first, PLACE.aad())).reveal() == CANARY

    @pytest.mark.parametrize(
        "elsewhere",
        [
            Place(UUID(int=2), PLACE.environment, PLACE.key, PLACE.scope, PLACE.version),
            Place(PLACE.tenant, Environment.STAGING, PLACE.key, PLACE.scope, PLACE.version),
            Place(PLACE.tenant, PLACE.environment, "mail.passwort", PLACE.scope, PLACE.version),
            Place(PLACE.tenant, PLACE.environment, PLACE.key, "", PLACE.version),
            Place(PLACE.tenant, PLACE.environment, PLACE.key, PLACE.scope, 4),
        ],
        ids=["tenant", "environment", "key", "scope", "version"],
    )
    async def test_it_opens_at_no_other_place(self, world: World, elsewhere: Place) -> None:
        sealed = await world.sealer.seal(Secret(CANARY), PLACE.aad())
        with pytest.raises(SealBroken):
            await world.sealer.open(sealed, elsewhere.aad())

    @pytest.mark.parametrize("sealed", ["", ".", "v1", "v1....", "v1.a.b.c.d", "x" * 2_000_000, "é", "\x00", "\ud800"])
    async def test_what_is_no_seal_is_refused(self, world: World, sealed: str) -> None:
        with pytest.raises(SealBroken):
            await world.sealer.open(sealed, PLACE.aad())

    async def test_rotation_leaves_old_and_new_readable_at_every_moment(self, world: World) -> None:
        old = await world.sealer.seal(Secret(CANARY), PLACE.aad())
        await world.rotate()
        kept, wrapped = world.sealer.parted(old)
        new = world.sealer.joined(kept, await world.ring.wrap(await world.ring.unwrap(wrapped)))
        assert new != old
        for each in (old, new):
            assert (await world.sealer.open(each, PLACE.aad())).reveal() == CANARY

    async def test_fingerprints_are_equal_for_equal_secrets_of_one_tenant(self, world: World) -> None:
        one, other = UUID(int=1), UUID(int=2)
        before = await world.sealer.fingerprint(Secret(CANARY), one)
        await world.rotate()
        assert await world.sealer.fingerprint(Secret(CANARY), one) == before
        assert await world.sealer.fingerprint(Secret(CANARY + " "), one) != before
        assert await world.sealer.fingerprint(Secret(CANARY), other) != before
        assert len(bytes.fromhex(before)) == 8

    @pytest.mark.req("AU-21")
    async def test_neither_refusal_nor_log_holds_secret_or_token(
        self, world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        sealed = await world.sealer.seal(Secret(CANARY), PLACE.aad())
        told: list[pytest.ExceptionInfo[Refusal]] = []
        with pytest.raises(Refusal) as broken:
            await world.sealer.open(sealed, b"elsewhere")
        told.append(broken)
        world.fail()
        for call in (world.sealer.seal(Secret(CANARY), b""), world.sealer.open(sealed, PLACE.aad())):
            with pytest.raises(Refusal) as down:
                await call
            told.append(down)
        assert [type(each.value) for each in told] == [SealBroken, KeysUnavailable, KeysUnavailable]
        texts = [caplog.text, *("".join(traceback.format_exception(each.value)) for each in told)]
        texts += [f"{each.value!r} {each.value.facts}" for each in told]
        assert [text for text in texts if CANARY in text or TOKEN in text or sealed in text] == []
        assert told[0].value.facts == {}


class TestEnvelope:
    @pytest.mark.parametrize("kind", [MemoryWorld, FileWorld, VaultWorld])
    async def test_wrapping_anew_keeps_data_key_nonce_and_ciphertext(
        self, kind: type[FileWorld | VaultWorld | MemoryWorld], tmp_path: Path
    ) -> None:
        world = MemoryWorld() if issubclass(kind, MemoryWorld) else kind(tmp_path)
        sealer = EnvelopeSealer(world.ring)
        old = Envelope.parse(await sealer.seal(Secret(CANARY), PLACE.aad()))
        await world.rotate()
        kept, wrapped = sealer.parted(str(old))
        new = Envelope.parse(sealer.joined(kept, await world.ring.wrap(await world.ring.unwrap(wrapped))))
        assert (new.nonce, new.ciphertext) == (old.nonce, old.ciphertext)
        assert new.wrapped != old.wrapped
        assert new.wrapped.kek == await world.ring.primary()
        key = await world.ring.unwrap(old.wrapped)
        assert await world.ring.unwrap(new.wrapped) == key
        assert AESGCM(key).decrypt(new.nonce, new.ciphertext, b"v1\0" + PLACE.aad()).decode() == CANARY
        world.close()
