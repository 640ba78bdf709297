"""The tables of calendars as queries see them; the migrations own their shape."""

from sqlalchemy import BigInteger, Boolean, Column, Integer, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import DATERANGE, JSONB

from adapters.postgres.tables import metadata, moment

legal_entity = Table(
    "legal_entity",
    metadata,
    Column("tenant_id", Uuid),
    Column("code", Text),
    Column("name", Text),
    Column("time_zone", Text),
    Column("parent", Text),
    Column("country", Text),
    Column("subdivision", Text),
    Column("version", BigInteger),
)
fiscal_calendar = Table(
    "fiscal_calendar",
    metadata,
    Column("tenant_id", Uuid),
    Column("calendar_id", Uuid),
    Column("entity", Text),
    Column("code", Text),
    Column("version", BigInteger),
)
fiscal_calendar_version = Table(
    "fiscal_calendar_version",
    metadata,
    Column("tenant_id", Uuid),
    Column("calendar_id", Uuid),
    Column("version", BigInteger),
    Column("from_year", Integer),
    Column("rule", JSONB),
    Column("short_periods", Text),
    Column("written_by", Uuid),
    Column("written_at", moment),
    Column("reason", Text),
    Column("request", Uuid),
)
fiscal_year = Table(
    "fiscal_year",
    metadata,
    Column("tenant_id", Uuid),
    Column("year_id", Uuid),
    Column("calendar_id", Uuid),
    Column("version", BigInteger),
    Column("number", Integer),
    Column("kind", Text),
    Column("label", Text),
    Column("span", DATERANGE),
    Column("used", Boolean),
    Column("made_by", Uuid),
    Column("made_at", moment),
    Column("reason", Text),
)
fiscal_period = Table(
    "fiscal_period",
    metadata,
    Column("tenant_id", Uuid),
    Column("period_id", Uuid),
    Column("calendar_id", Uuid),
    Column("year_id", Uuid),
    Column("number", Integer),
    Column("kind", Text),
    Column("quarter", Integer),
    Column("span", DATERANGE),
    Column("name", Text),
)
