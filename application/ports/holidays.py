"""On which days a country rests, for due dates."""

from collections.abc import Iterable
from datetime import date
from typing import Protocol


class PublicHolidays(Protocol):
    """Of a country and a part of it, by their codes in ISO 3166; Invalid at /country or /subdivision for another."""

    def of(self, country: str, subdivision: str | None, years: Iterable[int]) -> frozenset[date]: ...
