"""The tables of uploads, imports and syncs as queries see them; the migrations own their shape."""

from sqlalchemy import BigInteger, Boolean, Column, Integer, LargeBinary, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from adapters.postgres.tables import environment, metadata, moment

upload = Table(
    "upload",
    metadata,
    Column("tenant_id", Uuid),
    Column("upload_id", Uuid),
    Column("owner", Uuid),
    Column("bytes", BigInteger),
    Column("digest", Text),
    Column("created_at", moment),
    Column("expires_at", moment),
)
upload_piece = Table(
    "upload_piece",
    metadata,
    Column("tenant_id", Uuid),
    Column("upload_id", Uuid),
    Column("number", Integer),
    Column("content", LargeBinary),
)
bundle_import = Table(
    "bundle_import",
    metadata,
    Column("tenant_id", Uuid),
    Column("import_id", Uuid),
    Column("upload_id", Uuid),
    Column("environment", environment),
    Column("requester", Uuid),
    Column("options", JSONB),
    Column("reason", Text),
    Column("state", Text),
    Column("change_id", Uuid),
    Column("outcome", JSONB(none_as_null=True)),
    Column("started", Boolean),
    Column("created_at", moment),
    Column("ended_at", moment),
)
bundle_import_progress = Table(
    "bundle_import_progress",
    metadata,
    Column("tenant_id", Uuid),
    Column("import_id", Uuid),
    Column("phase", Text),
    Column("done", Integer),
    Column("total", Integer),
    Column("at", moment),
)
bundle_sync = Table(
    "bundle_sync",
    metadata,
    Column("tenant_id", Uuid),
    Column("sync_id", Uuid),
    Column("environment", environment),
    Column("checksum", Text),
    Column("content", LargeBinary),
    Column("change_id", Uuid),
    Column("synced_by", Uuid),
    Column("synced_at", moment),
)
