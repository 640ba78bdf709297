"""A rollout says what kind of target it is of."""

from migrations.statements import run

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0007_kinds.sql")
