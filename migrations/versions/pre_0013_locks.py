"""Targets are locked by one rollout at a time, and others wait their turn."""

from migrations.statements import run

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0016_locks.sql")
