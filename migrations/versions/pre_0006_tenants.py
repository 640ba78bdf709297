"""Tenants have tiers, parents and ends."""

from migrations.statements import run

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0009_tenants.sql")
