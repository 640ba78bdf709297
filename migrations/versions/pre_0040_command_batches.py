"""Commands of a batch end with one callback."""

from migrations.statements import run

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0043_command_batches.sql")
