"""The same calls as those of `changegate.client`, for asyncio."""

from collections.abc import AsyncIterator, Mapping, Sequence
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
from changegate.transport import TIMEOUT, AsyncTransport, Place
from changegate.wire import Token


class AsyncClient:
    """One API in one name; of one event loop. Every method raises Refused, or Unreachable."""

    def __init__(
        self,
        url: str,
        token: Token,
        *,
        tenant: str | None = None,
        timeout: float = TIMEOUT,
        allow_http: bool = False,
    ) -> None:
        self._transport = AsyncTransport(Place(url, token, tenant, timeout, allow_http))
        self.settings = AsyncSettingCalls(self._transport)
        self.changes = AsyncChangeCalls(self._transport)
        self.bundles = AsyncBundleCalls(self._transport)
        self.postings = AsyncPostingCalls(self._transport)

    async def aclose(self) -> None:
        await self._transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class AsyncSettingCalls:
    """What is in force, why, and what scopes say."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._ask = transport.ask

    async def effective(
        self, key: str, *, environment: str, scope: str = "", as_of: datetime | None = None
    ) -> Effective:  # fmt: skip
        """What is in force, now or at `as_of`; NotFound for a key that is not defined."""
        return await self._ask(calls.effective(key, environment, scope, as_of))

    async def all_effective(self, *, environment: str, scope: str = "") -> AsyncIterator[Effective]:
        """Every key, in order."""
        cursor: str | None = None
        while True:
            page, cursor = await self._ask(calls.effective_page(environment, scope, cursor))
            for each in page:
                yield each
            if cursor is None:
                return

    async def explain(
        self, key: str, *, environment: str, scope: str = "", as_of: datetime | None = None
    ) -> Explanation:  # fmt: skip
        """Every level from broad to narrow: what it says, who said so, when and why."""
        return await self._ask(calls.explain(key, environment, scope, as_of))

    async def stored(self, key: str, *, environment: str, scope: str = "") -> Stored:
        """What the scope itself says, and the version that a write names."""
        return await self._ask(calls.stored(key, environment, scope))

    async def set(
        self, item: Item, *, environment: str, over: int, reason: str, idempotency_key: str | None = None
    ) -> Outcome:
        """Over version `over`, 0 where there is none; Stale if there is another one. May wait for approval."""
        if item.unset:
            raise ValueError("a value that is taken back is for unset")
        return await self._ask(
            calls.put(item, environment, over=over, reason=reason, idempotency_key=idempotency_key)
        )  # fmt: skip

    async def unset(
        self, item: Item, *, environment: str, over: int, reason: str, idempotency_key: str | None = None
    ) -> Outcome:
        """What the item's scope says of its key is taken back, so that it inherits."""
        return await self._ask(
            calls.unset(
                item.key, environment, item.scope, over=over, reason=reason, idempotency_key=idempotency_key
            )
        )  # fmt: skip

    async def bulk(
        self,
        items: Sequence[Item],
        *,
        environment: str,
        reason: str,
        dry_run: bool = False,
        idempotency_key: str | None = None,
    ) -> Outcome:
        """All or none; `dry_run` tells what would be, and changes nothing."""
        return await self._ask(
            calls.bulk(items, environment, reason=reason, dry_run=dry_run, idempotency_key=idempotency_key)
        )  # fmt: skip

    async def versions(self, key: str, *, environment: str, scope: str = "") -> AsyncIterator[Entry]:
        """Newest first."""
        cursor: str | None = None
        while True:
            page, cursor = await self._ask(calls.versions(key, environment, scope, cursor))
            for each in page:
                yield each
            if cursor is None:
                return

    async def diff(
        self, key: str, *, environment: str, before: int, after: int, scope: str = ""
    ) -> list[dict[str, Json]]:  # fmt: skip
        """Lines of op, path, before and after; of a secret only that it changed."""
        return await self._ask(calls.diff(key, environment, scope, before=before, after=after))

    async def rollback(
        self, item: Item, *, environment: str, to: int, over: int, reason: str, idempotency_key: str | None = None
    ) -> Outcome:
        """What version `to` said at the item's place, as a new version over `over`."""
        call = calls.rollback(
            item, environment, to=to, over=over, reason=reason, idempotency_key=idempotency_key
        )  # fmt: skip
        return await self._ask(call)

    async def reveal(self, key: str, *, environment: str, scope: str = "") -> str:
        """A secret in plain text, for applications only; each reading is written down."""
        return await self._ask(calls.reveal(key, environment, scope))


class AsyncChangeCalls:
    """Changes that wait, and votes on them."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._ask = transport.ask

    async def get(self, id: UUID | str) -> Change:  # noqa: A002 -- the wire's name
        return await self._ask(calls.change(id))

    async def diff(self, id: UUID | str) -> dict[str, Json]:  # noqa: A002 -- the wire's name
        """From the base version to the new content, and whether the base has moved since."""
        return await self._ask(calls.change_diff(id))

    async def submit(self, id: UUID | str, *, idempotency_key: str | None = None) -> Submitted:  # noqa: A002 -- the wire's name
        return await self._ask(calls.submit(id, idempotency_key))

    async def approval(self, id: UUID | str) -> Approval:  # noqa: A002 -- the wire's name
        return await self._ask(calls.approval(id))

    async def pending(self) -> tuple[Approval, ...]:
        """What waits for my vote."""
        return await self._ask(calls.pending())

    async def vote(
        self, on: Approval, answer: str, *, reason: str = "", idempotency_key: str | None = None
    ) -> Approval:  # fmt: skip
        """Approve or reject, the content that was read: Conflict if it is another one now."""
        call = calls.vote(on.id, answer, reason=reason, digest=on.digest, idempotency_key=idempotency_key)
        return await self._ask(call)


class AsyncBundleCalls:
    """The settings of an environment as one document."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._ask = transport.ask

    async def export(self, *, environment: str) -> dict[str, Json]:
        return await self._ask(calls.export(environment))

    async def import_(
        self,
        bundle: Mapping[str, Json],
        *,
        environment: str,
        reason: str,
        idempotency_key: str | None = None,
        **options: Json,
    ) -> Imported:
        """Whole or not at all. Options: dry_run, prune, overwrite, from_tenant."""
        return await self._ask(
            calls.import_(
                bundle, environment, reason=reason, options=options, idempotency_key=idempotency_key
            )
        )  # fmt: skip


class AsyncPostingCalls:
    """What gates of fiscal periods allow."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._ask = transport.ask

    async def check(
        self, checks: Sequence[PostingCheck], *, person: UUID | str | None = None
    ) -> PostingAnswers:  # fmt: skip
        """At most 1,000 at once, for this caller or for a `person`; Invalid leaves all of them unanswered."""
        return await self._ask(postings.check(checks, person))
