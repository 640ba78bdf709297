"""A ring of keys that never leave HashiCorp Vault: its transit engine wraps and unwraps data keys."""

import asyncio
import base64
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import requests
from hvac import Client
from hvac.exceptions import VaultError

from application.ports.secrets import KeysMadeElsewhere, KeysUnavailable, SealBroken, Wrapped

SECONDS: Final = 5
LABEL: Final = b"changegate fingerprints v1"
_REFUSED: Final = "invalid-request"
_CIPHERTEXT = re.compile(r"vault:v([1-9][0-9]{0,8}):([A-Za-z0-9+/]+={0,2})")


@dataclass(frozen=True)
class Transit:
    """One key of one transit engine; `token_file` is read at each call, so an agent may renew the token in it."""

    url: str
    token_file: Path
    key: str
    mount: str = "transit"
    namespace: str | None = None
    server_ca: Path | None = None
    seconds: int = SECONDS


class VaultTransitKeyRing:
    """Answers `application.ports.secrets.KeyRing` with the versions of one key, whose ids are `<key>-v3`.

    Fingerprints come from the first version of `<key>-fingerprint`, which stays however often either is rotated.
    No redirect and no proxy of the environment is followed: the token would go along.
    """

    def __init__(self, transit: Transit) -> None:
        self._transit = transit
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = True if transit.server_ca is None else str(transit.server_ca)
        self._fingerprint_key: bytes | None = None

    async def primary(self) -> str:
        found = await self._ask(lambda vault: vault.read_key(self._transit.key, mount_point=self._transit.mount))
        return self._id(_number(found.get("latest_version")))

    async def ids(self) -> list[str]:
        """Of every version that the key still has; one that `min_decryption_version` shuts out opens nothing."""
        found = await self._ask(lambda vault: vault.read_key(self._transit.key, mount_point=self._transit.mount))
        versions = found.get("keys")
        if not isinstance(versions, dict):
            raise KeysUnavailable(reason="not-understood")
        oldest = found.get("min_decryption_version")
        numbers = sorted(int(each) for each in versions if each.isdecimal())
        return [self._id(each) for each in numbers if each >= (oldest if isinstance(oldest, int) else 1)]

    async def grow(self) -> str:
        raise KeysMadeElsewhere(mount=self._transit.mount, name=self._transit.key)

    async def wrap(self, key: bytes) -> Wrapped:
        plaintext = base64.b64encode(key).decode()
        found = await self._ask(
            lambda vault: vault.encrypt_data(self._transit.key, plaintext, mount_point=self._transit.mount)
        )
        match = _CIPHERTEXT.fullmatch(str(found.get("ciphertext")))
        if match is None:
            raise KeysUnavailable(reason="not-understood")
        return Wrapped(self._id(int(match[1])), base64.b64decode(match[2]))

    async def unwrap(self, wrapped: Wrapped) -> bytes:
        name, _, version = wrapped.kek.rpartition("-v")
        if name != self._transit.key or not re.fullmatch(r"[1-9][0-9]{0,8}", version):
            raise SealBroken
        ciphertext = f"vault:v{version}:{base64.b64encode(wrapped.key).decode()}"
        try:
            found = await self._ask(
                lambda vault: vault.decrypt_data(self._transit.key, ciphertext, mount_point=self._transit.mount)
            )
        except KeysUnavailable as unavailable:
            if unavailable.facts["reason"] == _REFUSED:  # Vault is there, and knows no such ciphertext of this key
                raise SealBroken from None
            raise
        return _decoded(found.get("plaintext"))

    async def fingerprint_key(self) -> bytes:
        """Asked for once: Vault's HMAC of a fixed label, so that no secret has to travel to be compared."""
        if self._fingerprint_key is None:
            label = base64.b64encode(LABEL).decode()
            found = await self._ask(
                lambda vault: vault.generate_hmac(
                    f"{self._transit.key}-fingerprint", label, 1, "sha2-256", mount_point=self._transit.mount
                )
            )
            self._fingerprint_key = _decoded(str(found.get("hmac")).removeprefix("vault:v1:"))
        return self._fingerprint_key

    def close(self) -> None:
        """Let go of the connections that are kept open."""
        self._session.close()

    async def _ask(self, question: Callable[[Any], Any]) -> dict[str, Any]:
        try:
            async with asyncio.timeout(2 * self._transit.seconds):  # to connect, and for an answer that trickles
                answer = await asyncio.to_thread(lambda: question(self._client().secrets.transit))
        except (VaultError, requests.RequestException, OSError, ValueError, AttributeError, TypeError) as error:
            # the last two: hvac takes an error's body for an object with a list of texts
            raise KeysUnavailable(reason=_reason(error)) from None
        found = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(found, dict):
            raise KeysUnavailable(reason="not-understood")
        return found

    def _client(self) -> Client:
        transit = self._transit
        token = transit.token_file.read_text(encoding="ascii").strip()
        if not token:  # Vault answers 400 to nobody, as it does to a ciphertext that is none
            raise KeysUnavailable(reason="no-token")
        return Client(
            transit.url,
            token,
            verify=self._session.verify,
            timeout=transit.seconds,
            allow_redirects=False,
            session=self._session,
            namespace=transit.namespace,
        )

    def _id(self, version: int) -> str:
        return f"{self._transit.key}-v{version}"


def _reason(error: Exception) -> str:
    """A word for the log: the name of what happened, never the text of an answer or a request."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(error).__name__).lower()


def _number(found: object) -> int:
    if isinstance(found, int) and found > 0:
        return found
    raise KeysUnavailable(reason="not-understood")


def _decoded(found: object) -> bytes:
    try:
        raw = base64.b64decode(str(found), validate=True)
    except ValueError:
        raw = b""
    if len(raw) != 32:  # noqa: PLR2004 -- 256 bits, of a data key or of HMAC-SHA-256
        raise KeysUnavailable(reason="not-understood")
    return raw
