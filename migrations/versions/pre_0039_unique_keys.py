"""Commands have a unique key and somebody who is told how they end, and old ones are purged."""

from migrations.statements import run

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0042_unique_keys.sql")
