"""People decide about parked commands."""

from migrations.statements import run

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0036_parked_commands.sql")
