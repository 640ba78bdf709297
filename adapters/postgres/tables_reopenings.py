"""The tables of reopenings as queries see them; the migrations own their shape."""

from sqlalchemy import ARRAY, Boolean, Column, Integer, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from adapters.postgres.tables import metadata, moment

period_reopening = Table(
    "period_reopening",
    metadata,
    Column("tenant_id", Uuid),
    Column("reopening_id", Uuid),
    Column("entity", Text),
    Column("period_id", Uuid),
    Column("period_code", Text),
    Column("scopes", ARRAY(Text)),
    Column("wish", JSONB),
    Column("requester", Uuid),
    Column("approval", Uuid),
    Column("asked_at", moment),
    Column("state", Text),
    Column("over", Boolean),
    Column("cascade", ARRAY(Text)),
    Column("stale", ARRAY(Text)),
    Column("opened_at", moment),
    Column("open_until", moment),
    Column("closure", Uuid),
    Column("why", Text),
    Column("recertified", JSONB),
    Column("started", Boolean),
)
reopened_gate = Table(
    "reopened_gate",
    metadata,
    Column("tenant_id", Uuid),
    Column("entity", Text),
    Column("period_id", Uuid),
    Column("scope", Text),
    Column("opened_at", moment),
    Column("reopening_id", Uuid),
    Column("open_until", moment),
)
window_limit = Table(
    "window_limit",
    metadata,
    Column("tenant_id", Uuid),
    Column("reopening_id", Uuid),
    Column("most_entries", Integer),
    Column("used", Integer),
)
