"""What was committed is told to whoever asked for it."""

from migrations.statements import run

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0011_events.sql")
