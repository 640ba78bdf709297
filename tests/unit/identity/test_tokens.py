import base64
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from adapters.identity.issuer import KEY_FILE, EmbeddedIssuer
from adapters.identity.keys import public_jwk, public_pem
from adapters.identity.tokens import MAX_CHARACTERS, Claims, IssuerConfig, TokenInvalid, TokenVerifier
from domain.errors import Unauthenticated

ISSUER = "https://id.example.com"
KEY = Ed25519PrivateKey.generate()
JWK = public_jwk(KEY.public_key())
CONFIG = IssuerConfig(ISSUER, "changegate", frozenset({"EdDSA"}), keys=(JWK,))


def claims(**changed: Any) -> dict[str, Any]:
    now = int(time.time())
    good = {"iss": ISSUER, "aud": "changegate", "sub": "ada", "jti": "t-1", "iat": now, "nbf": now, "exp": now + 300}
    return {name: value for name, value in {**good, **changed}.items() if value is not None}


def token(key: Any = KEY, algorithm: str | None = "EdDSA", *, headers: dict[str, Any] | None = None, **c: Any) -> str:
    wanted = {"typ": "at+jwt", "kid": JWK["kid"], **(headers or {})}
    return jwt.encode(claims(**c), key, algorithm=algorithm, headers=wanted)


def by_hand(header: dict[str, Any], payload: dict[str, Any]) -> str:
    """A token that is signed over whatever it says, as a library would refuse to write it."""
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, payload))
    signing_input = b".".join(parts)
    return b".".join((signing_input, base64.urlsafe_b64encode(KEY.sign(signing_input)).rstrip(b"="))).decode()


async def reason_of(text: str, config: IssuerConfig = CONFIG) -> object:
    with pytest.raises(TokenInvalid) as refused:
        await TokenVerifier({config.issuer: config}).verify(text)
    assert str(refused.value) == "The access token is not accepted."
    return refused.value.facts["reason"]


class TestGoodToken:
    async def test_its_claims_are_who_asks(self) -> None:
        good = claims()
        text = jwt.encode(good, KEY, algorithm="EdDSA", headers={"typ": "at+jwt", "kid": JWK["kid"]})
        expected = Claims(ISSUER, "ada", "t-1", datetime.fromtimestamp(good["exp"], UTC))
        assert await TokenVerifier({ISSUER: CONFIG}).verify(text) == expected

    async def test_it_may_be_for_several_audiences(self) -> None:
        assert (await TokenVerifier({ISSUER: CONFIG}).verify(token(aud=["other", "changegate"]))).subject == "ada"

    async def test_a_clock_may_be_a_little_off(self) -> None:
        assert (await TokenVerifier({ISSUER: CONFIG}).verify(token(nbf=int(time.time()) + 20))).subject == "ada"

    async def test_it_needs_no_id(self) -> None:
        assert (await TokenVerifier({ISSUER: CONFIG}).verify(token(jti=None))).token_id is None


class TestClaims:
    @pytest.mark.parametrize("name", ["iss", "aud", "exp", "nbf", "iat", "sub"])
    async def test_none_may_be_missing(self, name: str) -> None:
        assert await reason_of(token(**{name: None})) == "missing-claim"

    async def test_expired(self) -> None:
        assert await reason_of(token(exp=int(time.time()) - 31)) == "expired"

    async def test_not_before(self) -> None:
        assert await reason_of(token(nbf=int(time.time()) + 60)) == "not-yet-valid"

    async def test_issued_in_the_future(self) -> None:
        assert await reason_of(token(iat=int(time.time()) + 60)) == "not-yet-valid"

    @pytest.mark.parametrize("audience", ["other", ["other"], "", [], 7])
    async def test_another_audience(self, audience: object) -> None:
        assert await reason_of(token(aud=audience)) in {"wrong-audience", "missing-claim"}

    async def test_another_issuer(self) -> None:
        assert await reason_of(token(iss="https://mallory.example.com")) == "unknown-issuer"

    @pytest.mark.parametrize(
        "changed", [{"exp": "soon"}, {"exp": 1e300}, {"exp": True}, {"nbf": []}, {"iat": "x"}, {"sub": 7}, {"jti": 7}]
    )
    async def test_the_wrong_type_of_claim(self, changed: dict[str, object]) -> None:
        header = {"alg": "EdDSA", "typ": "at+jwt", "kid": JWK["kid"]}
        assert await reason_of(by_hand(header, claims(**changed))) in {"malformed", "expired"}

    @pytest.mark.parametrize("subject", ["", " ", "ada\x00", "ada\n"])
    async def test_a_subject_that_names_nobody(self, subject: str) -> None:
        assert await reason_of(token(sub=subject)) == "missing-claim"


