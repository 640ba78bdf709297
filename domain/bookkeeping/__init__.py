"""What the books of a tenant are kept by, as a document that depends on nothing else."""

from domain.bookkeeping.contents import SECTIONS, Bookkeeping, KeptCalendar, KeptYear, calendar_name, line_above
from domain.bookkeeping.growing import check_growth, outwards
from domain.bookkeeping.parsing import parse_bookkeeping

__all__ = [
    "SECTIONS",
    "Bookkeeping",
    "KeptCalendar",
    "KeptYear",
    "calendar_name",
    "check_growth",
    "line_above",
    "outwards",
    "parse_bookkeeping",
]
