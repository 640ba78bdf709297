"""Advice from memory is what the guard of the same store says of the same day, person and gate."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from application.periods.checking import PostingChecks, Question
from application.periods.known import KnownTables
from application.ports.periods import PostingAsked
from domain.errors import Refusal
from domain.people import Actor, Principal, Role
from domain.periods import Operation, PeriodClosed
from tests.contract.homes import Home
from tests.gatekeeping import WAYS, Bookroom

SCOPES = ("GL", "AP", "AR")
FIRST, DAYS = date(2023, 12, 28), 375
HOUR = timedelta(hours=1)
Said = tuple[str, ...]


class Silent:
    """A line on which nobody speaks."""

    line, silence = 1, 0.0

    async def listen(self) -> AsyncIterator[UUID | None]:
        await asyncio.Event().wait()
        yield None


class Undone(Exception):
    """It was let in, and nothing of that stays."""

    def __init__(self, *said: str) -> None:
        super().__init__()
        self.said = said


@pytest_asyncio.fixture
async def fin(home: Home) -> Principal:
    principal = Principal(home.tenant.id, uuid4(), "iss", "fin", "fin", roles=frozenset({Role.FINANCE_CONTROLLER}))
    async with home.transaction() as tx:
        await tx.people.admit(principal)
    return principal


@pytest_asyncio.fixture
async def books(home: Home) -> Bookroom:
    room = Bookroom(home.store, home.tenant.id, home.ada.id)
    await room.furnish(2024, scopes=SCOPES)
    return room


def checks(home: Home) -> PostingChecks:
    return PostingChecks(home.store, KnownTables(home.store, Silent()), lambda: datetime.now(UTC))


async def advised(of: PostingChecks, home: Home, person: Principal, asked: PostingAsked) -> Said:
    actor = Actor(home.tenant.id, person.id, person.handle, roles=person.roles)
    question = Question(asked.entity, asked.scope, asked.operation, asked.day.isoformat(), asked.period)
    (told,) = (await of.ask(actor, [question])).advices
    if told.refusal is not None:
        return type(told.refusal).__name__, str(told.refusal)
    assert told.period is not None
    assert told.gate is not None
    return str(told.period.id), str(told.gate.epoch)


async def guarded(home: Home, asked: PostingAsked) -> Said:
    try:
        await let_in(home, asked)
    except Undone as undone:
        return undone.said
    except Refusal as refusal:
        return type(refusal).__name__, str(refusal)
    raise AssertionError("it was neither let in nor refused")


async def let_in(home: Home, asked: PostingAsked) -> None:
    async with home.transaction() as tx:
        postable = await tx.periods.assert_postable(asked)
        raise Undone(str(postable.period), str(postable.epoch))


async def any_state(books: Bookroom, people: list[Principal], dice: random.Random) -> None:
    """Gates here and there, and exceptions that hold, do not hold yet, no more, for somebody else, or are used up."""
    now = datetime.now(UTC)
    for code in books.periods:
        for scope in SCOPES:
            await books.stand(code, scope, dice.choice(list(WAYS)))
    for code in dice.sample(list(books.periods), 8):
        begins, ends = dice.choice(
            [(now - HOUR, now + HOUR), (now + HOUR, now + 2 * HOUR), (now - 2 * HOUR, now - HOUR)]
        )
        grantees: list[UUID | str] = [each.id for each in people]
        to = dice.choice([*grantees, Role.APPROVER.value, Role.VIEWER.value])
        await books.grant(
            code, dice.choice(SCOPES), to, begins=begins, ends=ends, most_entries=dice.choice([None, 1]),
            operations=frozenset(dice.sample([Operation.TRANSACTION, Operation.ADJUSTMENT], dice.choice([1, 2]))),
        )  # fmt: skip


def any_posting(people: list[Principal], dice: random.Random) -> tuple[Principal, PostingAsked]:
    person = dice.choice(people)
    day = FIRST + timedelta(days=dice.randrange(DAYS))
    entity = dice.choices(["acme", "nobody"], [30, 1])[0]
    scope = dice.choices([*SCOPES, "FA"], [9, 9, 9, 1])[0]
    period = dice.choices([None, 13, 12, 14], [20, 3, 1, 1])[0]
    return person, PostingAsked(entity, scope, dice.choice(list(Operation)), day, person.id, None, period)


class TestAdvice:
    @pytest.mark.req("FP31", "FP32", "FP33", "FP34", "FP36")
    @pytest.mark.parametrize("seed", range(3))
    async def test_is_what_the_guard_says(self, home: Home, books: Bookroom, fin: Principal, seed: int) -> None:
        dice = random.Random(seed)
        people = [home.ada, home.bob, fin]
        await any_state(books, people, dice)
        asked = [any_posting(people, dice) for _ in range(120)]
        adviser = checks(home)
        told = [await advised(adviser, home, *each) for each in asked]
        assert told == [await guarded(home, posting) for _, posting in asked]
        assert len({said[0] for said in told if said[0].isidentifier()}) > 5

    @pytest.mark.req("FP42")
    async def test_that_is_stale_does_no_harm(self, home: Home, books: Bookroom) -> None:
        await books.stand("2024-03", "AP", "open")
        adviser = checks(home)
        asked = PostingAsked("acme", "AP", Operation.TRANSACTION, date(2024, 3, 15), home.ada.id)
        allowed = await advised(adviser, home, home.ada, asked)
        assert allowed == await guarded(home, asked)
        await books.move("2024-03", "AP", "closed")
        assert await advised(adviser, home, home.ada, asked) == allowed
        assert (await guarded(home, asked))[0] == PeriodClosed.__name__

    async def test_of_an_exception_that_is_used_up_is_no(self, home: Home, books: Bookroom) -> None:
        await books.stand("2024-03", "AP", "closed")
        await books.grant("2024-03", "AP", home.ada.id, most_entries=1)
        asked = PostingAsked("acme", "AP", Operation.TRANSACTION, date(2024, 3, 15), home.ada.id)
        before = await advised(checks(home), home, home.ada, asked)
        async with home.transaction() as tx:
            await tx.periods.assert_postable(asked)
        after = await advised(checks(home), home, home.ada, asked)
        assert before[0] != PeriodClosed.__name__
        assert after == await guarded(home, asked)
        assert after[0] == PeriodClosed.__name__
