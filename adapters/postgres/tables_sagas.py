"""The tables of processes as queries see them; the migrations own their shape."""

from sqlalchemy import BigInteger, Boolean, Column, Integer, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from adapters.postgres.tables import metadata, moment

process_type = Table(
    "process_type",
    metadata,
    Column("type", Text),
    Column("schema_version", Integer),
    Column("schema", JSONB),
    Column("put_at", moment),
)
saga = Table(
    "saga",
    metadata,
    Column("tenant_id", Uuid),
    Column("type", Text),
    Column("process_id", Text),
    Column("domain", Text),
    Column("schema_version", Integer),
    Column("data", JSONB),
    Column("fingerprint", Text),
    Column("starter", Uuid),
    Column("started_at", moment),
    Column("correlation", Uuid),
    Column("causation", Text),
    Column("change_id", Uuid),
    Column("state", Text),
    Column("planned", Boolean),
    Column("back", Boolean),
    Column("why", Text),
    Column("ended_at", moment),
    Column("version", BigInteger),
    Column("changed_at", moment),
    Column("told_version", BigInteger),
    Column("told_at", moment),
)
saga_step = Table(
    "saga_step",
    metadata,
    Column("tenant_id", Uuid),
    Column("type", Text),
    Column("process_id", Text),
    Column("place", Integer),
    Column("name", Text),
    Column("undoable", Boolean),
    Column("state", Text),
    Column("domain", Text),
    Column("command_id", Text),
    Column("due_at", moment),
    Column("result", JSONB(none_as_null=True)),
    Column("undo_domain", Text),
    Column("undo_id", Text),
    Column("undos", Integer),
    Column("why", Text),
)
saga_operation = Table(
    "saga_operation",
    metadata,
    Column("tenant_id", Uuid),
    Column("operation_id", Uuid),
    Column("type", Text),
    Column("process_id", Text),
    Column("act", Text),
    Column("actor", Uuid),
    Column("reason", Text),
    Column("digest", Text),
    Column("state", Text),
    Column("version", BigInteger),
    Column("at", moment),
)
