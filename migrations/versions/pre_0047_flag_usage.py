"""Evaluations of flags are counted, and so are the places where sources name them."""

from migrations.statements import run

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0050_flag_usage.sql")