class TestHeader:
    @pytest.mark.parametrize("typ", ["JWT", "", "id_token", "changegate-act+jwt"])
    async def test_an_id_token_is_no_access_token(self, typ: str) -> None:
        assert await reason_of(token(headers={"typ": typ})) == "wrong-type"

    @pytest.mark.parametrize("name", ["jku", "x5u", "jwk"])
    async def test_a_key_that_the_token_brings_along(self, name: str) -> None:
        assert await reason_of(token(headers={name: JWK})) == "refused-header"

    async def test_a_critical_extension(self) -> None:
        for critical in (["b64"], ["exp"]):
            header = {"alg": "EdDSA", "typ": "at+jwt", "kid": JWK["kid"], "crit": critical}
            assert await reason_of(by_hand(header, claims())) in {"refused-header", "malformed"}

    async def test_an_unknown_key(self) -> None:
        assert await reason_of(token(headers={"kid": "other"})) == "unknown-key"

    async def test_no_key_named(self) -> None:
        assert await reason_of(by_hand({"alg": "EdDSA", "typ": "at+jwt"}, claims())) == "unknown-key"


class TestSignature:
    async def test_none(self) -> None:
        assert await reason_of(token(key="", algorithm="none")) == "wrong-algorithm"

    async def test_the_public_key_as_a_shared_secret(self) -> None:
        header = base64.urlsafe_b64encode(
            json.dumps({"alg": "HS256", "typ": "at+jwt", "kid": JWK["kid"]}).encode()
        ).rstrip(b"=")
        body = base64.urlsafe_b64encode(json.dumps(claims()).encode()).rstrip(b"=")
        mac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
        forged = mac.sign(header + b"." + body, public_pem(KEY.public_key()))
        text = b".".join((header, body, base64.urlsafe_b64encode(forged).rstrip(b"="))).decode()
        assert await reason_of(text) == "wrong-algorithm"

    async def test_another_key_under_the_same_name(self) -> None:
        assert await reason_of(token(key=Ed25519PrivateKey.generate())) == "bad-signature"

    async def test_changed_claims(self) -> None:
        header, _, signature = token().split(".")
        _, body, _ = token(sub="bo").split(".")
        assert await reason_of(f"{header}.{body}.{signature}") == "bad-signature"

    async def test_an_algorithm_that_was_not_chosen_for_the_issuer(self) -> None:
        config = IssuerConfig(ISSUER, "changegate", frozenset({"RS256"}), keys=(JWK,))
        assert await reason_of(token(), config) == "wrong-algorithm"

    async def test_the_algorithm_of_the_key_counts_and_not_that_of_the_header(self) -> None:
        key = rsa.generate_private_key(65537, 2048)
        jwk = {**jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": "r", "alg": "RS256"}
        config = IssuerConfig(ISSUER, "changegate", frozenset({"RS256", "PS256"}), keys=(jwk,))
        assert (
            await TokenVerifier({ISSUER: config}).verify(token(key, "RS256", headers={"kid": "r"}))
        ).subject == "ada"
        assert await reason_of(token(key, "PS256", headers={"kid": "r"}), config) == "wrong-algorithm"

    async def test_a_short_rsa_key(self) -> None:
        key = rsa.generate_private_key(65537, 1024)  # noqa: S505 - weak on purpose
        jwk = {**jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": "r"}
        config = IssuerConfig(ISSUER, "changegate", frozenset({"RS256"}), keys=(jwk,))
        with pytest.warns(jwt.InsecureKeyLengthWarning):
            text = token(key, "RS256", headers={"kid": "r"})
        assert await reason_of(text, config) == "unknown-key"

    async def test_an_elliptic_key_is_good_for_its_curve(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        jwk = {**jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": "e"}
        config = IssuerConfig(ISSUER, "changegate", frozenset({"ES256"}), keys=(jwk,))
        assert (
            await TokenVerifier({ISSUER: config}).verify(token(key, "ES256", headers={"kid": "e"}))
        ).subject == "ada"


class TestShape:
    @pytest.mark.parametrize("text", ["", "a", "a.b", "a.b.c", "...", "é.é.é", "\ud800", "\x00.\x00.\x00", "e30.e30."])
    async def test_what_is_no_token(self, text: str) -> None:
        assert await reason_of(text) in {"malformed", "wrong-type"}

    async def test_a_huge_token(self) -> None:
        assert await reason_of(token(note="x" * MAX_CHARACTERS)) == "too-long"

    async def test_every_refusal_is_an_unanswered_who(self) -> None:
        assert issubclass(TokenInvalid, Unauthenticated)


class TestIssuerConfig:
    @pytest.mark.parametrize("algorithms", [set(), {"HS256"}, {"none"}, {"EdDSA", "HS512"}, {"ES256K"}])
    def test_only_asymmetric_algorithms_can_be_chosen(self, algorithms: set[str]) -> None:
        with pytest.raises(ValueError, match="algorithms"):
            IssuerConfig(ISSUER, "changegate", frozenset(algorithms), keys=(JWK,))

    @pytest.mark.parametrize("url", ["http://id.example.com/jwks", "ftp://127.0.0.1/", "file:///keys"])
    def test_a_key_address_is_https_or_loopback(self, url: str) -> None:
        with pytest.raises(ValueError, match="https"):
            IssuerConfig(ISSUER, "changegate", frozenset({"EdDSA"}), jwks_url=url)

    def test_there_is_one_source_of_keys(self) -> None:
        with pytest.raises(ValueError, match="either"):
            IssuerConfig(ISSUER, "changegate", frozenset({"EdDSA"}))


class TestTokenVerifier:
    def test_an_issuer_is_listed_under_its_own_name(self) -> None:
        with pytest.raises(ValueError, match="own name"):
            TokenVerifier({"https://other.example.com": CONFIG})

    def test_fetched_keys_need_a_cache(self) -> None:
        config = IssuerConfig(ISSUER, "changegate", frozenset({"EdDSA"}), jwks_url="https://id.example.com/jwks")
        with pytest.raises(ValueError, match="KeyCache"):
            TokenVerifier({ISSUER: config})


class TestEmbeddedIssuer:
    async def test_what_it_mints_is_believed(self, tmp_path: Path) -> None:
        issuer = EmbeddedIssuer(tmp_path)
        verifier = TokenVerifier({issuer.issuer: issuer.config()})
        assert (await verifier.verify(issuer.mint("ada"))).subject == "ada"

    async def test_it_keeps_its_key(self, tmp_path: Path) -> None:
        before = EmbeddedIssuer(tmp_path).mint("ada")
        again = EmbeddedIssuer(tmp_path)
        assert (await TokenVerifier({again.issuer: again.config()}).verify(before)).subject == "ada"
        assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600

    async def test_its_tokens_end(self, tmp_path: Path) -> None:
        issuer = EmbeddedIssuer(tmp_path)
        assert await reason_of(issuer.mint("ada", ttl=timedelta(seconds=-60)), issuer.config()) == "expired"

    def test_its_key_set_holds_no_private_part(self, tmp_path: Path) -> None:
        assert all("d" not in jwk for jwk in EmbeddedIssuer(tmp_path).jwks()["keys"])
