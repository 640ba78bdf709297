"""A list is read page by page from where the last page ended; the cursor is opaque to the client and checked by us."""

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

import orjson
from fastapi import Query

from domain.errors import Fault, Invalid

MOST = 100
NEWEST = 2**62
"""Where a list by version begins: above every version."""
Limit = Annotated[int, Query(ge=1, le=MOST, description="Items on one page.")]
Cursor = Annotated[str | None, Query(max_length=400, description="`next_cursor` of the page before.")]

T = TypeVar("T")
R = TypeVar("R")


class CursorInvalid(Invalid):
    """This cursor was not given by this list."""

    kind = "cursor-invalid"


def moment(value: Any) -> datetime:
    at = datetime.fromisoformat(str(value))
    if at.tzinfo is None:
        raise ValueError("an instant has an offset")
    return at


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a key is text")
    return value


def number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**62:
        raise ValueError("a version is a whole number")
    return value


def identifier(value: Any) -> UUID:
    return UUID(str(value))


def _named(listed: str) -> Callable[[Any], None]:
    def check(value: Any) -> None:
        if value != listed:
            raise ValueError("another list's cursor")

    return check


def encoded(listed: str, *parts: object) -> str:
    """`listed` names the list, so that the cursor of one is refused by another."""
    texts = [part.isoformat() if isinstance(part, datetime) else str(part) if isinstance(part, UUID) else part
             for part in parts]  # fmt: skip
    return base64.urlsafe_b64encode(orjson.dumps([listed, *texts])).rstrip(b"=").decode()


def decoded(listed: str, cursor: str | None, *kinds: Callable[[Any], Any]) -> tuple[Any, ...] | None:
    if cursor is None:
        return None
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        parts = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        return tuple(kind(part) for kind, part in zip((_named(listed), *kinds), parts, strict=True))[1:]
    except (ValueError, TypeError, AttributeError, OverflowError, binascii.Error):
        raise CursorInvalid([Fault("/query/cursor", "next_cursor of a page of this list")]) from None


def cut(rows: Sequence[T], limit: int, cursor: Callable[[T], str]) -> tuple[list[T], str | None]:
    """The page, and where the next one begins; `rows` were asked for with one more than `limit`."""
    page = list(rows[:limit])
    return page, cursor(page[-1]) if len(rows) > limit else None
