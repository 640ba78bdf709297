"""Entities, calendars with their years, books and scopes call each other by their codes, and nothing by an id."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.calendars import FiscalYear
from domain.canonical import Json

ENTITIES, CALENDARS, BOOKS, SCOPES = "legal_entities", "fiscal_calendars", "entity_books", "posting_scopes"
SECTIONS = frozenset({ENTITIES, CALENDARS, BOOKS, SCOPES})


@dataclass(frozen=True)
class KeptYear:
    """A year as `version` of the rule made it, or as it was given."""

    version: int
    year: FiscalYear

    def to_json(self) -> dict[str, Json]:
        year = self.year
        periods = [period.to_json() for period in year.periods]
        said: dict[str, Json] = {"number": year.number, "kind": year.kind.value, "label": year.label}
        return {"version": self.version, **said, "periods": periods}


@dataclass(frozen=True)
class KeptCalendar:
    """`versions` say `from_year`, `rule` and `short_periods`, the first one first; years are in order of their days."""

    code: str
    entity: str | None
    versions: tuple[Json, ...]
    years: tuple[KeptYear, ...] = ()

    @property
    def name(self) -> str:
        return calendar_name(self.code, self.entity)

    def to_json(self) -> dict[str, Json]:
        years = [each.to_json() for each in self.years]
        return {"code": self.code, "entity": self.entity, "versions": list(self.versions), "years": years}


@dataclass(frozen=True)
class Bookkeeping:
    """By code, calendars by name and books by entity; each as its JSON, which says all of it."""

    entities: Mapping[str, Json] = field(default_factory=dict)
    calendars: Mapping[str, KeptCalendar] = field(default_factory=dict)
    books: Mapping[str, Json] = field(default_factory=dict)
    scopes: Mapping[str, Json] = field(default_factory=dict)

    def sections(self) -> dict[str, list[Json]]:
        """In order of the names, so that the same bookkeeping is the same bytes."""
        calendars = [self.calendars[name].to_json() for name in sorted(self.calendars)]
        plain = {ENTITIES: self.entities, BOOKS: self.books, SCOPES: self.scopes}
        return {CALENDARS: calendars} | {name: [held[key] for key in sorted(held)] for name, held in plain.items()}


def calendar_name(code: str, entity: str | None) -> str:
    """No code has a slash."""
    return f"{entity}/{code}" if entity else code


def line_above(code: str, entities: Mapping[str, Json]) -> list[str]:
    """The entity and those above it; nothing where one of them is not there, or stands above itself."""
    line: list[str] = []
    above: str | None = code
    while above is not None:
        if above not in entities or above in line:
            return []
        line.append(above)
        above = entities[above]["parent"]
    return line
