"""The tables of books, gates and exceptions as queries see them; the migrations own their shape."""

from sqlalchemy import ARRAY, BigInteger, Boolean, Column, Integer, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import TSTZRANGE

from adapters.postgres.tables import metadata, moment

entity_books, entity_books_version = (
    Table(
        name,
        metadata,
        Column("tenant_id", Uuid),
        Column("entity", Text),
        Column("calendar_id", Uuid),
        Column("late_entries", Text),
        Column("most_open", Integer),
        Column("opens_itself", Boolean),
        Column("version", BigInteger),
    )
    for name in ("entity_books", "entity_books_version")
)
posting_scope = Table(
    "posting_scope",
    metadata,
    Column("tenant_id", Uuid),
    Column("code", Text),
    Column("name", Text),
    Column("ledger", Boolean),
    Column("sequential", Boolean),
    Column("version", BigInteger),
)
period_gate, period_gate_history = (
    Table(
        name,
        metadata,
        Column("tenant_id", Uuid),
        Column("entity", Text),
        Column("period_id", Uuid),
        Column("scope", Text),
        Column("status", Text),
        Column("posting", Text),
        Column("epoch", BigInteger),
        Column("changed_by", Uuid),
        Column("changed_at", moment),
        Column("reason", Text),
    )
    for name in ("period_gate", "period_gate_history")
)
posting_exception = Table(
    "posting_exception",
    metadata,
    Column("tenant_id", Uuid),
    Column("exception_id", Uuid),
    Column("entity", Text),
    Column("period_id", Uuid),
    Column("scope", Text),
    Column("grantee", Text),
    Column("who", Text),
    Column("operations", ARRAY(Text)),
    Column("reason", Text),
    Column("granted_by", Uuid),
    Column("granted_at", moment),
    Column("valid", TSTZRANGE),
    Column("most_entries", Integer),
    Column("used", Integer),
    Column("revoked_at", moment),
    Column("revoked_by", Uuid),
)
posting_exception_use = Table(
    "posting_exception_use",
    metadata,
    Column("tenant_id", Uuid),
    Column("exception_id", Uuid),
    Column("use_id", BigInteger),
    Column("used_at", moment),
    Column("actor", Uuid),
    Column("operation", Text),
    Column("epoch", BigInteger),
)
run_token = Table(
    "run_token",
    metadata,
    Column("tenant_id", Uuid),
    Column("token", Uuid),
    Column("run", Uuid),
    Column("entity", Text),
    Column("period_id", Uuid),
    Column("scope", Text),
)
