"""The tables of limits and breakers as queries see them; the migrations own their shape."""

from sqlalchemy import BigInteger, Column, Double, Integer, Table, Text, Uuid

from adapters.postgres.tables import metadata, moment


def _bucket() -> list[Column[object]]:
    return [Column("type", Text), Column("tokens", Double), Column("filled_at", moment)]


def _breaker() -> list[Column[object]]:
    return [
        Column("dependency", Text),
        Column("state", Text),
        Column("failures", Integer),
        Column("rests", Integer),
        Column("held_until", moment),
        Column("since", moment),
        Column("reason", Text),
        Column("opened_by", Uuid),
        Column("version", BigInteger),
    ]


command_bucket = Table("command_bucket", metadata, Column("tenant_id", Uuid), *_bucket())
command_shared_bucket = Table("command_shared_bucket", metadata, *_bucket())
command_breaker = Table("command_breaker", metadata, Column("tenant_id", Uuid), *_breaker())
command_shared_breaker = Table("command_shared_breaker", metadata, *_breaker())
command_dependency = Table(
    "command_dependency",
    metadata,
    Column("type", Text),
    Column("dependency", Text),
    Column("scope", Text),
    Column("apart", Text),
)
command_breaker_operation = Table(
    "command_breaker_operation",
    metadata,
    Column("tenant_id", Uuid),
    Column("operation_id", Uuid),
    Column("dependency", Text),
    Column("act", Text),
    Column("actor", Uuid),
    Column("reason", Text),
    Column("digest", Text),
    Column("state", Text),
    Column("version", BigInteger),
    Column("at", moment),
)
