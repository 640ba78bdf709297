"""Whoever posts asks the guard, which holds the gate of the period open until the posting has ended."""

from migrations.statements import run

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0023_period_gates.sql", "0023_posting_guard.sql")
