from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.closures import Certificate
from domain.people import PermissionMissing
from tests.closes import ENTITY, MARCH, Close


async def proof(close: Close, **asked: Any) -> Any:
    return await close.cases.proving.of(close.world.eve, ENTITY, MARCH, **asked)


async def altered(close: Close, **given: Any) -> None:
    """Past the product, the first certificate says something else."""
    place = await close.place()
    async with close.transaction() as tx:
        kept: dict[Any, Any] = tx.closures._rows.certificates
        ((run, first), *more) = kept[ENTITY, place.id]
        kept[ENTITY, place.id] = ((run, replace(first, **given)), *more)


async def with_another(close: Close) -> None:
    """A second certificate that continues the first, and that nobody issued."""
    place = await close.place()
    async with close.transaction() as tx:
        kept: dict[Any, Any] = tx.closures._rows.certificates
        first: Certificate = kept[ENTITY, place.id][0][1]
        second = replace(first, number=2, previous=first.digest, delta=[])
        kept[ENTITY, place.id] = (*kept[ENTITY, place.id], (second.run, second))


class TestProving:
    async def test_a_period_that_was_never_closed_has_no_certificate(self, close: Close) -> None:
        found = await proof(close)
        assert (found.certificates, found.broken_at) == ((), None)

    async def test_what_was_issued_is_intact(self, close: Close) -> None:
        await close.closed()
        found = await proof(close)
        assert ([each.number for each in found.certificates], found.broken_at) == ([1], None)

    async def test_what_was_altered_afterwards_is_not(self, close: Close) -> None:
        await close.closed()
        first = (await proof(close)).certificates[0]
        await altered(close, closed_at=first.closed_at - timedelta(days=1))
        assert (await proof(close)).broken_at == 1

    async def test_a_certificate_that_nobody_issued_is_found(self, close: Close) -> None:
        await close.closed()
        await with_another(close)
        assert (await proof(close)).broken_at == 2
        await altered(close, exclusions=("payroll",))
        assert (await proof(close)).broken_at == 1

    async def test_what_the_books_took_since_is_told_by_module(self, close: Close) -> None:
        await close.books()
        await close.closed()
        assert (await proof(close)).since is None
        assert (await proof(close, books=True)).since == []
        await close.books(entries=3)
        (moved,) = (await proof(close, books=True)).since
        assert (moved["module"], moved["entries"]) == ("payables", 1)

    async def test_is_for_who_may_read_periods(self, close: Close) -> None:
        with pytest.raises(PermissionMissing):
            await close.cases.proving.of(replace(close.world.eve, roles=frozenset()), ENTITY, MARCH)
