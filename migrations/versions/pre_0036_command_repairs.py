"""Parked commands are edited before a retry, and what is grave asks a second person."""

from migrations.statements import run

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0039_command_repairs.sql")
