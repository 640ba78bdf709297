"""The tables of groups, comments and past policies as queries see them."""

from sqlalchemy import BigInteger, Column, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from adapters.postgres.tables import environment, metadata, moment

people_group = Table(
    "people_group",
    metadata,
    Column("tenant_id", Uuid),
    Column("name", Text),
    Column("version", BigInteger),
    Column("members", ARRAY(Uuid)),
)
approval_comment = Table(
    "approval_comment",
    metadata,
    Column("tenant_id", Uuid),
    Column("comment_id", Uuid),
    Column("approval_id", Uuid),
    Column("author", Uuid),
    Column("words", Text),
    Column("written_at", moment),
)
approval_policy_version = Table(
    "approval_policy_version",
    metadata,
    Column("tenant_id", Uuid),
    Column("environment", environment),
    Column("kind", Text),
    Column("version", BigInteger),
    Column("policy", JSONB),
)
