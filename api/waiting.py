"""A caller may prefer to wait for the end of what it asks for (RFC 7240), for half a minute at most."""

import re
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Query, Response

from application.commands.awaiting import LONGEST
from application.commands.sending import Sent

_WAIT = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?([0-9]{1,9})\"?\s*(?=$|[,;])", re.IGNORECASE)


@dataclass(frozen=True)
class Wait:
    """For so many seconds; 0 where nobody waits. `preferred`: by the header, which is answered."""

    seconds: int
    preferred: bool = False

    def tell(self, answer: Response, sent: Sent) -> None:
        """200 with what became of it, or 202 and where that will be told."""
        answer.status_code = 200 if sent.record.over else 202
        if not sent.record.over:
            answer.headers["Location"] = f"/api/v1/commands/{'/'.join(sent.record.key)}"
        if self.preferred:
            answer.headers["Preference-Applied"] = f"wait={self.seconds}"


def _wait(
    wait: Annotated[int | None, Query(ge=1, le=LONGEST, description="Seconds to wait for the end of it.")] = None,
    prefer: Annotated[list[str] | None, Header(description=f"wait=N: the same; at most {LONGEST}.")] = None,
) -> Wait:
    """A preference is no demand: what cannot be read in it is passed over, and too much is cut."""
    if wait is not None:
        return Wait(wait)
    found = _WAIT.search(",".join(prefer or []))
    return Wait(min(int(found[1]), LONGEST), preferred=int(found[1]) > 0) if found else Wait(0)


Patience = Annotated[Wait, Depends(_wait)]
