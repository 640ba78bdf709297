"""A bundle is written piece by piece, and its bytes are those that it would have had whole."""

import hashlib
from collections import Counter
from datetime import datetime
from enum import IntEnum

from domain.bookkeeping import Bookkeeping
from domain.bookkeeping.contents import BOOKS, CALENDARS, ENTITIES, SCOPES
from domain.canonical import Json, canonical_bytes
from domain.environments import Environment
from domain.settings.bundle import FORMAT, VERSION, Signature, instant_text


class Section(IntEnum):
    """In the order in which the canonical form has them; the shared rules come before the flags."""

    DEFINITIONS = 0
    EVALUATORS = 1
    FLAGS = 2
    VALUES = 3


class BundleWriter:
    """Takes items in the order of their sections, and within one of key, scope and time; each call returns bytes.

    The bookkeeping is little, and is known before it begins.
    """

    def __init__(self, tenant: str, environment: Environment, books: Bookkeeping) -> None:
        place, said = (
            canonical_bytes(environment.value),
            {
                name: b'"%s":%s' % (name.encode(), canonical_bytes(section))
                for name, section in books.sections().items()
            },
        )
        self._openings = {
            Section.DEFINITIONS: b'{"definitions":[',
            Section.EVALUATORS: b'],%s,"environment":%s,"evaluators":' % (said[BOOKS], place),
            Section.FLAGS: b',%s,"flags":[' % said[CALENDARS],
            Section.VALUES: b'],"format":"%s",%s,%s,"tenant":%s,"values":['
            % (FORMAT.encode(), said[ENTITIES], said[SCOPES], canonical_bytes(tenant)),
        }
        self._hash = hashlib.sha256()
        self._section = -1
        self.counts: Counter[Section] = Counter()

    @property
    def checksum(self) -> str:
        """Once the end is written."""
        return "sha256:" + self._hash.hexdigest()

    def item(self, section: Section, content: Json) -> bytes:
        opened = self._opened(section)
        comma = b"," if self.counts[section] and section is not Section.EVALUATORS else b""
        self.counts[section] += 1
        return opened + self._told(comma + canonical_bytes(content))

    def end(self) -> bytes:
        """All that the checksum covers, but for the brace that closes it."""
        written = self._opened(Section.VALUES)
        closing = b'],"version":"' + VERSION.encode() + b'"'
        self._told(closing)
        self._hash.update(b"}")
        return written + closing

    def seal(self, exported_at: datetime, signature: Signature | None) -> bytes:
        """What the checksum does not cover, after the end."""
        signed = None if signature is None else signature.to_json()
        seal = {"checksum": self.checksum, "exported_at": instant_text(exported_at), "signature": signed}
        return b"," + canonical_bytes(seal)[1:]

    def _opened(self, section: Section) -> bytes:
        opened = b""
        while self._section < section:
            self._section += 1
            passed = Section(self._section)
            opened += self._openings[passed]
            if passed is Section.EVALUATORS and section is not Section.EVALUATORS:
                opened += b"{}"
        return self._told(opened)

    def _told(self, content: bytes) -> bytes:
        self._hash.update(content)
        return content
