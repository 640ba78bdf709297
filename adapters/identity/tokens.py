"""A person is who an access token says (RFC 9068), when an issuer that we chose signed it for us."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

import jwt

from adapters.identity.jwks import ALGORITHMS, KeyCache, VerifyingKey, keys_of
from adapters.settings import ExternalIssuer
from domain.errors import Unauthenticated

MAX_CHARACTERS: Final = 8 * 1024
LEEWAY_SECONDS: Final = 30
TYPES: Final = frozenset({"at+jwt", "application/at+jwt"})
REQUIRED: Final = ("iss", "aud", "exp", "nbf", "iat", "sub")
REFUSED_HEADERS: Final = frozenset({"jku", "x5u", "jwk", "crit"})
ASYMMETRIC: Final = frozenset().union(*ALGORITHMS.values())


class TokenInvalid(Unauthenticated):
    """The access token is not accepted."""

    kind = "token-invalid"


@dataclass(frozen=True)
class IssuerConfig:
    """Whom we believe: `keys` is a fixed JWK set, or `jwks_url` an https address of one."""

    issuer: str
    audience: str
    algorithms: frozenset[str]
    jwks_url: str | None = None
    keys: tuple[Mapping[str, Any], ...] = ()

    def __post_init__(self) -> None:
        if not self.algorithms or not self.algorithms <= ASYMMETRIC:
            raise ValueError(f"the algorithms of an issuer are some of {', '.join(sorted(ASYMMETRIC))}")
        if (self.jwks_url is None) == (not self.keys):
            raise ValueError("an issuer has either a jwks_url or fixed keys")
        if self.jwks_url is not None and not _is_safe(self.jwks_url):
            raise ValueError("a jwks_url is https, or http on loopback")


def accepted(issuers: Iterable[ExternalIssuer]) -> list[IssuerConfig]:
    """The issuers that the settings name."""
    return [
        IssuerConfig(each.issuer, each.audience, frozenset(each.algorithms), jwks_url=each.jwks_url) for each in issuers
    ]


@dataclass(frozen=True)
class Claims:
    """Who asks, as the issuer names them; roles and tenants are not read from a token."""

    issuer: str
    subject: str
    token_id: str | None
    expires_at: datetime


class TokenVerifier:
    """`issuers` by the value of `iss`; `jwks` is needed when one of them has a jwks_url."""

    def __init__(self, issuers: Mapping[str, IssuerConfig], jwks: KeyCache | None = None) -> None:
        if any(name != config.issuer for name, config in issuers.items()):
            raise ValueError("an issuer is listed under its own name")
        if jwks is None and any(config.jwks_url for config in issuers.values()):
            raise ValueError("an issuer with a jwks_url needs a KeyCache")
        self._issuers = dict(issuers)
        self._jwks = jwks
        self._fixed = {name: keys_of(dict(key) for key in config.keys) for name, config in issuers.items()}

    async def verify(self, token: str) -> Claims:
        """The claims of a good token; TokenInvalid with a short `reason` for any other."""
        kid, issuer = _unverified(token)
        config = self._issuers.get(issuer)
        if config is None:
            raise TokenInvalid(reason="unknown-issuer")
        key = await self._key(config, kid)
        if key is None:
            raise TokenInvalid(reason="unknown-key")
        return _claims(_verified(token, key, config), config)

    async def _key(self, config: IssuerConfig, kid: str) -> VerifyingKey | None:
        if config.jwks_url is None or self._jwks is None:
            return self._fixed[config.issuer].get(kid)
        return await self._jwks.find(config.jwks_url, kid)


def _unverified(token: str) -> tuple[str, str]:
    """`kid` and `iss`, which only choose the key to verify with."""
    if len(token) > MAX_CHARACTERS:
        raise TokenInvalid(reason="too-long")
    if not token.isascii():
        raise TokenInvalid(reason="malformed")
    try:
        seen = jwt.decode_complete(token, options={"verify_signature": False})
    except jwt.PyJWTError:
        raise TokenInvalid(reason="malformed") from None
    header, payload = seen["header"], seen["payload"]
    if REFUSED_HEADERS & header.keys():
        raise TokenInvalid(reason="refused-header")
    if str(header.get("typ")).lower() not in TYPES:
        raise TokenInvalid(reason="wrong-type")
    if not isinstance(payload.get("iss"), str):
        raise TokenInvalid(reason="missing-claim")
    if not isinstance(header.get("kid"), str):
        raise TokenInvalid(reason="unknown-key")
    return header["kid"], payload["iss"]


def _verified(token: str, key: VerifyingKey, config: IssuerConfig) -> dict[str, Any]:
    algorithms = sorted(key.algorithms & config.algorithms)
    if not algorithms:
        raise TokenInvalid(reason="wrong-algorithm")
    try:
        return jwt.decode(
            token,
            key.key,
            algorithms=algorithms,
            audience=config.audience,
            issuer=config.issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": list(REQUIRED), "enforce_minimum_key_length": True},
        )
    except jwt.PyJWTError as error:
        raise TokenInvalid(reason=_reason(error)) from None


def _claims(payload: Mapping[str, Any], config: IssuerConfig) -> Claims:
    subject, expires = payload["sub"], payload["exp"]
    if any(isinstance(payload[name], bool | str) for name in ("exp", "nbf", "iat")):
        raise TokenInvalid(reason="malformed")
    if not subject.strip() or not subject.isprintable():
        raise TokenInvalid(reason="missing-claim")
    try:
        expires_at = datetime.fromtimestamp(expires, UTC)
    except (OverflowError, ValueError, OSError):
        raise TokenInvalid(reason="malformed") from None
    return Claims(config.issuer, subject, payload.get("jti"), expires_at)


_REASONS: Final[Iterable[tuple[type[jwt.PyJWTError], str]]] = (
    (jwt.ExpiredSignatureError, "expired"),
    (jwt.ImmatureSignatureError, "not-yet-valid"),
    (jwt.InvalidAudienceError, "wrong-audience"),
    (jwt.InvalidIssuerError, "unknown-issuer"),
    (jwt.MissingRequiredClaimError, "missing-claim"),
    (jwt.InvalidAlgorithmError, "wrong-algorithm"),
    (jwt.InvalidSignatureError, "bad-signature"),
    (jwt.InvalidKeyError, "unknown-key"),
)


def _reason(error: jwt.PyJWTError) -> str:
    return next((reason for kind, reason in _REASONS if isinstance(error, kind)), "malformed")


def _is_safe(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in {"127.0.0.1", "::1", "localhost"})
