"""Policies look at how far a change reaches and how much it exposes."""

from migrations.statements import run

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0010_policies.sql")
