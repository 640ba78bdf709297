"""Instances tell which revision they hold."""

from migrations.statements import run

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0019_instances.sql")
