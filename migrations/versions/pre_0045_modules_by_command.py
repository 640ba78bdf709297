"""A module elsewhere may hear of its gates by commands."""

from migrations.statements import run

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0048_modules_by_command.sql")
