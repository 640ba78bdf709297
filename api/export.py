"""An export is streamed row by row; a spreadsheet that opens it finds text where a formula could stand."""

import csv
import io
from collections.abc import AsyncIterator
from enum import StrEnum

import orjson

from api.schemas.audit import COLUMNS, AuditOut
from application.ports.records import AuditRow
from domain.canonical import Json

_CHUNK = 64 * 1024
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Form(StrEnum):
    JSONL = "jsonl"
    CSV = "csv"


MEDIA = {Form.JSONL: "application/jsonl", Form.CSV: "text/csv; charset=utf-8; header=present"}


async def exported(rows: AsyncIterator[AuditRow], form: Form) -> AsyncIterator[bytes]:
    """Chunks of some 64 KiB. JSON lines hold the whole event with its salt, so that each leaf can be computed again."""
    chunk = _csv_line(COLUMNS) if form is Form.CSV else ""
    async for row in rows:
        chunk += _csv_line(_cells(AuditOut.of(row))) if form is Form.CSV else _json_line(row)
        if len(chunk) >= _CHUNK:
            yield chunk.encode()
            chunk = ""
    yield chunk.encode()


def _json_line(row: AuditRow) -> str:
    line = {"recorded_at": row.recorded_at.isoformat(), "leaf": row.leaf.hex(), "event": row.event}
    return orjson.dumps(line, option=orjson.OPT_SORT_KEYS).decode() + "\n"


def _cells(row: AuditOut) -> list[str]:
    told = row.model_dump(mode="json")
    return [_cell(told[name]) for name in COLUMNS]


def _cell(value: Json) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    return harmless(text)


def harmless(text: str) -> str:
    """A leading apostrophe where a spreadsheet would begin to calculate (OWASP, CSV injection)."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _csv_line(cells: list[str] | tuple[str, ...]) -> str:
    """RFC 4180: CRLF, and quotes where a cell needs them."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return line.getvalue()
