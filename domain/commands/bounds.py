"""How much of a type is executed, and on what it depends: said once, by its handler."""

import re
from dataclasses import dataclass
from datetime import timedelta
from math import ceil, isfinite
from typing import Any, Final, Literal

from domain.canonical import Json
from domain.commands.breakers import NAME, Patience
from domain.commands.limits import Limit, LimitScope

AT_ONCE_APART: Final = 4
"""Of one dependency, unless its type says otherwise: so many hang when it does, and no more."""
_POINTER: Final = r"(/[A-Za-z_][A-Za-z0-9_-]{0,39}){1,4}"


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """`per_second`, and `burst` together after a rest (as many as in a second, where it is not said); `at_once` leased.

    `depends_on` names what is left alone for `rest_seconds` after `breaks_after` failures one after the other. Each is
    counted for a tenant, or with `limit_scope` "everywhere" over all of them. Where commands of one type go to many
    receivers, `apart` points to the member of the payload that names theirs, as /webhook: each is a dependency of its
    own, and of one at most `at_once_apart` are leased, for a tenant. ValueError.
    """

    per_second: float | None = None
    burst: int | None = None
    at_once: int | None = None
    limit_scope: Literal["tenant", "everywhere"] = "tenant"
    depends_on: str | None = None
    breaks_after: int = 5
    rest_seconds: float = 30
    apart: str | None = None
    at_once_apart: int = AT_ONCE_APART

    def check_bounds(self) -> None:
        wrong = {
            "more than none in a second": self.per_second is not None
            and not (isfinite(self.per_second) and self.per_second > 0),
            "a burst of at least one, and of so many in a second": self.burst is not None
            and (self.burst < 1 or self.per_second is None),
            "at least one at once": self.at_once is not None and self.at_once < 1,
            "a scope that there is": self.limit_scope not in set(LimitScope),
            "a dependency as crm": self.depends_on is not None and not re.fullmatch(NAME, self.depends_on),
            "at least one failure, and a rest": self.breaks_after < 1 or not self.rest_seconds > 0,
            "a pointer to a member, as /webhook": self.apart is not None and not re.fullmatch(_POINTER, self.apart),
            "parts of a dependency, for each tenant": self.apart is not None
            and (self.depends_on is None or self.limit_scope == "everywhere"),
            "at least one at once for each": self.at_once_apart < 1,
        }
        for said, is_wrong in wrong.items():
            if is_wrong:
                raise ValueError(said)

    @property
    def bounded(self) -> bool:
        return (self.per_second, self.at_once, self.depends_on) != (None, None, None)

    @property
    def scope(self) -> LimitScope:
        return LimitScope(self.limit_scope)

    def dependency(self, receiver: str) -> str | None:
        """Of a command that goes to this receiver, where its type tells them apart."""
        return receiver if self.apart is not None and receiver else self.depends_on

    @property
    def patience(self) -> Patience:
        return Patience(self.breaks_after, timedelta(seconds=self.rest_seconds))

    def limit(self, type: str) -> Limit | None:  # noqa: A002 -- the command's
        if self.per_second is None and self.at_once is None:
            return None
        burst = self.burst or max(1, ceil(self.per_second or 1))
        return Limit(type, self.scope, self.per_second, burst, self.at_once)

    def bounds_json(self) -> dict[str, Json]:
        """Nothing of what is not bounded."""
        if not self.bounded:
            return {}
        said: dict[str, Any] = {name: getattr(self, name) for name in ("per_second", "burst", "at_once", "limit_scope")}
        if self.depends_on is not None:
            said |= {
                "depends_on": self.depends_on,
                "breaks_after": self.breaks_after,
                "rest_seconds": self.rest_seconds,
            }
        if self.apart is not None:
            said |= {"apart": self.apart, "at_once_apart": self.at_once_apart}
        return {name: value for name, value in said.items() if value is not None}
