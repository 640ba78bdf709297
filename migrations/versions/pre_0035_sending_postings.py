"""Modules in the same database send commands that post."""

from migrations.statements import run

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0038_sending_postings.sql")
