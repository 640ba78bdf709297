from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from adapters.identity.assertions import AUDIENCE, ISSUER, TYPE, ActReader, SignedActs
from adapters.identity.keys import kept_key, public_pem, read_public
from adapters.memory.identity import MemoryAssertions
from application.ports.identity import Assertions
from domain.people.acts import LIFETIME, Act, AssertionExpired, AssertionForged

NOON = datetime(2026, 3, 2, 12, 0, 0, 123457, tzinfo=UTC)
VOTE = Act(
    id=UUID(int=1),
    tenant=UUID(int=2),
    actor=UUID(int=3),
    verb="change.approve",
    subject="chg-7/level-1",
    digest="sha256:" + "ab" * 32,
    expires_at=NOON + timedelta(minutes=5),
)


@dataclass
class Clock:
    at: datetime = NOON

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


Maker = Callable[[], Assertions]


@pytest.fixture(params=["memory", "signed"])
def make(request: pytest.FixtureRequest, clock: Clock) -> Maker:
    """Another call makes another authority, which the first does not believe."""
    if request.param == "memory":
        return lambda: MemoryAssertions(clock)
    return lambda: SignedActs(Ed25519PrivateKey.generate(), clock)


class TestAssertions:
    @pytest.mark.parametrize("act", [VOTE, replace(VOTE, digest=None), replace(VOTE, subject="Änderung 7")])
    def test_an_act_comes_back_as_it_was(self, make: Maker, act: Act) -> None:
        assertions = make()
        assert assertions.verify(assertions.issue(act)) == act

    def test_it_expires(self, make: Maker, clock: Clock) -> None:
        assertions = make()
        token = assertions.issue(VOTE)
        clock.at = VOTE.expires_at - timedelta(microseconds=1)
        assert assertions.verify(token) == VOTE
        clock.at = VOTE.expires_at
        with pytest.raises(AssertionExpired):
            assertions.verify(token)

    def test_what_another_authority_issued_is_forged(self, make: Maker) -> None:
        token = make().issue(VOTE)
        with pytest.raises(AssertionForged):
            make().verify(token)

    @pytest.mark.parametrize("token", ["", ".", "a.b.c", "x" * 100_000, "é.é.é", "act.", "\x00", "\ud800"])
    def test_what_is_no_assertion_is_forged(self, make: Maker, token: str) -> None:
        with pytest.raises(AssertionForged):
            make().verify(token)

    def test_a_changed_character_is_forged(self, make: Maker) -> None:
        assertions = make()
        token = assertions.issue(VOTE)
        middle = len(token) // 2
        changed = token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :]
        with pytest.raises(AssertionForged):
            assertions.verify(changed)

    @pytest.mark.parametrize("expires", [NOON, NOON - timedelta(1), NOON + LIFETIME + timedelta(seconds=1)])
    def test_an_act_outside_its_lifetime_is_not_issued(self, make: Maker, expires: datetime) -> None:
        with pytest.raises(ValueError, match="within"):
            make().issue(replace(VOTE, expires_at=expires))


KEY = Ed25519PrivateKey.generate()
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "jti": str(VOTE.id),
    "tenant": str(VOTE.tenant),
    "sub": str(VOTE.actor),
    "verb": VOTE.verb,
    "subject": VOTE.subject,
    "digest": VOTE.digest,
    "exp": VOTE.expires_at.timestamp(),
}


def signed(claims: dict[str, Any], key: Any = KEY, algorithm: str | None = "EdDSA", typ: str = TYPE) -> str:
    return jwt.encode(claims, key, algorithm=algorithm, headers={"typ": typ})


class TestSignature:
    def test_the_public_key_is_enough_to_verify(self, clock: Clock) -> None:
        reader = ActReader(read_public(public_pem(KEY.public_key())), clock)
        assert reader.verify(SignedActs(KEY, clock).issue(VOTE)) == VOTE

    @pytest.mark.parametrize(
        "token",
        [
            pytest.param(signed(CLAIMS, typ="at+jwt"), id="an access token"),
            pytest.param(signed({**CLAIMS, "aud": "changegate"}), id="another audience"),
            pytest.param(signed({**CLAIMS, "iss": "mallory"}), id="another issuer"),
            pytest.param(signed(CLAIMS, key="", algorithm="none"), id="unsigned"),
            pytest.param(signed(CLAIMS, key=b"k" * 32, algorithm="HS256"), id="a shared secret"),
            pytest.param(signed({**CLAIMS, "jti": "7"}), id="an id that is none"),
            pytest.param(signed({**CLAIMS, "exp": "soon"}), id="an expiry that is none"),
            pytest.param(signed({**CLAIMS, "exp": 1e30}), id="an expiry beyond time"),
            pytest.param(signed({k: v for k, v in CLAIMS.items() if k != "tenant"}), id="no tenant"),
            pytest.param(signed({k: v for k, v in CLAIMS.items() if k != "exp"}), id="no expiry"),
        ],
    )
    def test_anything_else_is_forged(self, clock: Clock, token: str) -> None:
        with pytest.raises(AssertionForged):
            SignedActs(KEY, clock).verify(token)


class TestKeptKey:
    def test_the_key_is_made_once_and_only_its_owner_reads_it(self, tmp_path: Path, clock: Clock) -> None:
        path = tmp_path / "keys" / "acts.pem"
        token = SignedActs(kept_key(path), clock).issue(VOTE)
        assert SignedActs(kept_key(path), clock).verify(token) == VOTE
        assert path.stat().st_mode & 0o777 == 0o600
        assert [file.name for file in path.parent.iterdir()] == ["acts.pem"]

    def test_processes_that_race_get_the_same_key(self, tmp_path: Path) -> None:
        path = tmp_path / "acts.pem"
        together = Barrier(8)

        def first(_: int) -> bytes:
            together.wait()
            return public_pem(kept_key(path).public_key())

        with ThreadPoolExecutor(8) as racers:
            assert len(set(racers.map(first, range(8)))) == 1
        assert [file.name for file in tmp_path.iterdir()] == ["acts.pem"]

    def test_another_kind_of_key_is_not_taken(self, tmp_path: Path) -> None:
        path = tmp_path / "acts.pem"
        key = ec.generate_private_key(ec.SECP256R1())
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        with pytest.raises(ValueError, match="Ed25519"):
            kept_key(path)
        with pytest.raises(ValueError, match="Ed25519"):
            read_public(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
