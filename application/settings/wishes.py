"""What a person asks to be written."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.canonical import Json
from domain.environments import Environment
from domain.settings import EntryState, Scope

MOST_ITEMS = 10_000


@dataclass(frozen=True)
class Wish:
    """One value at one scope; `expected` is the version that was seen there (None: whichever, 0: none).

    `constraint` is raw JSON. Without `since` it holds at once, without `until` as long as nothing else is planned.
    With `cancels` it says nothing itself: what is planned there as that version never begins.
    """

    key: str
    scope: Scope
    state: EntryState
    value: Json = None
    enforced: bool = False
    constraint: Json = None
    expected: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    cancels: int | None = None


@dataclass(frozen=True)
class Order:
    """Wishes that come true together or not at all; `dry_run` only tells what would be.

    `reverts` is the change that this order takes back. With `apply_at` it is a change that waits until then.
    What waits does not start after `apply_by`.
    """

    environment: Environment
    wishes: tuple[Wish, ...]
    reason: str
    dry_run: bool = False
    reverts: UUID | None = None
    apply_at: datetime | None = None
    apply_by: datetime | None = None


@dataclass(frozen=True)
class Affected:
    """A scope below whose own value counts no more, or not as written: `how` is shadowed or clamped."""

    key: str
    scope: str
    how: str
    by: str
