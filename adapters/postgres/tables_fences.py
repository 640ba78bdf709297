"""The tables of remote modules as queries see them; the migrations own their shape."""

from sqlalchemy import BigInteger, Boolean, Column, Integer, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from adapters.postgres.tables import metadata, moment

remote_module = Table(
    "remote_module",
    metadata,
    Column("tenant_id", Uuid),
    Column("code", Text),
    Column("name", Text),
    Column("scope", Text),
    Column("speaker", Uuid),
    Column("entities", ARRAY(Text)),
    Column("in_service", Boolean),
    Column("version", BigInteger),
    Column("told_by", Text),
)
module_fence = Table(
    "module_fence",
    metadata,
    Column("tenant_id", Uuid),
    Column("fence_id", Uuid),
    Column("module", Text),
    Column("entity", Text),
    Column("period_id", Uuid),
    Column("scope", Text),
    Column("epoch", BigInteger),
    Column("period_code", Text),
    Column("run", Uuid),
    Column("asked_at", moment),
    Column("attempts", Integer),
    Column("state", Text),
    Column("acknowledgement", JSONB(none_as_null=True)),
    Column("settled_at", moment),
    Column("settled_by", Uuid),
    Column("reason", Text),
    Column("command", Text),
)
