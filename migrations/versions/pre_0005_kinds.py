"""A rollout says what kind of target it is of."""

from migrations.statements import run

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0008_kinds.sql")
