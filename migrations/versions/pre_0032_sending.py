"""Modules in the same database send commands in their own transactions."""

from migrations.statements import run

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0035_sending.sql")
