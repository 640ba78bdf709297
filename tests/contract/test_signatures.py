"""Each claim about signatures is asked of the twin in memory and of Ed25519."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from adapters.identity.bundles import Ed25519Signatures, bundle_signatures
from adapters.identity.keys import kept_key, public_pem
from adapters.memory.signing import MemorySignatures
from adapters.settings import Settings
from application.ports.signing import Signatures
from domain.settings import Signature

CHECKSUM, OTHER = "sha256:" + "0" * 64, "sha256:" + "1" * 64

Pair = tuple[Signatures, Signatures, Signatures]


def ed25519() -> Pair:
    one, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    return (
        Ed25519Signatures(lambda: one, list), Ed25519Signatures(lambda: other, lambda: [one.public_key()]),
        Ed25519Signatures(lambda: other, list, required=True),
    )  # fmt: skip


def in_memory() -> Pair:
    return (
        MemorySignatures("one"), MemorySignatures("other", {"one": "words of one"}),
        MemorySignatures("other", required=True),
    )  # fmt: skip


@pytest.fixture(params=[ed25519, in_memory])
def pair(request: Any) -> Pair:
    """One installation, one that trusts it, and one that does not."""
    make: Callable[[], Pair] = request.param
    return make()


@pytest.mark.req("FR-SM-030", "FR-SM-031")
class TestSignatures:
    def test_hold_here_and_where_the_key_is_trusted(self, pair: Pair) -> None:
        signature = pair[0].sign(CHECKSUM)
        assert len(signature.value) == 86
        assert [each.knows(signature) for each in pair] == [True, True, False]
        assert [each.holds(CHECKSUM, signature) for each in pair] == [True, True, False]

    def test_hold_for_nothing_else(self, pair: Pair) -> None:
        signature = pair[0].sign(CHECKSUM)
        assert not pair[0].holds(OTHER, signature)
        assert not pair[1].holds(CHECKSUM, Signature(signature.key, "A" * 86))
        assert not pair[1].holds(CHECKSUM, pair[1].sign(OTHER))

    def test_say_whether_one_is_required(self, pair: Pair) -> None:
        assert [each.required for each in pair] == [False, False, True]


class TestInstallation:
    def test_signs_with_one_key_for_good_and_believes_those_in_its_folder(self, tmp_path: Path) -> None:
        here, there = (
            Settings.model_construct(keys=tmp_path / name, signed_bundles=False) for name in ("here", "there")
        )
        one, again, other = bundle_signatures(here), bundle_signatures(here), bundle_signatures(there)
        signature = one.sign(CHECKSUM)
        assert again.sign(CHECKSUM) == signature
        assert not other.knows(signature)
        folder = there.keys / "trusted-bundles"
        folder.mkdir(parents=True)
        (folder / "here.pem").write_bytes(public_pem(kept_key(here.keys / "bundles.pem").public_key()))
        assert (other.knows(signature), other.holds(CHECKSUM, signature)) == (True, True)
        assert not one.required
