from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from adapters.crypto import EnvelopeSealer
from adapters.crypto.envelope import LONGEST, Envelope
from adapters.memory.secrets import MemoryKeyRing
from application.ports.secrets import SealBroken, Secret, Wrapped

AAD = b"here"
TEXTS = st.text(st.characters(exclude_categories=()))  # lone surrogates, too: JSON can say them


class OneKeyRing:
    """Wraps as `wrapped` whatever it is given, and unwraps whatever is asked for to `key`."""

    def __init__(self, key: bytes, wrapped: Wrapped) -> None:
        self.key, self.wrapped = key, wrapped

    async def ids(self) -> list[str]:
        return [self.wrapped.kek]

    async def grow(self) -> str:
        return self.wrapped.kek

    async def primary(self) -> str:
        return self.wrapped.kek

    async def wrap(self, key: bytes) -> Wrapped:
        self.key = key
        return self.wrapped

    async def unwrap(self, wrapped: Wrapped) -> bytes:
        return self.key

    async def fingerprint_key(self) -> bytes:
        return self.key


def forgetful() -> OneKeyRing:
    return OneKeyRing(b"", Wrapped("k", b"w" * 60))


@pytest.mark.req("ST80")
class TestEnvelopeSealer:
    @given(TEXTS, st.binary(max_size=50))
    async def test_what_was_sealed_opens(self, text: str, aad: bytes) -> None:
        sealer = EnvelopeSealer(MemoryKeyRing())
        assert (await sealer.open(await sealer.seal(Secret(text), aad), aad)).reveal() == text

    @given(TEXTS, st.binary(max_size=5), st.binary(max_size=5))
    async def test_it_opens_nowhere_else(self, text: str, here: bytes, there: bytes) -> None:
        sealer = EnvelopeSealer(MemoryKeyRing())
        sealed = await sealer.seal(Secret(text), here)
        if here == there:
            assert (await sealer.open(sealed, there)).reveal() == text
        else:
            with pytest.raises(SealBroken):
                await sealer.open(sealed, there)

    async def test_the_longest_secret_of_a_setting_fits(self) -> None:
        sealer = EnvelopeSealer(MemoryKeyRing())
        longest = "\N{OLD ITALIC LETTER A}" * 64 * 1024
        sealed = await sealer.seal(Secret(longest), AAD)
        assert len(sealed) < LONGEST
        assert (await sealer.open(sealed, AAD)).reveal() == longest

    @pytest.mark.parametrize("text", ["", "s", "se", "secret"])
    async def test_a_change_of_any_bit_is_refused(self, text: str) -> None:
        """Also of the bits that padding leaves unused in the last character of a part."""
        sealer = EnvelopeSealer(MemoryKeyRing())
        sealed = (await sealer.seal(Secret(text), AAD)).encode()
        for bit in range(len(sealed) * 8):
            changed = bytearray(sealed)
            changed[bit // 8] ^= 1 << bit % 8
            with pytest.raises(SealBroken):
                await sealer.open(changed.decode("latin-1"), AAD)

    async def test_the_seal_alone_tells_a_change_of_nonce_or_ciphertext(self) -> None:
        """Even where the ring gives the right data key for anything."""
        sealer = EnvelopeSealer(forgetful())
        sealed = Envelope.parse(await sealer.seal(Secret("secret"), AAD))
        for part in ("nonce", "ciphertext"):
            raw: bytes = getattr(sealed, part)
            for bit in range(len(raw) * 8):
                changed = bytearray(raw)
                changed[bit // 8] ^= 1 << bit % 8
                parts = {"nonce": sealed.nonce, "ciphertext": sealed.ciphertext, part: bytes(changed)}
                with pytest.raises(SealBroken):
                    await sealer.open(str(Envelope(sealed.wrapped, **parts)), AAD)

    async def test_any_shorter_text_is_refused(self) -> None:
        sealer = EnvelopeSealer(MemoryKeyRing())
        sealed = await sealer.seal(Secret("secret"), AAD)
        for length in range(len(sealed)):
            with pytest.raises(SealBroken):
                await sealer.open(sealed[:length], AAD)

    @pytest.mark.parametrize("key", [b"", b"short", b"k" * 31, b"k" * 33])
    async def test_a_data_key_of_another_length_is_refused(self, key: bytes) -> None:
        ring = forgetful()
        sealer = EnvelopeSealer(ring)
        sealed = await sealer.seal(Secret("secret"), AAD)
        ring.key = key
        with pytest.raises(SealBroken):
            await sealer.open(sealed, AAD)

    async def test_parts_of_two_seals_do_not_go_together(self) -> None:
        sealer = EnvelopeSealer(MemoryKeyRing())
        one, other = [Envelope.parse(await sealer.seal(Secret(text), AAD)) for text in ("one", "two")]
        for mixed in (
            Envelope(one.wrapped, other.nonce, other.ciphertext),
            Envelope(one.wrapped, one.nonce, other.ciphertext),
            Envelope(one.wrapped, other.nonce, one.ciphertext),
        ):
            with pytest.raises(SealBroken):
                await sealer.open(str(mixed), AAD)

    async def test_the_format_is_bound(self) -> None:
        ring = forgetful()
        sealed = Envelope.parse(await EnvelopeSealer(ring).seal(Secret("secret"), AAD))
        assert AESGCM(ring.key).decrypt(sealed.nonce, sealed.ciphertext, b"v1\0" + AAD) == b"secret"
        assert str(sealed).split(".")[:2] == ["v1", "k"]
        with pytest.raises(SealBroken):
            await EnvelopeSealer(ring).open("v2" + str(sealed)[2:], AAD)

    async def test_every_seal_has_a_data_key_and_a_nonce_of_its_own(self) -> None:
        keys, nonces = set(), set()
        for _ in range(100):
            ring = forgetful()
            nonces.add(Envelope.parse(await EnvelopeSealer(ring).seal(Secret("secret"), AAD)).nonce)
            keys.add(ring.key)
        assert len(keys) == len(nonces) == 100


class TestFingerprint:
    async def test_it_is_the_hmac_of_tenant_and_text(self) -> None:
        """RFC 4231, test case 2, whose message begins with the sixteen bytes of this tenant."""
        ring = OneKeyRing(b"Jefe", Wrapped("k", b""))
        tenant = UUID(bytes=b"what do ya want ")
        assert await EnvelopeSealer(ring).fingerprint(Secret("for nothing?"), tenant) == "5bdcc146bf60754e"
