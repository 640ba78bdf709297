"""Periods whose books say so open on their first day."""

from migrations.statements import run

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0026_openings.sql")
