"""Shared rules stand in `flag` now; the column that nobody wrote goes once no old process reads it."""

from migrations.statements import run

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0006_evaluators.sql")
