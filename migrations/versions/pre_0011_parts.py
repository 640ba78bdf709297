"""A rollout has parts, and each of them its own way."""

from migrations.statements import run

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0014_parts.sql")
