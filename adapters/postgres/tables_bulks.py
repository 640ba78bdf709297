"""The tables of bulk operations as queries see them; the migrations own their shape."""

from sqlalchemy import ARRAY, BigInteger, Boolean, Column, Integer, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from adapters.postgres.tables import metadata, moment

command_bulk = Table(
    "command_bulk",
    metadata,
    Column("tenant_id", Uuid),
    Column("bulk_id", Uuid),
    Column("act", Text),
    Column("requester", Uuid),
    Column("reason", Text),
    Column("digest", Text),
    Column("wanted", JSONB),
    Column("asked_at", moment),
    Column("stages", ARRAY(Text)),
    Column("pace", JSONB),
    Column("total", Integer),
    Column("state", Text),
    Column("over", Boolean),
    Column("why", Text),
    Column("stage", Integer),
    Column("acted", Integer),
    Column("settles_until", moment),
    Column("ended", JSONB),
    Column("approval", Uuid),
    Column("version", BigInteger),
    Column("started", Boolean),
    Column("changed_at", moment),
)
command_bulk_item = Table(
    "command_bulk_item",
    metadata,
    Column("tenant_id", Uuid),
    Column("bulk_id", Uuid),
    Column("place", Integer),
    Column("domain", Text),
    Column("command_id", Text),
    Column("version", BigInteger),
    Column("cause", Text),
    Column("outcome", Text),
    Column("stage", Integer),
    Column("epoch", Integer),
    Column("why", Text),
    Column("same", Boolean),
)
command_bulk_act = Table(
    "command_bulk_act",
    metadata,
    Column("tenant_id", Uuid),
    Column("operation_id", Uuid),
    Column("bulk_id", Uuid),
    Column("act", Text),
    Column("actor", Uuid),
    Column("reason", Text),
    Column("digest", Text),
    Column("state", Text),
    Column("version", BigInteger),
    Column("at", moment),
)
