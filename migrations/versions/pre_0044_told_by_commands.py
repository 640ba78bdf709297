"""What waits to be told when this is released is told by commands."""

from migrations.statements import run

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0047_told_by_commands.sql")
