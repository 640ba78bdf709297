"""The tables of series of closes as queries see them; the migrations own their shape."""

from sqlalchemy import ARRAY, Boolean, Column, Integer, Table, Text, Uuid

from adapters.postgres.tables import metadata, moment

closure_series = Table(
    "closure_series",
    metadata,
    Column("tenant_id", Uuid),
    Column("series_id", Uuid),
    Column("requester", Uuid),
    Column("reason", Text),
    Column("asked_at", moment),
    Column("at_once", Integer),
    Column("state", Text),
    Column("over", Boolean),
    Column("why", Text),
    Column("aborted_by", Uuid),
    Column("abort_reason", Text),
    Column("started", Boolean),
    Column("changed_at", moment),
)
closure_series_member = Table(
    "closure_series_member",
    metadata,
    Column("tenant_id", Uuid),
    Column("series_id", Uuid),
    Column("place", Integer),
    Column("entity", Text),
    Column("period_id", Uuid),
    Column("period_code", Text),
    Column("mode", Text),
    Column("scopes", ARRAY(Text)),
    Column("template", Text),
    Column("due_at", moment),
    Column("after", ARRAY(Text)),
    Column("state", Text),
    Column("run_id", Uuid),
    Column("joined", Boolean),
    Column("why", Text),
)
