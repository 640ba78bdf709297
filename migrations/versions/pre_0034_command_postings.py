"""A command that posts says in whose books and on which day."""

from migrations.statements import run

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0037_command_postings.sql")
