"""Modules with books in another database set their gates themselves, and say when they have."""

from migrations.statements import run

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0025_fences.sql")
