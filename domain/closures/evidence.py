"""Evidence is the bytes that somebody saw: they are known by their digest, and kept until their time is over."""

import hashlib
import re
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from domain.closures.refusals import EvidenceAltered, EvidenceRetained
from domain.closures.tasks import ClosureTask
from domain.errors import Fault, Invalid

MOST_BYTES = 10 * 1024 * 1024
_MOST_NAME = 200
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}")


@dataclass(frozen=True)
class Evidence:
    """`sha256` are 64 hex digits; `basis` is what the books were when it was attached."""

    id: UUID
    run: UUID
    task: str
    name: str
    media_type: str
    size: int
    sha256: str
    added_by: UUID
    added_at: datetime
    retained_until: datetime
    basis: str = ""

    def verify(self, content: bytes) -> None:
        """Raises EvidenceAltered."""
        found = sha256_of(content)
        if (len(content), found) != (self.size, self.sha256):
            raise EvidenceAltered(evidence=str(self.id), sha256=self.sha256, found=found)

    def check_removal(self, at: datetime) -> None:
        """Raises EvidenceRetained."""
        if at < self.retained_until:
            raise EvidenceRetained(evidence=str(self.id), until=self.retained_until.isoformat())


def sha256_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def check_attachment(name: str, media_type: str, content: bytes) -> None:
    """Raises Invalid."""
    faults = []
    if not 1 <= len(name.strip()) <= _MOST_NAME or not name.isprintable() or "/" in name or "\\" in name:
        faults.append(Fault("/name", f"the name of a file, of at most {_MOST_NAME} characters"))
    if not _MEDIA_TYPE.fullmatch(media_type):
        faults.append(Fault("/media_type", "as application/pdf"))
    if not 1 <= len(content) <= MOST_BYTES:
        faults.append(Fault("/content", f"from 1 to {MOST_BYTES} bytes"))
    if faults:
        raise Invalid(faults)


def carried(before: ClosureTask, now: ClosureTask, basis: str) -> ClosureTask:
    """A new attempt has the evidence of the one before, while the books are what was signed for then."""
    last = before.signoffs[-1] if before.signoffs else None
    if before.plan.key != now.plan.key or last is None or last.basis != basis:
        return now
    return replace(now, evidence=tuple(dict.fromkeys((*now.evidence, *before.evidence))))
