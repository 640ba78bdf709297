"""The table of progress as queries see it; the migration owns its shape."""

from sqlalchemy import Column, Integer, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from adapters.postgres.tables import metadata, moment

command_progress = Table(
    "command_progress",
    metadata,
    Column("tenant_id", Uuid),
    Column("domain", Text),
    Column("command_id", Text),
    Column("epoch", Integer),
    Column("attempt", Integer),
    Column("said", JSONB),
    Column("told_at", moment),
)
