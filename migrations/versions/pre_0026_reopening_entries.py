"""A window lets in so many entries and no more, and says how each of its periods is certified anew."""

from migrations.statements import run

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0029_reopening_entries.sql")
