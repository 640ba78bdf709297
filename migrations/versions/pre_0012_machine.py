"""A rollout knows its strategy's course, and what replaced it."""

from migrations.statements import run

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0015_machine.sql")
