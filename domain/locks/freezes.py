"""A freeze keeps rollouts from starting until a moment; a block does so until somebody lifts it, and not for ever."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from domain.changes import Kind
from domain.environments import Environment
from domain.errors import Conflict, Fault, Invalid
from domain.locks.places import Place

LONGEST = timedelta(days=90)


class Frozen(Conflict):
    """A freeze or a block stands over this target; nothing may start there now."""

    kind = "frozen"


class FreezeKind(StrEnum):
    FREEZE = "freeze"
    BLOCK = "block"


class WhileRunning(StrEnum):
    """What becomes of rollouts that are under way when it begins."""

    CONTINUE = "continue"
    PAUSE = "pause"


@dataclass(frozen=True)
class Reach:
    """What it stands over; each field that is empty narrows nothing. `tag` is one of a definition of a setting."""

    environment: Environment | None = None
    kinds: tuple[Kind, ...] = ()
    prefix: str = ""
    tag: str | None = None

    def covers(self, place: Place, tags: Collection[str] = ()) -> bool:
        return (
            self.environment in (None, place.environment)
            and (not self.kinds or place.kind in self.kinds)
            and place.key.startswith(self.prefix)
            and (self.tag is None or self.tag in tags)
        )


@dataclass(frozen=True)
class Cover:
    """A freeze as all may know it over whom it stands: who set it, and why, stays with the tenant that did."""

    id: UUID
    tenant: UUID
    kind: FreezeKind
    reach: Reach
    starts: datetime
    ends: datetime
    running: WhileRunning

    def stands(self, at: datetime) -> bool:
        return self.starts <= at < self.ends


@dataclass(frozen=True)
class Freeze(Cover):
    """From `starts` until `ends`, or until it is lifted; `owner` answers for it."""

    owner: str
    reason: str
    created_by: UUID
    created_at: datetime
    lifted_at: datetime | None = None
    lifted_by: UUID | None = None

    @property
    def cover(self) -> Cover:
        return Cover(self.id, self.tenant, self.kind, self.reach, self.starts, self.ends, self.running)


def check_term(starts: datetime, ends: datetime | None, at: datetime) -> None:
    """Invalid without an end, with one that is past, before its start, or too far away."""
    if ends is None:
        raise Invalid([Fault("/until", "a moment: what nobody lifts must end by itself")])
    if ends <= max(starts, at):
        raise Invalid([Fault("/until", "later than its beginning, and than now")])
    if ends - starts > LONGEST:
        raise Invalid([Fault("/until", f"at most {LONGEST.days} days after its beginning")])


def standing_over(
    freezes: Iterable[Cover], tags: Mapping[Place, Collection[str]], at: datetime
) -> list[Cover]:  # fmt: skip
    """Of those that nobody lifted, who stands over one of these places now; the one that ends last comes first."""
    found = [each for each in freezes if each.stands(at) and any(each.reach.covers(*place) for place in tags.items())]
    return sorted(found, key=lambda each: each.ends, reverse=True)


def freeze_json(freeze: Freeze) -> dict[str, Any]:
    """As the trail keeps it."""
    return {
        "kind": freeze.kind.value,
        "environment": freeze.reach.environment.value if freeze.reach.environment else None,
        "kinds": [kind.value for kind in freeze.reach.kinds],
        "prefix": freeze.reach.prefix,
        "tag": freeze.reach.tag,
        "from": freeze.starts.isoformat(),
        "until": freeze.ends.isoformat(),
        "running": freeze.running.value,
        "owner": freeze.owner,
    }
