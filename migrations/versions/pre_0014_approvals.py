"""Approvals escalate, are broken open in emergencies, and are looked at afterwards."""

from migrations.statements import run

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0017_approvals.sql")
