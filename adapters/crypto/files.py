"""A ring of keys in a folder: one file a key, made once, which only its owner can read."""

import asyncio
import os
import re
import secrets
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from application.ports.secrets import KeysUnavailable, SealBroken, Wrapped

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
SUFFIX: Final = ".key"
FINGERPRINTS: Final = "fingerprints.hmac"
_NAME = re.compile(r"([A-Za-z0-9_-]{1,100})\.key", re.ASCII)


class FileKeyRing:
    """Answers `application.ports.secrets.KeyRing` with `<folder>/<id>.key`: 32 bytes as hex, mode 0600 or narrower.

    The primary is the one called `primary`, otherwise the last by name; a folder without keys gets `0001` on first use.
    Nothing is remembered, so a key that is added holds for the next call of every process that shares the folder.
    """

    def __init__(self, folder: Path, primary: str | None = None) -> None:
        self._folder = folder
        self._named = primary

    async def primary(self) -> str:
        return await asyncio.to_thread(self._primary)

    async def wrap(self, key: bytes) -> Wrapped:
        return await asyncio.to_thread(self._wrap, key)

    async def unwrap(self, wrapped: Wrapped) -> bytes:
        return await asyncio.to_thread(self._unwrap, wrapped)

    async def fingerprint_key(self) -> bytes:
        return await asyncio.to_thread(self._fingerprint_key)

    async def ids(self) -> list[str]:
        return await asyncio.to_thread(self._ids)

    async def grow(self) -> str:
        """The id of a fresh key with the next number, which wraps from now on unless another one is named."""
        return await asyncio.to_thread(self._grow)

    def _primary(self) -> str:
        ids = self._ids()
        if self._named is not None:
            if self._named not in ids:
                raise KeysUnavailable(reason="no-such-key", file=self._named + SUFFIX)
            return self._named
        return ids[-1] if ids else self._first()

    def _wrap(self, key: bytes) -> Wrapped:
        kek, nonce = self._primary(), secrets.token_bytes(NONCE_BYTES)
        return Wrapped(kek, nonce + AESGCM(self._read(kek + SUFFIX)).encrypt(nonce, key, kek.encode()))

    def _unwrap(self, wrapped: Wrapped) -> bytes:
        if wrapped.kek not in self._ids():  # also keeps an id that is a path from being one
            raise SealBroken
        kek = AESGCM(self._read(wrapped.kek + SUFFIX))
        nonce, ciphertext = wrapped.key[:NONCE_BYTES], wrapped.key[NONCE_BYTES:]
        try:
            return kek.decrypt(nonce, ciphertext, wrapped.kek.encode())
        except (InvalidTag, ValueError):  # a ValueError: too short to hold a nonce
            raise SealBroken from None

    def _fingerprint_key(self) -> bytes:
        if FINGERPRINTS not in self._names():
            self._make(FINGERPRINTS)
        return self._read(FINGERPRINTS)

    def _first(self) -> str:
        self._make(f"0001{SUFFIX}")  # of two processes that race, both find the one key
        return self._ids()[-1]

    def _grow(self) -> str:
        while True:
            numbers = [int(each) for each in self._ids() if each.isdecimal()]
            name = f"{max(numbers, default=0) + 1:04d}"
            if self._make(name + SUFFIX):
                return name

    def _ids(self) -> list[str]:
        return sorted(match[1] for match in map(_NAME.fullmatch, self._names()) if match)

    def _names(self) -> list[str]:
        try:
            return os.listdir(self._folder)  # noqa: PTH208 -- only the names are asked for
        except FileNotFoundError:
            return []
        except OSError as error:
            raise KeysUnavailable(reason=_reason(error)) from None

    def _read(self, name: str) -> bytes:
        try:
            with (self._folder / name).open("rb") as file:
                if os.fstat(file.fileno()).st_mode & 0o077:
                    raise KeysUnavailable(reason="open-to-others", file=name)
                raw = bytes.fromhex(file.read(KEY_BYTES * 4).decode("ascii"))
        except OSError as error:
            raise KeysUnavailable(reason=_reason(error), file=name) from None
        except ValueError:
            raw = b""
        if len(raw) != KEY_BYTES:
            raise KeysUnavailable(reason="no-key-inside", file=name)
        return raw

    def _make(self, name: str) -> bool:
        """False when it is there already. Nobody ever sees half a key, and none is overwritten."""
        try:
            self._folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._folder.mkdir(exist_ok=True, mode=0o700)
            draft = self._draft(name)
            try:
                os.link(draft, self._folder / name)
                self._keep()
            finally:
                draft.unlink()
        except FileExistsError:
            return False
        except OSError as error:
            raise KeysUnavailable(reason=_reason(error), file=name) from None
        return True

    def _draft(self, name: str) -> Path:
        draft = self._folder / f".{name}.{secrets.token_hex(8)}"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        return draft

    def _keep(self) -> None:
        """The name is on the disk before anything is sealed with the key: a power cut takes both or neither."""
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _reason(error: OSError) -> str:
    return (error.strerror or "unreadable").lower().replace(" ", "-")
