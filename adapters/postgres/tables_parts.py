"""The table of parts as queries see it; the migrations own its shape."""

from sqlalchemy import BigInteger, Column, Integer, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from adapters.postgres.tables import environment, metadata

rollout_part = Table(
    "rollout_part",
    metadata,
    Column("tenant_id", Uuid),
    Column("rollout_id", Uuid),
    Column("ordinal", Integer),
    Column("target_tenant", Uuid),
    Column("slug", Text),
    Column("environment", environment),
    Column("kind", Text),
    Column("key", Text),
    Column("base_version", BigInteger),
    Column("live_version", BigInteger),
    Column("stage", Integer),
    Column("state", Text),
    Column("revision", BigInteger),
    Column("held", JSONB(none_as_null=True)),
    Column("why", Text),
    Column("refusals", Integer),
)
