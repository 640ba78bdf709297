"""Three versions of one checkout: the present one, a good new one, and a new one that waits for prices too long."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from uuid import uuid4

CARD_FAILURES = 0.01
PRICES_TAKE_S = (0.2, 0.2 + 0.2 / 0.6)
"""Evenly spread, so that two answers in five come later than turbo waits."""
PRICES_PATIENCE_S = 0.4


class CheckoutFailed(Exception):
    """The customer could not check out."""

    def __init__(self) -> None:
        super().__init__((type(self).__doc__ or "").strip())


class CardNetworkDown(CheckoutFailed):
    """The card network did not take the charge."""


class PricesLate(CheckoutFailed):
    """The price service did not answer in time."""


async def classic(customer: str) -> str:
    await _stock(0.002, 0.004)
    return await _charge(customer, 0.003, 0.006)


async def express(customer: str) -> str:
    """One call less: the stock is reserved with the charge."""
    return await _charge(customer, 0.003, 0.007)


async def turbo(customer: str) -> str:
    """Asks a price service for each basket, which answers slowly and often not in time."""
    try:
        async with asyncio.timeout(PRICES_PATIENCE_S):
            await asyncio.sleep(random.uniform(*PRICES_TAKE_S))
    except TimeoutError as late:
        raise PricesLate from late
    return await _charge(customer, 0.003, 0.006)


CHECKOUTS: Mapping[str, Callable[[str], Awaitable[str]]] = {"classic": classic, "express": express, "turbo": turbo}
"""Each takes a customer and returns the number of the order, or raises CheckoutFailed."""


async def _stock(least: float, most: float) -> None:
    await asyncio.sleep(random.uniform(least, most))


async def _charge(customer: str, least: float, most: float) -> str:
    """The card network is slow for everybody and down for one charge in a hundred, as networks are."""
    await asyncio.sleep(random.uniform(least, most))
    if random.random() < CARD_FAILURES:
        raise CardNetworkDown
    return f"{customer}-{uuid4().hex[:12]}"
