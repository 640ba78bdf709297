"""A command is one row, from when it is sent until it is over: message, state and what became of it."""

from migrations.statements import run

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0031_commands.sql")
