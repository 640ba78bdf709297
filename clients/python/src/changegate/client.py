"""Changes are made and looked at over HTTP; every write is sent with a key that lets it count once."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Self
from uuid import UUID

from changegate import calls, postings
from changegate.models import (
    Approval,
    Change,
    Effective,
    Entry,
    Explanation,
    Imported,
    Item,
    Json,
    Outcome,
    Stored,
    Submitted,
)
from changegate.postings import PostingAnswers, PostingCheck
from changegate.transport import TIMEOUT, Place, Transport
from changegate.wire import Token


class Client:
    """One API in one name; may be shared by threads. Every method raises Refused, or Unreachable."""

    def __init__(
        self,
        url: str,
        token: Token,
        *,
        tenant: str | None = None,
        timeout: float = TIMEOUT,
        allow_http: bool = False,
    ) -> None:
        self._transport = Transport(Place(url, token, tenant, timeout, allow_http))
        self.settings = SettingCalls(self._transport)
        self.changes = ChangeCalls(self._transport)
        self.bundles = BundleCalls(self._transport)
        self.postings = PostingCalls(self._transport)

    def close(self) -> None:
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class SettingCalls:
    """What is in force, why, and what scopes say."""

    def __init__(self, transport: Transport) -> None:
        self._ask = transport.ask

    def effective(
        self, key: str, *, environment: str, scope: str = "", as_of: datetime | None = None
    ) -> Effective:  # fmt: skip
        """What is in force, now or at `as_of`; NotFound for a key that is not defined."""
        return self._ask(calls.effective(key, environment, scope, as_of))

    def all_effective(self, *, environment: str, scope: str = "") -> Iterator[Effective]:
        """Every key, in order."""
        cursor: str | None = None
        while True:
            page, cursor = self._ask(calls.effective_page(environment, scope, cursor))
            yield from page
            if cursor is None:
                return

    def explain(
        self, key: str, *, environment: str, scope: str = "", as_of: datetime | None = None
    ) -> Explanation:  # fmt: skip
        """Every level from broad to narrow: what it says, who said so, when and why."""
        return self._ask(calls.explain(key, environment, scope, as_of))

    def stored(self, key: str, *, environment: str, scope: str = "") -> Stored:
        """What the scope itself says, and the version that a write names."""
        return self._ask(calls.stored(key, environment, scope))

    def set(
        self, item: Item, *, environment: str, over: int, reason: str, idempotency_key: str | None = None
    ) -> Outcome:
        """Over version `over`, 0 where there is none; Stale if there is another one. May wait for approval."""
        if item.unset:
            raise ValueError("a value that is taken back is for unset")
        return self._ask(
            calls.put(item, environment, over=over, reason=reason, idempotency_key=idempotency_key)
        )  # fmt: skip

    def unset(
        self, item: Item, *, environment: str, over: int, reason: str, idempotency_key: str | None = None
    ) -> Outcome:
        """What the item's scope says of its key is taken back, so that it inherits."""
        return self._ask(
            calls.unset(
                item.key, environment, item.scope, over=over, reason=reason, idempotency_key=idempotency_key
            )
        )  # fmt: skip

    def bulk(
        self,
        items: Sequence[Item],
        *,
        environment: str,
        reason: str,
        dry_run: bool = False,
        idempotency_key: str | None = None,
    ) -> Outcome:
        """All or none; `dry_run` tells what would be, and changes nothing."""
        return self._ask(
            calls.bulk(items, environment, reason=reason, dry_run=dry_run, idempotency_key=idempotency_key)
        )  # fmt: skip

    def versions(self, key: str, *, environment: str, scope: str = "") -> Iterator[Entry]:
        """Newest first."""
        cursor: str | None = None
        while True:
            page, cursor = self._ask(calls.versions(key, environment, scope, cursor))
            yield from page
            if cursor is None:
                return

    def diff(
        self, key: str, *, environment: str, before: int, after: int, scope: str = ""
    ) -> list[dict[str, Json]]:  # fmt: skip
        """Lines of op, path, before and after; of a secret only that it changed."""
        return self._ask(calls.diff(key, environment, scope, before=before, after=after))

    def rollback(
        self, item: Item, *, environment: str, to: int, over: int, reason: str, idempotency_key: str | None = None
    ) -> Outcome:
        """What version `to` said at the item's place, as a new version over `over`."""
        call = calls.rollback(
            item, environment, to=to, over=over, reason=reason, idempotency_key=idempotency_key
        )  # fmt: skip
        return self._ask(call)

    def reveal(self, key: str, *, environment: str, scope: str = "") -> str:
        """A secret in plain text, for applications only; each reading is written down."""
        return self._ask(calls.reveal(key, environment, scope))


class ChangeCalls:
    """Changes that wait, and votes on them."""

    def __init__(self, transport: Transport) -> None:
        self._ask = transport.ask

    def get(self, id: UUID | str) -> Change:  # noqa: A002 -- the wire's name
        return self._ask(calls.change(id))

    def diff(self, id: UUID | str) -> dict[str, Json]:  # noqa: A002 -- the wire's name
        """From the base version to the new content, and whether the base has moved since."""
        return self._ask(calls.change_diff(id))

    def submit(self, id: UUID | str, *, idempotency_key: str | None = None) -> Submitted:  # noqa: A002 -- the wire's name
        return self._ask(calls.submit(id, idempotency_key))

    def approval(self, id: UUID | str) -> Approval:  # noqa: A002 -- the wire's name
        return self._ask(calls.approval(id))

    def pending(self) -> tuple[Approval, ...]:
        """What waits for my vote."""
        return self._ask(calls.pending())

    def vote(
        self, on: Approval, answer: str, *, reason: str = "", idempotency_key: str | None = None
    ) -> Approval:  # fmt: skip
        """Approve or reject, the content that was read: Conflict if it is another one now."""
        call = calls.vote(on.id, answer, reason=reason, digest=on.digest, idempotency_key=idempotency_key)
        return self._ask(call)


class BundleCalls:
    """The settings of an environment as one document."""

    def __init__(self, transport: Transport) -> None:
        self._ask = transport.ask

    def export(self, *, environment: str) -> dict[str, Json]:
        return self._ask(calls.export(environment))

    def import_(
        self,
        bundle: Mapping[str, Json],
        *,
        environment: str,
        reason: str,
        idempotency_key: str | None = None,
        **options: Json,
    ) -> Imported:
        """Whole or not at all. Options: dry_run, prune, overwrite, from_tenant."""
        return self._ask(
            calls.import_(
                bundle, environment, reason=reason, options=options, idempotency_key=idempotency_key
            )
        )  # fmt: skip


class PostingCalls:
    """What gates of fiscal periods allow."""

    def __init__(self, transport: Transport) -> None:
        self._ask = transport.ask

    def check(
        self, checks: Sequence[PostingCheck], *, person: UUID | str | None = None
    ) -> PostingAnswers:  # fmt: skip
        """At most 1,000 at once, for this caller or for a `person`; Invalid leaves all of them unanswered."""
        return self._ask(postings.check(checks, person))
