"""The bucketing of a flag set is versioned, and changes as its flags do."""

from migrations.statements import run

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0052_flag_bucketing.sql")
