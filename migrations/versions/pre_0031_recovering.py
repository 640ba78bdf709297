"""Closes and reopenings that lost their process are found, and so are closes beneath which something was posted."""

from migrations.statements import run

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0028_recovering.sql")
